"""How long an honest visitor waits while 8 attackers do their worst, one attack after the other, and what that takes.

python tests/benchmarks/siege.py [--seconds 20] [--attacks json,slow,...] [--one-address]

All goes over loopback as through a proxy: each attacker has an address of its own, unless --one-address is given, where the
visitor has the same one. The attackers' processes are nice, as elsewhere they would not take this machine's processor.
"Page" is a comparison of two drawings on the page, "program" one through the endpoint /compare.
"""

import argparse
import functools
import http.client
import io
import itertools
import json
import multiprocessing
import os
import secrets
import socket
import statistics
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from app_fixtures import running_app
from PIL import Image

from siamese.data.datasets.mnist import load_sample_digits
from siamese.demo.elements import picture

ATTACKERS, PAUSE, RECOVERY = 8, 0.2, 60  # s between two comparisons, and after which all is to be as before
PATIENCE, STARTING = 60, 8  # s, for an answer, and until the attackers have started
KIND = {"Content-Type": "application/json"}
API = "/gradio_api"


class Sender:
    """Sends requests as from one address."""

    def __init__(self, port: int, address: str | None) -> None:
        self.port, self.headers = port, {"X-Forwarded-For": address} if address else {}

    def send(self, method: str, path: str, body: bytes = b"", kind: dict | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, self.headers | (kind or {}))
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def post(self, path: str, value: object) -> dict:
        status, text = self.send("POST", API + path, json.dumps(value).encode(), KIND)
        if status != 200:
            raise OSError(f"{status} {text[:200]!r}")
        return json.loads(text)

    def upload(self, content: bytes, name: str = "a.png") -> str:
        head = f'--x\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'.encode()
        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        status, text = self.send("POST", f"{API}/upload", head + content + b"\r\n--x--\r\n", kind)
        if status != 200:
            raise OSError(f"{status} {text[:200]!r}")
        return json.loads(text)[0]

    def raw(self, head: str) -> socket.socket:
        """A connection on which this has been sent, and its own headers."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        own = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        connection.sendall(head.replace("HEADERS", f"Host: a\r\n{own}").encode())
        return connection


def listeners(port: int) -> dict:
    """The page's own, by widget and event."""
    config = json.loads(Sender(port, None).send("GET", "/config")[1])
    names = {part["id"]: part["props"].get("elem_id") for part in config["components"]}
    found = {(names.get(part), event): each for each in config["dependencies"] for part, event in each["targets"]}
    show = [each for each in config["dependencies"] if each["queue"] is False and len(each["outputs"]) == 5]
    return found | {"show": show[0]}


# ---- The honest visitor ----


class Visitor:
    """Compares on the page and in a program, again and again; how long each took."""

    def __init__(self, port: int, address: str | None) -> None:
        self.sender, self.waited, self.wrong = Sender(port, address), {"page": [], "program": []}, []
        images, _ = load_sample_digits()
        self._drawings = [picture(255 - np.asarray(Image.fromarray(image).resize((400, 400))), "") for image in images[:2]]
        self._drawings = [drawing.split('src="')[1].split('"')[0] for drawing in self._drawings]
        files = []
        for image in images[:2]:
            buffer = io.BytesIO()
            Image.fromarray(image).save(buffer, "PNG")
            files.append({"path": self.sender.upload(buffer.getvalue()), "meta": {"_type": "gradio.FileData"}})
        self._files, self._show, self._turn = files, listeners(port)["show"]["id"], itertools.count(1)
        self._session = secrets.token_hex(8)

    def on_page(self) -> None:
        first, second = self._drawings
        settings = [next(self._turn), "digits (bundled)", None, None, 0.9, False]
        data = [*settings, "draw", first, None, "draw", second, None]
        answer = self.sender.post("/run/predict", {"data": data, "fn_index": self._show, "session_hash": self._session})
        assert "Same" in answer["data"][0] or "Different" in answer["data"][0]

    def in_program(self) -> None:
        event = self.sender.post("/call/compare", {"data": self._files})["event_id"]
        text = self.sender.send("GET", f"{API}/call/compare/{event}")[1].decode()
        assert "event: complete" in text, text[:200]

    def visit(self, seconds: float) -> None:
        """Compare for so long."""
        self.waited, self.wrong = {"page": [], "program": []}, []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for name, compare in (("page", self.on_page), ("program", self.in_program)):
                started = time.monotonic()
                try:
                    compare()
                except (OSError, AssertionError, http.client.HTTPException) as error:
                    self.wrong.append(f"{name}: {type(error).__name__} {error}"[:200])
                self.waited[name].append(time.monotonic() - started)
                time.sleep(PAUSE)


