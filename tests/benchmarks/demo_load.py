"""Many clients at once: comparisons per second of the demo, against a bare gradio endpoint that returns a constant.

python tests/benchmarks/demo_load.py [--clients 50] [--comparisons 2000]

Both get the same files over the same API with the same queue settings, one after the other in one run; clients are threads
of this process. Any error of any client is counted, and the first one printed.
"""

import argparse
import contextlib
import itertools
import math
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[1]))

import gradio as gr
from app_fixtures import app_environment, running_app, write_pictures
from gradio_client import Client, handle_file

from siamese.data.datasets.mnist import load_sample_digits
from siamese.demo.base import AT_ONCE
from siamese.demo.page import MAX_WAITING

PICTURES = 10  # sets of four


def serve_bare(port: int) -> None:
    """The endpoint that does nothing, until the process is ended."""

    def compare(image_a: gr.FileData, image_b: gr.FileData) -> dict:
        return {"is_same": True}

    with gr.Blocks(analytics_enabled=False) as demo:
        gr.api(compare, api_name="compare")
    demo.queue(max_size=MAX_WAITING, default_concurrency_limit=AT_ONCE)
    demo.launch(server_name="127.0.0.1", server_port=port, quiet=True, ssr_mode=False, enable_monitoring=False)


@contextlib.contextmanager
def running_bare(folder: Path) -> Iterator[str]:
    """URL of the bare endpoint."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = app_environment(GRADIO_TEMP_DIR=str(folder / "bare-uploads"))
    process = subprocess.Popen([sys.executable, __file__, "--serve-bare", str(port)], env=environment)
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def load(
    connected: list[Client], pictures: list[Path], comparisons: float, most: float = math.inf
) -> tuple[float, list[float], list[str]]:
    """Seconds for all, seconds of each comparison, errors; none is begun after `most` seconds."""
    latencies, errors = [], []

    def work(number: int) -> None:
        for count in itertools.count(number, len(connected)):
            if count >= comparisons or time.perf_counter() - began >= most:
                break
            a, b = pictures[count % len(pictures)], pictures[(7 * count + 1) % len(pictures)]
            started = time.perf_counter()
            try:
                connected[number].predict(image_a=handle_file(a), image_b=handle_file(b), api_name="/compare")
            except Exception as error:  # whatever it is, it counts
                errors.append(f"{type(error).__name__}: {error}")
            latencies.append(time.perf_counter() - started)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(connected))]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began, latencies, errors


def main(argv: list[str] | None = None) -> int:
    """Print a line for the bare endpoint and one for the demo, and the ratio; 1 where a client met an error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=50, help="at the same time (default: 50)")
    parser.add_argument("--comparisons", type=int, default=2000, help="of all clients together (default: 2000)")
    parser.add_argument("--serve-bare", type=int, metavar="PORT", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.serve_bare:
        serve_bare(arguments.serve_bare)
        return 0

    rates, failed = {}, False
    with tempfile.TemporaryDirectory() as name:
        folder, pictures = Path(name), []
        images, _ = load_sample_digits()
        for number in range(PICTURES):
            (folder / str(number)).mkdir()
            pictures += write_pictures(folder / str(number), images[4 * number : 4 * number + 4]).values()
        for row in ("bare", "demo"):
            with running_bare(folder) if row == "bare" else running_app(folder) as running:
                url = running if row == "bare" else running.url
                connected = [Client(url, verbose=False) for _ in range(arguments.clients)]
                load(connected[:2], pictures, 20)  # warm
                seconds, latencies, errors = load(connected, pictures, arguments.comparisons)
            rates[row] = arguments.comparisons / seconds
            print(
                f"{row}: {arguments.comparisons:,} comparisons by {arguments.clients} clients, {rates[row]:.1f} a second, "
                f"median {1000 * statistics.median(latencies):.0f} ms, slowest {max(latencies):.1f} s, {len(errors)} errors"
                + (f", the first: {errors[0]}" if errors else ""),
                flush=True,
            )
            failed |= bool(errors)
    print(f"the demo answers at {rates['demo'] / rates['bare']:.0%} of the bare endpoint's rate")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
