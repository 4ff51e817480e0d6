"""Whatever comes to the open routes of the demo: no status of 500, no traceback, and no growth.

python -m venv /tmp/fuzz && /tmp/fuzz/bin/pip install schemathesis     # for itself: the demo does not need it
python tests/benchmarks/fuzz.py --python /tmp/fuzz/bin/python [--minutes 10] [--serve]

Schemathesis makes requests from a description of the routes, right ones and wrong ones; beside it, broken HTTP goes to bare
sockets. A status of 503 is an answer of a full queue, and counted apart. Exits with 1 where something was found.

With --serve it is `siamese serve`, and its own description (OpenAPI) that Schemathesis checks all answers by: all its checks
but that each request which fits the description is accepted, since none can say which bytes are a picture.
"""

import argparse
import collections
import contextlib
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[1]))

API = "/gradio_api"
WARM_UP = 0.2  # of the time, before growth is measured
MORE_THREADS = 40  # that may come after it: as many as Gradio's pool has for what is under way at the same time
GROWTH = 150  # MB of memory that may come after it: caches of torch and the last 10,000 callers that Gradio remembers
ANSWER_SECONDS = 1  # after which a stream is left
EXAMPLES = 25  # of one route in turn
ANYTHING: dict = {}
TEXT = {"type": "string", "maxLength": 2000}
FILE = {"type": "object", "properties": {"path": TEXT, "url": TEXT, "meta": ANYTHING, "orig_name": TEXT}}
ASKED = {
    "type": "object",
    "properties": {
        "fn_index": {"anyOf": [{"type": "integer", "minimum": -2, "maximum": 120}, ANYTHING]}, "session_hash": ANYTHING,
        "data": {"anyOf": [{"type": "array", "items": {"anyOf": [FILE, ANYTHING]}, "maxItems": 12}, ANYTHING]},
        "event_data": ANYTHING, "event_id": ANYTHING, "trigger_id": ANYTHING, "simple_format": ANYTHING,
        "batched": ANYTHING, "oauth_token": ANYTHING,
    },
}  # fmt: skip
QUERIES = {
    "/config": ("page", "deep_link"), "/": ("page", "deep_link", "__theme"), f"{API}/info": ("page", "all_endpoints"),
    f"{API}/queue/data": ("session_hash",), f"{API}/upload_progress": ("upload_id",),
}  # fmt: skip
READ = (
    "/", "/health", "/config", "/config/", "/favicon.ico", "/manifest.json", "/robots.txt", "/theme.css", "/assets/{x}",
    "/static/{x}", "/svelte/{x}", f"{API}/theme.css", f"{API}/info", f"{API}/openapi.json", f"{API}/app_id",
    f"{API}/startup-events", f"{API}/queue/status", f"{API}/queue/data", f"{API}/upload_progress", f"{API}/heartbeat/{{x}}",
    f"{API}/file={{x}}", f"{API}/call/compare/{{x}}", f"{API}/call/v2/embed/{{x}}",
)  # fmt: skip
ENDPOINTS = ("compare", "embed", "distances")
SENT = (
    f"{API}/queue/join", f"{API}/run/predict", f"{API}/cancel", f"{API}/reset", f"{API}/reset/",
    *(f"{API}/call/{version}{name}" for version in ("", "v2/") for name in ENDPOINTS),
)  # fmt: skip


def description() -> dict:
    """The open routes, as OpenAPI."""
    paths: dict = {}
    answers = {"responses": {"200": {"description": "done"}}}
    for path in READ:
        parameters = [{"name": name, "in": "query", "schema": TEXT} for name in QUERIES.get(path, ())]
        if "{x}" in path:
            parameters.append({"name": "x", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}})
        paths[path] = {"get": {"parameters": parameters} | answers}
    arguments = {
        "type": "object",
        "properties": {"image_a": FILE, "image_b": FILE, "images": {"type": "array", "items": FILE}},
    }
    for path in SENT:
        schema = {"anyOf": [arguments if "/v2/" in path else ASKED, ANYTHING]}
        paths[path] = {"post": {"requestBody": {"content": {"application/json": {"schema": schema}}}} | answers}
    file = {"type": "array", "items": {"type": "string", "format": "binary"}, "maxItems": 5}
    form = {"multipart/form-data": {"schema": {"type": "object", "properties": {"files": file}}}}
    upload_id = [{"name": "upload_id", "in": "query", "schema": TEXT}]
    paths[f"{API}/upload"] = {"post": {"requestBody": {"content": form}, "parameters": upload_id} | answers}
    return {"openapi": "3.0.2", "info": {"title": "demo", "version": "1"}, "paths": paths}


def fuzz_routes(url: str, end: float) -> None:
    """By Schemathesis, in its own environment; prints a line for each status of 500 and more, and the counts."""
    import requests
    import schemathesis
    from hypothesis import HealthCheck, Phase, given, seed, settings

    schema = schemathesis.openapi.from_dict(description())
    operations = [found.ok() for found in schema.get_all_operations()]
    counts: collections.Counter[int] = collections.Counter()
    modes = [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE]
    rounds = 0
    while time.time() < end:
        rounds += 1
        for operation, mode in ((operation, mode) for operation in operations for mode in modes):
            if time.time() > end:
                break

            @seed(rounds)
            @settings(
                max_examples=EXAMPLES, deadline=None, database=None, phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )  # fmt: skip
            @given(case=operation.as_strategy(generation_mode=mode))
            def ask(case: "schemathesis.Case") -> None:
                try:
                    answer = case.call(base_url=url, timeout=ANSWER_SECONDS)
                except (requests.RequestException, ValueError):  # a stream, or what no client can send
                    return
                counts[answer.status_code] += 1
                if answer.status_code >= 500 and answer.status_code != 503:
                    print("FOUND", answer.status_code, case.as_curl_command()[:400].replace("\n", " "), flush=True)

            with contextlib.suppress(Exception):  # nothing can be made that is wrong enough
                ask()
    print("schemathesis:", dict(sorted(counts.items())), flush=True)