# ---- The attackers ----


def huge_json(sender: Sender, end: float) -> None:
    """20 MB of brackets."""
    body = b'{"fn_index":0,"session_hash":"x","data":[' + b"[]," * 6_900_000 + b"1]}"
    while time.monotonic() < end:
        with suppress(OSError, http.client.HTTPException):
            sender.send("POST", f"{API}/queue/join", body, KIND)


def brackets(sender: Sender, end: float) -> None:
    """As much JSON as is allowed."""
    body = b'{"fn_index":0,"session_hash":"x","data":[' + b"[]," * 330_000 + b"1]}"
    while time.monotonic() < end:
        with suppress(OSError, http.client.HTTPException):
            sender.send("POST", f"{API}/queue/join", body, KIND)


def slow_bodies(sender: Sender, end: float) -> None:
    """Half of 25 bodies each, then a byte a second."""
    head = f"POST {API}/queue/join HTTP/1.1\r\nHEADERSContent-Type: application/json\r\nContent-Length: 900000\r\n\r\n"
    opened: list[socket.socket] = []
    while time.monotonic() < end:
        with suppress(OSError):
            while len(opened) < 25:
                opened.append(sender.raw(head + "[" * 400_000))
        for connection in opened[:]:
            try:
                connection.sendall(b"[")
            except OSError:
                opened.remove(connection)
        time.sleep(1)


def idle(sender: Sender, end: float) -> None:
    """25 connections each that say nothing, or half of their headers."""
    opened: list[socket.socket] = []
    while time.monotonic() < end:
        with suppress(OSError):
            while len(opened) < 25:
                opened.append(sender.raw("GET / HTTP/1.1\r\nHEADERS" if len(opened) % 2 else ""))
        for connection in opened[:]:
            connection.setblocking(False)
            with suppress(BlockingIOError):
                try:
                    if not connection.recv(1):
                        opened.remove(connection)
                except ConnectionError:
                    opened.remove(connection)
        time.sleep(0.5)


def small_uploads(sender: Sender, end: float) -> None:
    """10,000 files of a kilobyte, each another, of all attackers together."""
    for _ in range(10_000 // ATTACKERS):
        if time.monotonic() > end:
            return
        with suppress(OSError, http.client.HTTPException):
            sender.upload(secrets.token_bytes(1000))


@functools.cache
def archive() -> bytes:
    """A ZIP of class folders that unpacks to 199 MB."""
    buffer, noise = io.BytesIO(), np.random.default_rng(0)
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        for number in range(199):
            picture = io.BytesIO()
            pixels = np.repeat(noise.integers(0, 256, (10, 1000), np.uint8), 100, axis=0)
            Image.fromarray(pixels).save(picture, "BMP")
            packed.writestr(f"class {number % 5}/{number}.bmp", picture.getvalue())
    return buffer.getvalue()


def archives(sender: Sender, end: float) -> None:
    """Pages that bring it again and again."""
    content, of_page = archive(), listeners(sender.port)
    upload, opened = of_page["archive", "upload"], None
    for each in of_page.values():
        opened = each["id"] if each["outputs"] == [upload["inputs"][1]] else opened
    while time.monotonic() < end:
        with suppress(OSError, http.client.HTTPException, LookupError):
            session = secrets.token_hex(8)
            page = sender.raw(f"GET {API}/heartbeat/{session} HTTP/1.1\r\nHEADERS\r\n")
            ask = {"fn_index": opened, "session_hash": session, "data": []}
            sender.post("/queue/join", ask)
            sender.send("GET", f"{API}/queue/data?session_hash={session}")
            file = {"path": sender.upload(content, "a.zip"), "meta": {"_type": "gradio.FileData"}, "orig_name": "a.zip"}
            sender.post("/queue/join", ask | {"fn_index": upload["id"], "data": [file, None]})
            sender.send("GET", f"{API}/queue/data?session_hash={session}")
            page.close()


def queue_flood(sender: Sender, end: float) -> None:
    """Comparisons and starts of trainings, each in a new session whose answers nobody fetches."""
    of_page = listeners(sender.port)
    images, _ = load_sample_digits()
    buffer = io.BytesIO()
    Image.fromarray(images[0]).resize((2000, 2000)).save(buffer, "PNG")
    file = {"path": sender.upload(buffer.getvalue()), "meta": {"_type": "gradio.FileData"}}
    start = of_page["start", "click"]
    while time.monotonic() < end:
        with suppress(OSError, http.client.HTTPException):
            sender.post("/call/compare", {"data": [file, file]})
            session = secrets.token_hex(8)
            values = [None, "automatic", "supcon", 40][: len(start["inputs"])]
            sender.post("/queue/join", {"fn_index": start["id"], "session_hash": session, "data": values})


ATTACKS: dict[str, Callable[[Sender, float], None]] = {
    "json": huge_json, "brackets": brackets, "slow": slow_bodies, "idle": idle, "uploads": small_uploads, "zips": archives,
    "queue": queue_flood,
}  # fmt: skip


def attack(name: str, port: int, seconds: float, one_address: bool) -> None:
    """All attackers, in a process of their own."""
    os.nice(19)
    archive()
    end = time.monotonic() + seconds + 1
    addresses = [None if one_address else f"198.51.100.{number}" for number in range(1, ATTACKERS + 1)]
    count = 10 if name == "zips" else ATTACKERS  # pages
    senders = [Sender(port, addresses[number % ATTACKERS]) for number in range(count)]
    threads = [threading.Thread(target=ATTACKS[name], args=(sender, end), daemon=True) for sender in senders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0, end - time.monotonic()))
    os._exit(0)  # whatever is still under way: attackers do not wait


