"""How long does a training on a folder of photographs take to its first step, and what takes it?

    python tests/benchmarks/first_step.py --faces data/faces

The photographs are made first, of those of people: 410 x 500 px, JPEG, 20 of each class, each with a tint of its class and
noise of its own. Counted is all from the start of the process on: imports, settings, the digests that know the data again,
reading and preparing the pictures, near duplicates, the split, the network, what an encoder is fitted with, and the first
step of the weights, the loss of which is read.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[2]
OF_CLASS = 20  # photographs
TRAIN = """
import sys, time
from siamese.images.load import ignore_pillow_warnings
from siamese.training.events import Started, Stepped
from siamese.training.loop import train
from siamese.training.settings import TrainingSettings

def main():
    print(time.time(), "imports", flush=True)
    ignore_pillow_warnings()
    encoder = sys.argv[3] if len(sys.argv) > 3 else None
    for event in train(TrainingSettings(dataset=sys.argv[1], output=sys.argv[2], encoder=encoder)):
        if isinstance(event, Started):
            words = event.description.splitlines()[-1]
            print(time.time(), f"images and network: {words}", flush=True)
        if isinstance(event, Stepped):
            event.loss.item()
            print(time.time(), "first step", flush=True)
            break

if __name__ == "__main__":  # processes that read images begin with this file too
    main()
"""


def make_folder(folder: Path, faces: Path, count: int) -> None:
    """So many photographs, of which no two are the same."""
    people = [[Image.open(file).convert("RGB").resize((410, 500)) for file in sorted(person.glob("*.*"))]
              for person in sorted(path for path in faces.iterdir() if path.is_dir())]  # fmt: skip
    generator = np.random.default_rng(0)
    for number in tqdm(range(-(-count // OF_CLASS)), "making the photographs"):
        (folder / f"{number:04}").mkdir(parents=True)
        tint, person = generator.uniform(0.6, 1.2, 3), people[number % len(people)]
        for place in range(min(OF_CLASS, count - number * OF_CLASS)):
            pixels = np.asarray(person[place % len(person)], np.float32) * tint + generator.normal(0, 12, (500, 410, 1))
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / f"{number:04}" / f"{place}.jpg", quality=85)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=Path, required=True, help="a folder of class folders, from which they are made")
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--keep", type=Path, help="folder for the photographs; taken as it is where it is there")
    parser.add_argument("--encoder", help="the one that the images call for if not given")
    parser.add_argument("--profile", action="store_true", help="print what takes the time in the process itself")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.keep or Path(scratch) / "photographs"
        if not folder.exists():
            make_folder(folder, arguments.faces, arguments.images)
        program = Path(scratch) / "train.py"
        program.write_text(TRAIN)
        profiled = ["-m", "cProfile", "-s", "cumulative"] if arguments.profile else []
        command = [sys.executable, *profiled, program, folder, f"{scratch}/model", *filter(None, [arguments.encoder])]
        began = before = time.time()
        done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True)
        if done.returncode:
            raise SystemExit(done.returncode)
        for line in done.stdout.splitlines():
            moment, _, what = line.partition(" ")
            if not moment.startswith("1") or "." not in moment:
                print(line)  # of the profile
                continue
            print(f"{float(moment) - before:7.1f} s  {what}")
            before = float(moment)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        print(f"{before - began:7.1f} s  in all; {used.ru_utime + used.ru_stime:.1f} s of processor time in all processes")


if __name__ == "__main__":
    main()
