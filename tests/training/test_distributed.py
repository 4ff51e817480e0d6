"""Two real processes (gloo, CPU) train as one does: the same losses step by step, one model, resumable by either number."""

import itertools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from terminal import wait_for
from training.distributed_gradients import gradients

from siamese.commands import train as command_line
from siamese.model_folder.files import RESUME_FILE
from siamese.model_folder.weights import load_model
from siamese.training.distributed import ALONE
from siamese.training.events import Ask, Interrupted
from siamese.training.loop import train

pytestmark = pytest.mark.slow

# float32, since rounding to bfloat16 would hide what is compared, and small steps, since large ones make of any rounding
# whatever they like.
TRAINING = ["--device", "cpu", "--precision", "float32", "--epochs", "2", "--lr", "1e-4"]
# Not compact: torch's own batch normalisation, in the layout of training, rounds more than is allowed here.
TRAINING += ["--encoder", "seed", "--loss", "triplet", "--batch-size", "60"]

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
GRADIENTS = "tests/training/distributed_gradients.py"
IN_TWO = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", "--standalone"]


def in_two_processes(root: Path, *arguments: str, expected_code: int = 0) -> tuple[str, str]:
    """Run a script in two processes; what it wrote to stdout and stderr."""
    finished = subprocess.run([*IN_TWO, *arguments], cwd=root, env=ENVIRONMENT, capture_output=True, text=True, timeout=600)
    assert finished.returncode == expected_code, finished.stderr[-2000:]
    return finished.stdout, finished.stderr


def in_one_process(*arguments: str) -> None:
    """Run train.py in this one."""
    assert command_line.main(list(arguments)) == 0


def losses(folder: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.exhaustive
def test_loss_and_gradients_are_those_of_one_process(root):
    one = list(gradients(ALONE))
    two = [json.loads(line) for line in in_two_processes(root, GRADIENTS)[0].splitlines()]
    assert len(one) == len(two) > 0
    for (name, loss, norms), (_, shared_loss, shared_norms) in zip(one, two, strict=True):
        assert shared_loss == pytest.approx(loss, rel=1e-5), name
        tolerance = 1e-4  # single precision
        assert shared_norms == pytest.approx(norms, rel=tolerance, abs=1e-7), name


@pytest.fixture(scope="module")
def training(few_digits) -> list[str]:
    """Arguments of train.py for 18 steps of 60 images."""
    return ["--dataset", str(few_digits), "--split", "within", *TRAINING]


@pytest.fixture(scope="module")
def trained_by_one(training, tmp_path_factory) -> Path:
    """The folder of an uninterrupted training in one process."""
    folder = tmp_path_factory.mktemp("one") / "model"
    in_one_process(*training, "--output", str(folder))
    assert len(losses(folder)) == 2
    return folder


def test_two_processes_take_the_steps_of_one(root, training, trained_by_one, tmp_path):
    in_two_processes(root, "train.py", *training, "--output", str(tmp_path / "two"))
    assert losses(tmp_path / "two") == pytest.approx(losses(trained_by_one), rel=1e-4)
    _, config = load_model(tmp_path / "two")
    assert config.training.device.endswith("2 processes")
    assert "torchrun --nproc_per_node=2 train.py" in config.training.command


@pytest.mark.exhaustive
def test_two_processes_compose_the_classes_of_one(root, training, tmp_path):
    composing = [*training, "--compose", "--batch-size", "24", "--epochs", "1"]
    in_one_process(*composing, "--output", str(tmp_path / "one"))
    in_two_processes(root, "train.py", *composing, "--output", str(tmp_path / "two"))
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), rel=1e-4)


@pytest.mark.exhaustive
def test_one_process_goes_on_where_two_stopped(root, training, trained_by_one, tmp_path):
    folder = tmp_path / "model"
    command = [*IN_TWO, "train.py", *training, "--output", str(folder)]
    process = subprocess.Popen(command, cwd=root, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for("epoch 1/2 ", process)  # which is over then
    process.send_signal(signal.SIGINT)  # torchrun hands it on to its processes
    process.communicate(timeout=300)
    assert {path.name for path in folder.iterdir()} == {RESUME_FILE}
    in_one_process("--resume", "--output", str(folder))
    assert losses(folder) == pytest.approx(losses(trained_by_one), rel=1e-4)


@pytest.mark.exhaustive
def test_two_processes_go_on_where_one_stopped(root, training, trained_by_one, tmp_path):
    arguments, _ = command_line.parse_arguments([*training, "--output", str(tmp_path / "model")])
    answers = itertools.chain([None] * 3, itertools.repeat(Ask.INTERRUPT))
    with pytest.raises(Interrupted, match="after step 4 of 18"):
        list(train(command_line.settings_of(arguments), asked=answers.__next__))
    assert {path.name for path in (tmp_path / "model").iterdir()} == {RESUME_FILE}
    in_two_processes(root, "train.py", "--resume", "--output", str(tmp_path / "model"))
    assert losses(tmp_path / "model") == pytest.approx(losses(trained_by_one), rel=1e-4)


@pytest.mark.exhaustive
def test_a_batch_that_cannot_be_shared_out_is_refused(root, training, tmp_path):
    arguments = ["train.py", *training, "--batch-size", "33", "--output", str(tmp_path / "model")]
    _, stderr = in_two_processes(root, *arguments, expected_code=1)
    assert "--batch-size is 33 images, allowed with 2 processes: a multiple of that" in stderr
    assert not (tmp_path / "model" / RESUME_FILE).exists()
