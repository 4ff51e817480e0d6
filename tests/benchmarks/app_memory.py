"""Memory and disk of the running demo: both after the first comparisons, and their growth over many more.

python tests/benchmarks/app_memory.py [--first 100] [--more 1000] [--uploads 1000]

Every comparison uploads two files that no other has uploaded. To see the disk at its bound, bring it down by --uploads.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[1]))

from app_fixtures import running_app, write_pictures

from siamese.data.datasets.mnist import load_sample_digits

READINGS = 10
CLIENTS = 8  # at the same time
IDLE_SECONDS = 5  # before each reading
SETS = 40  # of four different pictures each, so that nothing is remembered from one comparison to the next


def resident_megabytes(process: int) -> float:
    """Resident memory of a process now."""
    status = Path(f"/proc/{process}/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1000
    return int(subprocess.check_output(["ps", "-o", "rss=", "-p", str(process)])) / 1000


def megabytes_on_disk(folder: Path) -> float:
    """Of all files below a folder, some of which may be deleted meanwhile."""
    sizes = []
    for place, _, names in os.walk(folder):  # which passes over folders that are gone
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                sizes.append((Path(place) / name).stat().st_size)
    return sum(sizes) / 1e6


def main(argv: list[str] | None = None) -> int:
    """Print the memory and disk of the idle demo a number of times, and their growth since the first reading."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=int, default=100, help="comparisons before the first reading (default: 100)")
    parser.add_argument("--more", type=int, default=1000, help="comparisons after it (default: 1000)")
    parser.add_argument("--uploads", default="1000", help="SIAMESE_UPLOADS_MEGABYTES of the demo (default: 1000)")
    arguments = parser.parse_args(argv)

    images, _ = load_sample_digits()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pictures = []
        for number in range(SETS):
            (folder / str(number)).mkdir()
            pictures += write_pictures(folder / str(number), images[4 * number : 4 * number + 4]).values()
        with running_app(folder, SIAMESE_UPLOADS_MEGABYTES=arguments.uploads) as app, ThreadPoolExecutor(CLIENTS) as pool:
            http = httpx.Client(base_url=f"{app.url}/gradio_api", timeout=60)  # plain requests: gradio's client takes longer

            def compare(count: int) -> None:
                """One comparison of two pictures, with bytes behind their ends that make them files of their own."""
                chosen = [(place * count, pictures[place * count % len(pictures)]) for place in (1, 7)]
                files = [("files", (path.name, path.read_bytes() + str(number).encode())) for number, path in chosen]
                paths = http.post("/upload", files=files).raise_for_status().json()
                call = {"data": [{"path": path, "meta": {"_type": "gradio.FileData"}} for path in paths]}
                event = http.post("/call/compare", json=call).raise_for_status().json()["event_id"]
                answer = http.get(f"/call/compare/{event}").text
                if not answer.startswith("event: complete") or "probability_same" not in answer:
                    raise RuntimeError(f"no verdict but {answer}")

            def reading(count: int) -> tuple[float, float]:
                time.sleep(IDLE_SECONDS)
                sizes = resident_megabytes(app.process.pid), megabytes_on_disk(folder / "uploads")
                print(f"{count:6,} comparisons  {sizes[0]:7.1f} MB of memory  {sizes[1]:7.1f} MB on disk", flush=True)
                return sizes

            for _ in pool.map(compare, range(arguments.first)):
                pass
            start = end = reading(arguments.first)
            step = max(1, arguments.more // READINGS)
            for done in range(arguments.first, arguments.first + arguments.more, step):
                for _ in pool.map(compare, range(done, done + step)):  # raises what a client met
                    pass
                end = reading(done + step)
            for kind, before, after in zip(("memory", "disk"), start, end, strict=True):
                print(f"{kind} over {arguments.more:,} comparisons: {after - before:+.1f} MB ({after / before - 1:+.1%})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