def broken(random_: random.Random) -> bytes:
    """Something like a request."""
    body = json.dumps({"data": [1], "fn_index": random_.randrange(80), "session_hash": "s"}).encode()
    method, path = random_.choice([("POST", random_.choice(SENT)), ("GET", random_.choice(READ)), ("POST", f"{API}/upload")])
    headers = {
        "Host": "a", "Content-Length": str(len(body)), "Content-Type": "application/json", "Accept-Encoding": "gzip, br",
        "Connection": "close", "Cookie": "a=b", "Range": "bytes=0-5,2-9", "Expect": "100-continue",
        "X-Forwarded-For": "1.2.3.4", "X-Forwarded-Host": "b", "If-None-Match": "*", "Transfer-Encoding": "chunked",
        "Upgrade": "websocket",
    }  # fmt: skip
    names = random_.sample(list(headers), random_.randrange(len(headers)))
    odd = ["", "-1", "99999999999999999999", "\xff" * 9, "multipart/form-data", "multipart/form-data; boundary=", "a" * 9000]
    lines = [f"{name}: {random_.choice(odd) if random_.random() < 0.3 else headers[name]}" for name in names]
    text = bytearray("\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode("latin-1") + body)
    for _ in range(random_.choice([0, 0, 1, 3, 20])):
        place = random_.randrange(len(text))
        text[place : place + random_.randrange(3)] = random_.randbytes(random_.randrange(4))
    return bytes(text[: random_.choice([len(text), len(text), random_.randrange(len(text))])])


def fuzz_sockets(port: int, end: float, found: list, counts: collections.Counter) -> None:
    """Broken HTTP, and connections that end anywhere."""
    random_ = random.Random(0)
    while time.time() < end:
        sent = broken(random_)
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.5) as connection:
            connection.sendall(sent)
            if random_.random() < 0.5:
                connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(1000)
            counts[answer[9:12].decode(errors="replace")] += 1
            if answer.startswith(b"HTTP/1.1 5") and not answer.startswith(b"HTTP/1.1 503"):
                found.append(f"{answer[:12]!r} to {sent!r}")


def check_service(python: str, minutes: float) -> int:
    """Schemathesis' own report on `siamese serve`; 1 where it found something, or the log has a traceback."""
    from throughput import SERVE, running

    with tempfile.TemporaryFile("w+") as log, running(*SERVE, log=log) as (port, _):
        command = [str(Path(python).with_name("st")), "--no-color", "run", f"http://127.0.0.1:{port}/v1/openapi.json"]
        command += ["--checks", "all", "--exclude-checks", "positive_data_acceptance", "--continue-on-failure"]
        found = subprocess.run([*command, "--max-time", str(int(60 * minutes)), "--warnings", "off"]).returncode
        log.seek(0)
        tracebacks = log.read().count("Traceback")
    print(f"{tracebacks} tracebacks in the log")
    return int(bool(found or tracebacks))


def threads(pid: int) -> int:
    """How many a process has."""
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def main(argv: list[str] | None = None) -> int:
    """Print what was found; 1 where that is something."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", help="of an environment with schemathesis")
    parser.add_argument("--minutes", type=float, default=10, help="(default: 10)")
    parser.add_argument("--serve", action="store_true", help="`siamese serve` instead of the demo")
    parser.add_argument("--log", type=Path, help="a file for what the server has logged")
    parser.add_argument("--routes", nargs=2, metavar=("URL", "END"), help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.routes:
        fuzz_routes(arguments.routes[0], float(arguments.routes[1]))
        return 0
    if arguments.serve:
        return check_service(arguments.python or sys.executable, arguments.minutes)

    from app_fixtures import running_app
    from siege import disk, memory

    end = time.time() + 60 * arguments.minutes
    found: list[str] = []
    counts: collections.Counter[str] = collections.Counter()
    with tempfile.TemporaryDirectory() as name, running_app(Path(name), TMPDIR=name) as app:
        sockets = threading.Thread(target=fuzz_sockets, args=(urlsplit(app.url).port, end, found, counts))
        sockets.start()
        command = [arguments.python or sys.executable, __file__, "--routes", app.url, str(end)]
        routes = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=name, env=dict(os.environ))
        time.sleep(60 * arguments.minutes * WARM_UP)
        before, threads_before = memory(app.process.pid), threads(app.process.pid)
        said = routes.communicate()[0].splitlines()
        sockets.join()
        time.sleep(30)
        grown, more = memory(app.process.pid) - before, threads(app.process.pid) - threads_before
        tracebacks = app.log.read_text(errors="replace").count("Traceback")
        if arguments.log:
            arguments.log.write_text(app.log.read_text(errors="replace"))
        left = disk(Path(name))
    found += [line for line in said if line.startswith("FOUND")]
    print(*[line for line in said if not line.startswith("FOUND")], f"sockets: {dict(sorted(counts.items()))}", sep="\n")
    print(f"after the first {WARM_UP:.0%} memory grew by {grown:.0f} MB, and threads by {more}")
    print(f"{left:.1f} MB on the disk; {tracebacks} tracebacks")
    print(f"{len(found)} answers of 500 and more", *dict.fromkeys(found[:20]), sep="\n")
    return int(bool(found or tracebacks or grown > GROWTH or more > MORE_THREADS))


if __name__ == "__main__":
    sys.exit(main())
