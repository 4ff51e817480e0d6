"""Training on a folder of very many images: how fast they are read, and the memory of all processes of train.py.

python tests/benchmarks/large_folder.py --images 1000000

The folder is made first, of noisy copies of the bundled digits, in 1,000 class folders; train.py reads it, makes some
steps, and is interrupted. Linux only. A million images take 4 GB of disk, and on two CPU cores an hour.
"""

import argparse
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).parents[2]))

from siamese.data.datasets.mnist import load_sample_digits

ROOT = Path(__file__).parents[2]
CLASSES = 1000
STEPS = 20  # of training, before it is interrupted


def make_folder(folder: Path, count: int) -> None:
    """PNGs of 28x28 px, no two of them the same."""
    digits, _ = load_sample_digits()
    generator = np.random.default_rng(0)
    for number in range(CLASSES):
        (folder / f"{number:04}").mkdir()
    for number in tqdm(range(count), "making the folder"):
        digit = digits[number % len(digits)]
        noisy = np.maximum(digit, generator.integers(0, 20, digit.shape, dtype=np.uint8))
        Image.fromarray(noisy).save(folder / f"{number % CLASSES:04}" / f"{number:07}.png", compress_level=1)


def private_megabytes(process: int) -> float:
    """Memory that a process and its descendants have for themselves: what many of them share counts for none."""
    total = 0
    try:
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Private_"):
                total += int(line.split()[1])
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):  # it has ended
        return 0.0
    return total / 1000 + sum(private_megabytes(int(child)) for child in children)


def main(argv: list[str] | None = None) -> int:
    """Print the time until training starts, and the most memory until it is interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=20_000, help="how many (default: 20,000)")
    arguments = parser.parse_args(argv)

    with tempfile.TemporaryDirectory() as name:
        folder, log = Path(name) / "images", Path(name) / "log"
        folder.mkdir()
        make_folder(folder, arguments.images)
        command = [sys.executable, str(ROOT / "train.py"), "--dataset", str(folder), "--output", f"{name}/model"]
        started, training, most = time.perf_counter(), None, 0.0
        with open(log, "wb") as stream, subprocess.Popen(command, cwd=ROOT, stdout=stream, stderr=stream) as process:
            while process.poll() is None:
                time.sleep(0.5)
                most = max(most, private_megabytes(process.pid))
                steps = [int(step) for step in re.findall(rb"epoch 1/\d+:.*?\| (\d+)/", log.read_bytes())]
                if steps and training is None:
                    training = time.perf_counter() - started
                if steps and steps[-1] >= STEPS:
                    process.send_signal(signal.SIGINT)
                    break
            process.wait()
        if training is None:
            print(log.read_text(errors="replace")[-2000:], file=sys.stderr)
            return 1
        print(
            f"{arguments.images:,} images: training began after {training:.0f} s ({arguments.images / training:,.0f} "
            f"images/s); all processes together had at most {most:,.0f} MB of their own, up to step {steps[-1]}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
