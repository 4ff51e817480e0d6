"""How many requests a second `siamese serve` answers to 50 clients, beside servers that compute nothing or take a queue.

python tests/benchmarks/throughput.py [--clients 50] [--rounds 5] [--seconds 5] [--rows bare,serve,...] [--before FOLDER]

In turns, round by round: `bare` is a FastAPI endpoint with the same uvicorn settings, which reads two uploads and returns a
constant; `serve` is /v1/compare; `gradio` is /compare of the demo through gradio_client; `before` is /v1/compare of a
checkout of older code. Each client sends two digits as PNG files, waits for the answer and sends the next. Any status but
200 is an error, and so is an answer of `serve` that is not to the bit what Verifier.verify says.

`embed` sends 256 digits in one request to /v1/embed, one client alone, beside the network itself on ready tensors in this
process: in batches of the best size, whose bits may differ, with one thread and with all.
"""

import argparse
import asyncio
import contextlib
import json
import math
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import torch
from app_fixtures import ROOT, app_environment, running_app
from http_pictures import form, png_files

from siamese import Verifier
from siamese.data.datasets.mnist import load_sample_digits
from siamese.images.canonical import to_tensor

PAIRS, EMBEDDED, BATCHES = 200, 256, (8, 32, 256)
SERVE = ("-m", "siamese", "serve")
ROWS = ("bare", "serve", "gradio", "before", "embed")
Row = tuple[float, list[float], list[str]]  # requests a second, the seconds that each took, and errors
TICK = 1 / os.sysconf("SC_CLK_TCK")  # s
CONSTANT = {
    "is_same": True, "probability_same": 0.9, "confidence": 0.9, "distance": 0.1, "threshold": 0.9, "is_familiar": True,
    "remark": "", "model": "none",
}  # fmt: skip


def serve_bare(port: int) -> None:
    """The endpoint that does nothing, until the process is ended."""
    import uvicorn
    from fastapi import FastAPI, UploadFile

    app = FastAPI()

    @app.post("/v1/compare")
    async def compare(image_a: UploadFile, image_b: UploadFile) -> dict:
        await image_a.read()
        await image_b.read()
        return CONSTANT

    uvicorn.run(app, host="127.0.0.1", port=port, http="h11", proxy_headers=False, log_level="warning")


def request(path: str, pictures: list[tuple[str, bytes]]) -> bytes:
    """What is sent, with its headers."""
    kind, body = form(pictures)
    return b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n" % (
        path.encode(), kind.encode(), len(body),
    ) + body  # fmt: skip


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sent: bytes) -> tuple[int, bytes]:
    """Status and body of the answer."""
    writer.write(sent)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
    return int(head[9:12]), await reader.readexactly(length)


async def load(port: int, sent: list[bytes], clients: int, seconds: float, expected: list[dict] | None) -> Row:
    """Of so many clients for so long."""
    took: list[float] = []
    wrong: list[str] = []
    end = time.perf_counter() + seconds

    async def client(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (started := time.perf_counter()) < end:
            number = (number + clients) % len(sent)
            status, body = await ask(reader, writer, sent[number])
            took.append(time.perf_counter() - started)
            if status != 200 or (expected and json.loads(body) != expected[number]):
                wrong.append(f"{status} {body[:200]!r}")
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(client(number) for number in range(clients)))
    return len(took) / (time.perf_counter() - started), took, wrong


def gradio_load(url: str, folder: Path, pngs: list[bytes], clients: int) -> Callable[[float], Row]:
    """What loads the demo for some seconds, with so many clients that are connected already."""
    from demo_load import load as compare
    from gradio_client import Client

    connected = [Client(url, verbose=False) for _ in range(clients)]
    paths = [folder / f"{number}.png" for number in range(len(pngs))]
    for path, content in zip(paths, pngs, strict=True):
        path.write_bytes(content)

    def load_once(seconds: float) -> Row:
        spent, took, wrong = compare(connected, paths, math.inf, seconds)
        return len(took) / spent, took, wrong

    return load_once


@contextlib.contextmanager
def running(*command: str, folder: Path = ROOT, log: TextIO | None = None) -> Iterator[tuple[int, int]]:
    """Port and process of a server that is started by a command with --port, in a checkout."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, *command, "--port", str(port)], env=app_environment(), cwd=folder, stdout=log, stderr=log
    )
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.2)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(30)


def processor_seconds(pid: int) -> float:
    """What a process has taken of processors so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * TICK


