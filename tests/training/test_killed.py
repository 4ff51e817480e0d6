"""A training that is killed outright, at any moment, and resumed gives the weights of one that was left alone."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from app_fixtures import ROOT
from PIL import Image

from siamese.data.datasets.mnist import load_sample_digits
from siamese.model_folder.weights import RESUME_FILE, WEIGHTS_FILE

pytestmark = pytest.mark.slow

KILLS = 2
TRAINING = ("--encoder", "seed", "--batch-size", "32", "--epochs", "6", "--device", "cpu", "--seed", "5")


def start(dataset: Path, output: Path) -> subprocess.Popen:
    """train.py on a few digits; where a killed one has left a state, it goes on from there."""
    left = (output / RESUME_FILE).exists()
    arguments = ("--resume",) if left else ("--dataset", str(dataset), *TRAINING)
    return subprocess.Popen(
        [sys.executable, "train.py", "--output", str(output), *arguments], cwd=ROOT, text=True, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def weights_of(dataset: Path, output: Path, moments: list[float]) -> tuple[bytes, float, int]:
    """The weights, the seconds, and how many kills hit: kill -9 so many seconds after each start, then leave it alone."""
    hits, began = 0, time.monotonic()
    for moment in [*moments, None]:
        process = start(dataset, output)
        try:
            _, errors = process.communicate(timeout=moment or 600)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            hits += 1
            continue
        assert process.returncode == 0, errors
        break
    return (output / WEIGHTS_FILE).read_bytes(), time.monotonic() - began, hits


def write_digits(folder: Path) -> None:
    """Twenty digits of each of six classes."""
    images, labels = load_sample_digits()
    for label in range(6):
        (folder / str(label)).mkdir(parents=True)
        for number, image in enumerate(images[labels == label][:20]):
            Image.fromarray(image).save(folder / str(label) / f"{number}.png")


def kill_trainings(folder: Path, kills: int, seed: int) -> Iterator[tuple[float, bool, bool]]:
    """For each of `kills` trainings, killed once at a random moment and then left alone: the moment, 0 to 1 of the time that
    it takes, whether it was not over by then, and whether the folder is that of one that nobody has killed.
    """
    generator = random.Random(seed)
    write_digits(folder / "digits")
    expected, seconds, _ = weights_of(folder / "digits", folder / "alone", [])
    for number in range(kills):
        output, moment = folder / str(number), generator.uniform(0.2, 1)
        found, _, hits = weights_of(folder / "digits", output, [moment * seconds])
        files = {path.name for path in output.iterdir()}
        yield moment, bool(hits), found == expected and files == {path.name for path in (folder / "alone").iterdir()}


def test_a_training_that_was_killed_goes_on_to_the_same_weights(tmp_path):
    results = list(kill_trainings(tmp_path, KILLS, seed=1))
    assert all(is_equal for _, _, is_equal in results)
    assert any(is_hit for _, is_hit, _ in results)
