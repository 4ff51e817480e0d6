"""Two real processes (gloo, CPU) train as one does: the same losses step by step, one model, resumable by either number."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from siamese.model_folder.weights import RESUME_FILE, load_model

# 20 steps of 100 images; float32, since rounding to bfloat16 would hide what is compared, and small steps, since large ones
# make of any rounding whatever they like.
TRAINING = ["--dataset", "mnist-sample", "--device", "cpu", "--precision", "float32", "--validation-share", "0.5"]
TRAINING += ["--batch-size", "100", "--epochs", "2", "--lr", "1e-4"]


ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


GRADIENTS = "tests/training/distributed_gradients.py"


def launch(root: Path, processes: int, arguments: list[str], expected_code: int = 0) -> tuple[str, str]:
    """Run a script in so many processes; what it wrote to stdout and stderr."""
    command = command_of(processes, arguments)
    finished = subprocess.run(command, cwd=root, env=ENVIRONMENT, capture_output=True, text=True, timeout=600)
    assert finished.returncode == expected_code, finished.stderr[-2000:]
    return finished.stdout, finished.stderr


def command_of(processes: int, arguments: list[str]) -> list[str]:
    launcher = ["-m", "torch.distributed.run", f"--nproc_per_node={processes}", "--standalone"] if processes > 1 else []
    return [sys.executable, *launcher, *arguments]


def losses(folder: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_loss_and_gradients_are_those_of_one_process(root):
    one, two = (
        [json.loads(line) for line in launch(root, n, ["tests/training/distributed_gradients.py"])[0].splitlines()]
        for n in (1, 2)
    )
    assert len(one) == len(two) > 0
    for (name, loss, gradients), (_, shared_loss, shared_gradients) in zip(one, two, strict=True):
        assert shared_loss == pytest.approx(loss, rel=1e-5), name
        # Single precision, and each of the 20 normalisations of resnet18 adds to its rounding.
        tolerance = 5e-3 if name.startswith("resnet18") else 1e-4
        assert shared_gradients == pytest.approx(gradients, rel=tolerance, abs=1e-7), name


# Not compact: torch's own batch normalisation, in the layout of training, rounds more than is allowed here.
SEED_TRAINING = [*TRAINING, "--encoder", "seed", "--loss", "triplet"]


@pytest.fixture(scope="module")
def trained_by_one(root, tmp_path_factory) -> Path:
    """The folder of an uninterrupted training in one process."""
    folder = tmp_path_factory.mktemp("one") / "model"
    launch(root, 1, ["train.py", *SEED_TRAINING, "--output", str(folder)])
    assert len(losses(folder)) == 2
    return folder


def test_two_processes_take_the_steps_of_one(root, trained_by_one, tmp_path):
    launch(root, 2, ["train.py", *SEED_TRAINING, "--output", str(tmp_path / "two")])
    assert losses(tmp_path / "two") == pytest.approx(losses(trained_by_one), rel=1e-4)
    _, config = load_model(tmp_path / "two")
    assert config.training.device.endswith("2 processes")
    assert "torchrun --nproc_per_node=2 train.py" in config.training.command


@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2)])
def test_another_number_of_processes_goes_on_where_the_first_stopped(before, after, root, trained_by_one, tmp_path):
    folder = tmp_path / "model"
    command = command_of(before, ["train.py", *SEED_TRAINING, "--output", str(folder)])
    process = subprocess.Popen(
        command, cwd=root, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    for line in process.stderr:  # the progress bar: each state is a line here
        if re.match(r"epoch 1/2: .* [1-9]/10", line):
            break
    process.send_signal(signal.SIGINT)  # torchrun hands it on to its processes
    process.communicate(timeout=300)
    assert {path.name for path in folder.iterdir()} == {RESUME_FILE}
    launch(root, after, ["train.py", "--resume", "--output", str(folder)])
    assert losses(folder) == pytest.approx(losses(trained_by_one), rel=1e-4)


def test_a_batch_that_cannot_be_shared_out_is_refused(root, tmp_path):
    arguments = ["train.py", *TRAINING, "--batch-size", "33", "--output", str(tmp_path / "model")]
    _, stderr = launch(root, 2, arguments, expected_code=1)
    assert "--batch-size is 33 images, allowed with 2 processes: a multiple of that" in stderr
    assert not (tmp_path / "model" / RESUME_FILE).exists()