def compared(rows: list[str], clients: int, rounds: int, seconds: float, before: Path) -> bool:
    """Print a line for each row, and the ratios; whether all went well."""
    digits, verifier = load_sample_digits()[0], Verifier.from_pretrained()
    pngs, places = png_files(digits), [(number, (7 * number + 1) % len(digits)) for number in range(PAIRS)]
    sent = [request("/v1/compare", [("image_a", pngs[a]), ("image_b", pngs[b])]) for a, b in places]
    verdicts = [verifier.verify(digits[a], digits[b]).to_dict() | {"model": verifier.name} for a, b in places]
    found: dict[str, list[Row]] = {row: [] for row in rows}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        loads: dict[str, Callable[[float], Row]] = {}
        pids: dict[str, int] = {}
        spent = dict.fromkeys(rows, 0.0)
        commands = {
            "bare": ((__file__, "--serve-bare"), ROOT, None),
            "serve": (SERVE, ROOT, verdicts),
            "before": (SERVE, before, None),
        }
        for row, (command, tree, expected) in commands.items():
            if row in rows:
                port, pids[row] = stack.enter_context(running(*command, folder=tree))
                loads[row] = lambda seconds, port=port, expected=expected: asyncio.run(
                    load(port, sent, clients, seconds, expected)
                )
        if "gradio" in rows:
            app = stack.enter_context(running_app(folder))
            pids["gradio"] = app.process.pid
            loads["gradio"] = gradio_load(app.url, folder, pngs[:PAIRS], clients)
        for row in rows:
            loads[row](1)  # warm
        for _ in range(rounds):
            for row in rows:
                before_it = processor_seconds(pids[row])
                found[row].append(loads[row](seconds))
                spent[row] += processor_seconds(pids[row]) - before_it
    for row in rows:
        took, wrong = (sorted(value for part in found[row] for value in part[place]) for place in (1, 2))
        rates = [part[0] for part in found[row]]
        print(
            f"{row}: {statistics.median(rates):.0f} a second ({min(rates):.0f} to {max(rates):.0f}), "
            f"median {1000 * statistics.median(took):.0f} ms, p99 {1000 * took[int(0.99 * len(took))]:.0f} ms, "
            f"slowest {1000 * took[-1]:.0f} ms, "
            f"{1000 * spent[row] / len(took):.2f} ms of a processor each, {len(wrong)} errors of {len(took)}"
            + (f": {wrong[0]}" if wrong else "")
        )
    for row in rows:
        if "serve" in rows and row != "serve":
            ratios = [ours[0] / other[0] for ours, other in zip(found["serve"], found[row], strict=True)]
            print(f"serve against {row}: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
    return not any(part[2] for parts in found.values() for part in parts)


def embedded(rounds: int) -> bool:
    """Print images a second of /v1/embed and of the bare encoder, and the ratios; whether the bits are right."""
    verifier, digits = Verifier.from_pretrained(), load_sample_digits()[0][:EMBEDDED]
    sent = request("/v1/embed", [("images", png) for png in png_files(digits)])
    tensors, encode = to_tensor(np.stack([verifier.canonical(digit) for digit in digits])), verifier.network.eval()
    expected, seconds, right = verifier.embed(list(digits)), {}, True
    all_threads = torch.get_num_threads()

    async def once(port: int) -> tuple[int, bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 24)
        try:
            return await ask(reader, writer, sent)
        finally:
            writer.close()

    with torch.inference_mode(), running(*SERVE) as (port, _):
        for turn in range(rounds + 1):
            started = time.perf_counter()
            status, body = asyncio.run(once(port))
            times = {"/v1/embed": time.perf_counter() - started}
            right &= status == 200 and np.array_equal(np.float32(json.loads(body)["embeddings"]), expected)
            for threads in dict.fromkeys((1, all_threads)):
                torch.set_num_threads(threads)
                for size in BATCHES:
                    started = time.perf_counter()
                    for part in tensors.split(size):
                        encode(part)
                    times[threads, size] = time.perf_counter() - started
            if turn:  # the first is to warm up
                for what, took in times.items():
                    seconds.setdefault(what, []).append(took)
    rate = {what: EMBEDDED / statistics.median(took) for what, took in seconds.items()}
    ours = rate.pop("/v1/embed")
    print(f"/v1/embed: {ours:.0f} images a second, the bits {'right' if right else 'WRONG'}")
    for threads in dict.fromkeys((1, all_threads)):
        size = max(BATCHES, key=lambda size, threads=threads: rate[threads, size])
        print(
            f"bare encoder, {threads} threads, {size} at a time: {rate[threads, size]:.0f} images a second; "
            f"/v1/embed {ours / rate[threads, size]:.0%} of that"
        )
    return right


def main(argv: list[str] | None = None) -> int:
    """Print what was found; 1 where an answer was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=50, help="at the same time (default: 50)")
    parser.add_argument("--rounds", type=int, default=5, help="of all rows (default: 5)")
    parser.add_argument("--seconds", type=float, default=5, help="of a row in a round (default: 5)")
    parser.add_argument("--rows", default=",".join(ROWS), help="which (default: all)")
    parser.add_argument("--before", type=Path, metavar="FOLDER", help="a checkout of older code, for a row of its own")
    parser.add_argument("--serve-bare", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.serve_bare:
        serve_bare(arguments.port)
        return 0
    rows, right = [row for row in ROWS if row in arguments.rows.split(",")], True
    rows = [row for row in rows if row != "before" or arguments.before]
    if others := [row for row in rows if row != "embed"]:
        right &= compared(others, arguments.clients, arguments.rounds, arguments.seconds, arguments.before)
    if "embed" in rows:
        right &= embedded(max(5, arguments.rounds))
    return int(not right)


if __name__ == "__main__":
    sys.exit(main())
