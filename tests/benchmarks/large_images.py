"""The memory that large images take: `check`, a training and `evaluate` of 20,000 colour images of 224 px.

python tests/benchmarks/large_images.py

The folder is made first, of small JPEGs. Printed is, of each command, the most memory that all its processes had for
themselves. The images lie in a temporary file beyond 256 MB: its pages go when others want the room. Linux only.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from large_folder import private_megabytes
from PIL import Image
from tqdm import tqdm

ROOT = Path(__file__).parents[2]
CLASSES = 100


def make_folder(folder: Path, count: int, side: int) -> None:
    """Small JPEGs, no two alike: a coarse random picture of the class, under random spots."""
    for label in range(CLASSES):
        (folder / f"{label:03}").mkdir(parents=True)
    for number in tqdm(range(count), "making the folder"):
        label = number % CLASSES
        of_class = np.random.default_rng(label).integers(0, 256, (14, 14, 3))
        spots = np.random.default_rng((1, number)).integers(0, 256, (14, 14, 1))
        pixels = ((of_class + spots) // 2).astype(np.uint8)
        picture = Image.fromarray(pixels).resize((side, side), Image.Resampling.NEAREST)
        picture.save(folder / f"{label:03}" / f"{number:06}.jpg", quality=80)


def peak(arguments: list[str]) -> tuple[float, float]:
    """Seconds, and the most megabytes of all processes, of `python -m siamese ...`. Exits where that fails."""
    started, most = time.perf_counter(), 0.0
    with subprocess.Popen([sys.executable, "-m", "siamese", *arguments], cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            time.sleep(0.2)
            most = max(most, private_megabytes(process.pid))
    if process.returncode:
        sys.exit(process.returncode)
    return time.perf_counter() - started, most


def main(argv: list[str] | None = None) -> int:
    """Print time and memory of each command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=20_000, help="how many (default: 20,000)")
    parser.add_argument("--side", type=int, default=224, help="px a side (default: 224)")
    parser.add_argument("--encoder", default="hog", help="default: hog, which is also started from all training images")
    arguments = parser.parse_args(argv)

    with tempfile.TemporaryDirectory() as name:
        folder, model = f"{name}/images", f"{name}/model"
        make_folder(Path(folder), arguments.images, arguments.side)
        # Nearly all of it is validation and test: these are what is measured whole.
        training = ["train", "--dataset", folder, "--output", model, "--preprocess", "photo", "--epochs", "1"]
        training += ["--image-size", str(arguments.side), "--channels", "3", "--encoder", arguments.encoder]
        training += ["--validation-share", "0.48", "--test-share", "0.48", "--batch-size", "32"]
        for title, command in (
            ("check", ["check", folder]),
            ("train", training),
            ("evaluate", ["evaluate", "--model", model, "--dataset", folder]),
        ):
            seconds, megabytes = peak(command)
            print(f"{title:10} {arguments.images:,} images: at most {megabytes:,.0f} MB, {seconds:,.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
