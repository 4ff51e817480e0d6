"""Memory of the running demo: resident size after the first comparisons, and its growth over many more.

python tests/benchmarks/app_memory.py [--first 100] [--more 1000]
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from gradio_client import Client, handle_file

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[1]))

from app_fixtures import running_app, write_pictures

from siamese.data import load_sample_digits

STEP = 100  # comparisons between two readings
IDLE_SECONDS = 5  # before each reading
SETS = 40  # of four different pictures each, so that nothing is remembered from one comparison to the next


def resident_megabytes(process: int) -> float:
    """Resident memory of a process now."""
    status = Path(f"/proc/{process}/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1000
    return int(subprocess.check_output(["ps", "-o", "rss=", "-p", str(process)])) / 1000


def main(argv: list[str] | None = None) -> int:
    """Print the resident memory of the idle demo after each STEP comparisons, and the growth since the first reading."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=int, default=100, help="comparisons before the first reading (default: 100)")
    parser.add_argument("--more", type=int, default=1000, help="comparisons after it (default: 1000)")
    arguments = parser.parse_args(argv)

    images, _ = load_sample_digits()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pictures = []
        for number in range(SETS):
            (folder / str(number)).mkdir()
            pictures += write_pictures(folder / str(number), images[4 * number : 4 * number + 4]).values()
        with running_app(folder) as app:
            client = Client(app.url, verbose=False)

            def reading(count: int) -> float:
                time.sleep(IDLE_SECONDS)
                size = resident_megabytes(app.process.pid)
                print(f"{count:6,} comparisons  {size:7.1f} MB", flush=True)
                return size

            print(f"started             {resident_megabytes(app.process.pid):7.1f} MB")
            start = None
            for count in range(1, arguments.first + arguments.more + 1):
                a, b = pictures[count % len(pictures)], pictures[(7 * count + 1) % len(pictures)]
                client.predict(image_a=handle_file(a), image_b=handle_file(b), api_name="/compare")
                if count == arguments.first:
                    start = reading(count)
                elif start and (count - arguments.first) % STEP == 0:
                    end = reading(count)
            print(f"growth over {arguments.more:,} comparisons: {end - start:+.1f} MB ({(end - start) / start:+.1%})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
