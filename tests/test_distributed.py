"""Two real processes (gloo, CPU) train as one does: the same losses step by step, one model, resumable by either number."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from siamese.checkpoint import RESUME_FILE, load_model

# 20 steps of 100 images; float32, since rounding to bfloat16 would hide what is compared, and small steps, since large ones
# make of any rounding whatever they like.
TRAINING = ["--dataset", "mnist-sample", "--device", "cpu", "--precision", "float32", "--validation-share", "0.5"]
TRAINING += ["--batch-size", "100", "--epochs", "2", "--lr", "1e-4"]


def launch(root: Path, processes: int, arguments: list[str], expected_code: int = 0) -> tuple[str, str]:
    """Run a script in so many processes; what it wrote to stdout and stderr."""
    launcher = ["-m", "torch.distributed.run", f"--nproc_per_node={processes}", "--standalone"] if processes > 1 else []
    command = [sys.executable, *launcher, *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    finished = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=600)
    assert finished.returncode == expected_code, finished.stderr[-2000:]
    return finished.stdout, finished.stderr


def losses(folder: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_loss_and_gradients_are_those_of_one_process(root):
    one, two = (
        [json.loads(line) for line in launch(root, n, ["tests/distributed_gradients.py"])[0].splitlines()] for n in (1, 2)
    )
    assert len(one) == len(two) > 0
    for (name, loss, gradients), (_, shared_loss, shared_gradients) in zip(one, two, strict=True):
        assert shared_loss == pytest.approx(loss, rel=1e-5), name
        assert shared_gradients == pytest.approx(gradients, rel=1e-4, abs=1e-7), (
            name
        )  # float() in the encoders: single precision


def test_two_processes_take_the_steps_of_one(root, tmp_path):
    for processes in (1, 2):
        # Not compact: torch's own batch normalisation, in the layout of training, rounds more than is allowed here.
        settings = ["--encoder", "seed", "--loss", "triplet", "--output", str(tmp_path / str(processes))]
        launch(root, processes, ["train.py", *TRAINING, *settings])
    one, two = losses(tmp_path / "1"), losses(tmp_path / "2")
    assert len(one) == 2
    assert two == pytest.approx(one, rel=1e-4)
    _, config = load_model(tmp_path / "2")
    assert config.training.device.endswith("2 processes")
    assert "torchrun --nproc_per_node=2 train.py" in config.training.command


def test_a_batch_that_cannot_be_shared_out_is_refused(root, tmp_path):
    arguments = ["train.py", *TRAINING, "--batch-size", "33", "--output", str(tmp_path / "model")]
    _, stderr = launch(root, 2, arguments, expected_code=1)
    assert "--batch-size is 33 images, allowed with 2 processes: a multiple of that" in stderr
    assert not (tmp_path / "model" / RESUME_FILE).exists()
