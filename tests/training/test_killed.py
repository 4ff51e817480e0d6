"""A training that is killed outright, at any moment, and resumed gives the weights of one that was left alone."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from app_fixtures import ROOT
from PIL import Image

from siamese.data.datasets.mnist import load_sample_digits
from siamese.model_folder.files import RESUME_FILE, WEIGHTS_FILE

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


def weights_of(dataset: Path, output: Path) -> bytes:
    """The weights of a training that is left alone; where a killed one has left a state, it goes on from there."""
    process = start(dataset, output)
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors
    return (output / WEIGHTS_FILE).read_bytes()


def kill(process: subprocess.Popen, output: Path, seconds: float, waits: bool) -> bool:
    """Kill -9 so many seconds after the start or, if it `waits`, after the first state; False where it was over before."""
    while waits and process.poll() is None and not (output / RESUME_FILE).exists():
        time.sleep(0.01)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=seconds)
    process.kill()
    process.communicate()
    return process.returncode == -signal.SIGKILL


def write_digits(folder: Path) -> None:
    """Twenty digits of each of six classes."""
    images, labels = load_sample_digits()
    for label in range(6):
        (folder / str(label)).mkdir(parents=True)
        for number, image in enumerate(images[labels == label][:20]):
            Image.fromarray(image).save(folder / str(label) / f"{number}.png")


def kill_trainings(folder: Path, kills: int, seed: int, waits: bool = False) -> Iterator[tuple[float, bool, bool]]:
    """For each of `kills` trainings, killed once at a random moment and then left alone, three things.

    The moment in seconds (if it `waits`, from the first state on), whether that left a state to go on from, and whether the
    weights and files are those of a training that nobody has killed. One that is over before its moment does not count.
    """
    generator = random.Random(seed)
    write_digits(folder / "digits")
    began = time.monotonic()
    expected = weights_of(folder / "digits", folder / "alone")
    longest = 1 if waits else time.monotonic() - began
    while kills:
        output, moment, began = folder / "killed", generator.uniform(0, longest), time.monotonic()
        if kill(start(folder / "digits", output), output, moment, waits):
            is_resumed = (output / RESUME_FILE).exists()
            is_equal = weights_of(folder / "digits", output) == expected
            names = ({path.name for path in each.iterdir()} for each in (output, folder / "alone"))
            yield moment, is_resumed, is_equal and next(names) == next(names)
            kills -= 1
        else:
            longest = min(longest, time.monotonic() - began)
        shutil.rmtree(output)


@pytest.mark.exhaustive
def test_a_training_that_was_killed_goes_on_to_the_same_weights(tmp_path):
    results = list(kill_trainings(tmp_path, KILLS, seed=1, waits=True))
    assert all(is_equal for _, _, is_equal in results)
    assert any(is_resumed for _, is_resumed, _ in results)