# ---- What it takes ----


def memory(pid: int) -> float:
    """MB of the server and the processes that it has started."""
    found, waiting = 0.0, [pid]
    while waiting:
        each = waiting.pop()
        with suppress(OSError):
            status = Path(f"/proc/{each}/status").read_text()
            found += int(status.split("VmRSS:")[1].split()[0]) / 1000 if "VmRSS:" in status else 0
            for task in Path(f"/proc/{each}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
    return found


def disk(folder: Path) -> float:
    """MB of blocks of all that lies there."""
    total = 0
    with suppress(FileNotFoundError):  # the server has ended, and its folders go
        for path in folder.rglob("*"):
            with suppress(OSError):
                total += path.lstat().st_blocks * 512
    return total / 1e6


class Usage:
    """The most memory and disk that a server takes while this is open."""

    def __init__(self, pid: int, folder: Path) -> None:
        self.memory = self.disk = 0.0
        self._pid, self._folder, self._ended = pid, folder, threading.Event()

    def __enter__(self) -> "Usage":
        threading.Thread(target=self._look, daemon=True).start()
        return self

    def _look(self) -> None:
        while not self._ended.wait(0.5):
            self.memory = max(self.memory, memory(self._pid))
            self.disk = max(self.disk, disk(self._folder))

    def __exit__(self, *error: object) -> None:
        self._ended.set()


def main(argv: list[str] | None = None) -> int:
    """Print a line for the quiet server, each attack, and what is left a minute later."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20, help="of each attack (default: 20)")
    parser.add_argument("--attacks", default=",".join(ATTACKS), help="which (default: all)")
    parser.add_argument("--one-address", action="store_true", help="attackers and visitor share one")
    arguments = parser.parse_args(argv)
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as name, running_app(Path(name), TMPDIR=name) as app:
        folder, port, pid = Path(name), urlsplit(app.url).port, app.process.pid
        visitor = Visitor(port, None if arguments.one_address else "203.0.113.1")
        visitor.visit(3)  # warm

        def row(what: str, usage: Usage) -> None:
            of = {kind: (statistics.median(waited), max(waited)) for kind, waited in visitor.waited.items()}
            for kind, found in of.items():
                base.setdefault(kind, found[0])
            said = "; ".join(
                f"{kind} median {1000 * median:.0f} ms ({median / base[kind]:.2f}x quiet), worst {worst:.2f} s"
                for kind, (median, worst) in of.items()
            )
            print(f"{what}: {said}; at most {usage.memory:.0f} MB of memory, {usage.disk:.0f} MB of disk", flush=True)
            if visitor.wrong:
                print(f"  {len(visitor.wrong)} went wrong, the first: {visitor.wrong[0]}", flush=True)

        base: dict[str, float] = {}
        with Usage(pid, folder) as usage:
            visitor.visit(arguments.seconds)
            row("quiet", usage)
        for each in arguments.attacks.split(","):
            attackers = context.Process(target=attack, args=(each, port, arguments.seconds, arguments.one_address))
            attackers.start()
            time.sleep(STARTING)
            with Usage(pid, folder) as usage:
                visitor.visit(arguments.seconds)
                row(each, usage)
            attackers.join()
        time.sleep(RECOVERY)
        with Usage(pid, folder) as usage:
            visitor.visit(arguments.seconds)
            row(f"{RECOVERY} s later", usage)
        opened, tracebacks = len(list(Path(f"/proc/{pid}/fd").iterdir())), app.log.read_text().count("Traceback")
        print(f"{opened} open files, {tracebacks} tracebacks in the log")
    return 0


if __name__ == "__main__":
    sys.exit(main())
