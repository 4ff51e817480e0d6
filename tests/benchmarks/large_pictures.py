"""Peak memory of the running demo when small files with as many pixels as are allowed come at once, over all endpoints.

python tests/benchmarks/large_pictures.py [--requests 12]

The first reading is after one such file. On Linux, whose /proc knows the peak of a process.
"""

import argparse
import io
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[1]))

from app_fixtures import App, running_app

SIDE = 7000  # px
ENDPOINTS = ("compare", "embed", "distances")


def peak_megabytes(process: int) -> float:
    """The most resident memory that a process has had so far."""
    (line,) = (line for line in Path(f"/proc/{process}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1000


def ask(app: App, endpoint: str, content: bytes) -> None:
    """Send a file of its own to an endpoint, and wait for the answer, which is a verdict or a refusal."""
    with httpx.Client(base_url=f"{app.url}/gradio_api", timeout=600) as http:
        path = http.post("/upload", files=[("files", ("a.png", content))]).raise_for_status().json()[0]
        file = {"path": path, "meta": {"_type": "gradio.FileData"}}
        call = {"data": [file, file] if endpoint == "compare" else [[file]]}
        event = http.post(f"/call/{endpoint}", json=call).raise_for_status().json()["event_id"]
        http.get(f"/call/{endpoint}/{event}").raise_for_status()


def main(argv: list[str] | None = None) -> int:
    """Print the peak before, after one picture, and after many at once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=12, help="at the same time (default: 12)")
    arguments = parser.parse_args(argv)
    buffer = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE), "white").save(buffer, "PNG")
    with tempfile.TemporaryDirectory() as name, running_app(Path(name)) as app:
        before = peak_megabytes(app.process.pid)
        print(f"{len(buffer.getvalue()) / 1000:.0f} KB of {SIDE} x {SIDE} px; {before:,.0f} MB before")
        ask(app, "embed", buffer.getvalue())
        print(f"one: {peak_megabytes(app.process.pid) - before:+,.0f} MB")
        with ThreadPoolExecutor(arguments.requests) as pool:
            jobs = [
                pool.submit(ask, app, ENDPOINTS[number % len(ENDPOINTS)], buffer.getvalue() + str(number).encode())
                for number in range(arguments.requests)
            ]
            for job in jobs:
                job.result()
        print(f"{arguments.requests} at once: {peak_megabytes(app.process.pid) - before:+,.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
