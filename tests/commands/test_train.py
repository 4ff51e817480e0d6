"""train.py on real digits: how it stops, goes on and refuses."""

import contextlib
import dataclasses
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import torch
from full_disk import REASON, files_of_at_most
from model_files import FILES, names
from PIL import Image
from processes import left_of
from pseudo_terminal import open_terminal
from safetensors.torch import load_file
from terminal import assert_refused, run, wait_for

from siamese.commands.train import main
from siamese.config import ModelFolderConfig
from siamese.data import storage
from siamese.data.datasets import DATASETS
from siamese.encoders import ENCODERS
from siamese.losses import LOSSES
from siamese.model_folder import plots
from siamese.model_folder.files import ONNX_FILE, RESUME_FILE, WEIGHTS_FILE
from siamese.model_folder.weights import load_model
from siamese.training import loop as training
from siamese.training.events import Ask, Interrupted
from siamese.training.settings import TrainingSettings

ONE_EPOCH = ["--dataset", "mnist-sample", "--device", "cpu", "--epochs", "1"]  # 28 steps of 64 images


def train(arguments: list, capsys: pytest.CaptureFixture) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of `siamese train`."""
    return run(["train", *arguments], capsys)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != RESUME_FILE}


# ---- Interrupted and continued ----


@pytest.fixture(scope="module")
def interrupted(root, short_training, tmp_path_factory) -> tuple[Path, int, str]:
    """The training of `trained_folder`, stopped by Ctrl-C within its second epoch: folder, exit code, stderr."""
    folder = tmp_path_factory.mktemp("interrupted") / "model"
    command = [sys.executable, "train.py", *short_training, "--output", str(folder)]
    process = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for("epoch 1/3 ", process, 0.3)  # which is over then: some steps of the next
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=300)
    return folder, process.returncode, stderr


def test_an_interrupted_training_says_how_to_go_on(interrupted):
    folder, code, stderr = interrupted
    assert code == 130
    last = stderr.splitlines()[-1]
    steps = re.match(r"Stopped after step (\d+) of 84; nothing is lost\.", last)
    assert 28 < int(steps[1]) < 84
    assert last.endswith(f"Continue with: python train.py --resume --output {folder}")
    assert "Traceback" not in stderr
    assert names(folder) == {RESUME_FILE}


@pytest.mark.slow
def test_a_continued_training_ends_as_if_never_interrupted(interrupted, trained_folder, short_training, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(interrupted[0], folder)
    (folder / ONNX_FILE).write_bytes(b"an earlier model, which must not lie beside this one")
    assert main(["--resume", "--output", str(folder)]) == 0
    assert names(folder) == FILES
    continued, uninterrupted = load_file(folder / WEIGHTS_FILE), load_file(trained_folder / WEIGHTS_FILE)
    assert continued.keys() == uninterrupted.keys()
    for name, tensor in uninterrupted.items():
        assert torch.equal(continued[name], tensor), name

    def without_clock(config: ModelFolderConfig) -> ModelFolderConfig:
        """The config less what differs between any two runs."""
        training = dataclasses.replace(config.training, command="", date="", seconds=0)
        history = tuple(dataclasses.replace(record, seconds=0) for record in config.history)
        return dataclasses.replace(config, training=training, history=history)

    (_, ours), (_, theirs) = load_model(folder), load_model(trained_folder)
    assert without_clock(ours) == without_clock(theirs)
    assert ours.training.command == " ".join(["python train.py", *short_training, "--output", str(interrupted[0])])


@pytest.mark.parametrize(
    "setting", ["--epochs 5", "--lr 0.1", "--seed 1", "--encoder seed", "--no-augment", "--loss triplet"]
)
def test_another_setting_is_refused_on_resume(interrupted, setting, capsys):
    before = (interrupted[0] / RESUME_FILE).read_bytes()
    flag = setting.split()[0].replace("--no-", "--")
    arguments = ["--resume", "--output", str(interrupted[0]), *setting.split()]
    assert_refused(train(arguments, capsys), flag, "the interrupted training has")
    assert (interrupted[0] / RESUME_FILE).read_bytes() == before


def test_an_interrupted_training_is_not_overwritten_unasked(interrupted, capsys):
    before = (interrupted[0] / RESUME_FILE).read_bytes()
    assert_refused(train([*ONE_EPOCH, "--output", interrupted[0]], capsys), str(interrupted[0]), "--resume", "--overwrite")
    assert (interrupted[0] / RESUME_FILE).read_bytes() == before


@pytest.mark.slow
def test_an_interrupted_training_is_overwritten_when_asked(interrupted, few_digits, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(interrupted[0], folder)
    assert main([*ONE_EPOCH, "--dataset", str(few_digits), "--overwrite", "--output", str(folder)]) == 0
    assert names(folder) == FILES
    assert len(load_model(folder)[1].history) == 1


def test_nothing_to_resume_is_an_error(trained_folder, tmp_path, capsys):
    for folder in (tmp_path / "nowhere", trained_folder):
        assert_refused(train(["--resume", "--output", folder], capsys), str(folder), "no interrupted training")


def test_ctrl_c_before_the_first_step_says_that_nothing_was_saved(tmp_path, monkeypatch, capsys):
    def interrupt(data_dir):
        raise KeyboardInterrupt

    sample = dataclasses.replace(DATASETS["mnist-sample"], load=interrupt)
    monkeypatch.setitem(DATASETS, "mnist-sample", sample)
    code, _, stderr = train([*ONE_EPOCH, "--output", str(tmp_path / "model")], capsys)
    assert code == 130
    assert "Interrupted" in stderr
    assert "start again" in stderr


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_while_many_images_are_read_it_says_so_in_a_line_and_no_process_is_left(
    number, code, root, digits, tmp_path
):
    for index in range(2100):
        path = tmp_path / "digits" / str(index % 10) / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(digits[0][index % 1000]).save(path, compress_level=1)
    command = [sys.executable, "train.py", "--dataset", str(tmp_path / "digits"), "--output", str(tmp_path / "model")]
    (terminal, stderr), shown = open_terminal(), b""  # where there is no terminal, there is no progress bar to wait for
    with subprocess.Popen(command, cwd=root, process_group=0, stdout=subprocess.PIPE, stderr=stderr) as process:
        os.close(stderr)
        while b" 0/2100" not in shown:
            shown += os.read(terminal, 1000)
        time.sleep(1)  # processes that read are being started
        if number == signal.SIGINT:
            os.killpg(process.pid, number)  # so does a terminal
        else:
            process.send_signal(number)
        with contextlib.suppress(OSError):  # nobody holds its other end any more
            while some := os.read(terminal, 1000):
                shown += some
        os.close(terminal)
        assert process.communicate(timeout=300) == (b"", None)
    assert process.returncode == code
    assert shown.decode().splitlines()[-1] == "Interrupted. Nothing was saved yet: start again"
    assert not any(word in shown for word in (b"Traceback", b"Error"))
    assert left_of(process.pid) == []
    assert names(tmp_path) == {"digits"}


@pytest.mark.exhaustive
def test_sigterm_is_as_ctrl_c_and_the_code_says_which(root, short_training, tmp_path):
    command = [sys.executable, "train.py", *short_training, "--output", str(tmp_path / "model")]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        wait_for("epoch 1/3 ", process)  # which is over then
        process.send_signal(signal.SIGTERM)
        _, stderr = process.communicate(timeout=300)
    assert process.returncode == 143
    assert re.match(r"Stopped after step \d+ of 84; nothing is lost\. Continue with: ", stderr.splitlines()[-1])
    assert names(tmp_path / "model") == {RESUME_FILE}


@pytest.mark.slow
def test_it_goes_on_with_the_data_that_it_was_begun_with_alone(digit_folder, tmp_path, capsys):
    folder, state = tmp_path / "model", tmp_path / "model" / RESUME_FILE
    settings = TrainingSettings(str(digit_folder), output=folder, epochs=2, device="cpu", image_size=28)
    with pytest.raises(Interrupted):
        list(training.train(settings, asked=itertools.chain([None] * 2, itertools.repeat(Ask.INTERRUPT)).__next__))
    before = state.read_bytes()
    shutil.copytree(digit_folder / "digit 0", digit_folder / "a new one")
    said = ("has changed since the training was interrupted", "4 files new (a new one/0.png, ", "--overwrite")
    assert_refused(train(["--resume", "--output", folder], capsys), *said)
    assert state.read_bytes() == before
    shutil.rmtree(digit_folder / "a new one")
    assert main(["--resume", "--output", str(folder)]) == 0


# ---- Failures ----


def assert_failed(result: tuple[int, str, str], *expected: str) -> None:
    """Exit code 1, and on stderr one last line that says all that is expected."""
    code, _, stderr = result
    lines = stderr.splitlines()
    assert code == 1
    assert len(lines) == 1, stderr
    for text in ("error: ", *expected):
        assert text in lines[0]


def test_an_output_that_cannot_be_written_is_said_before_any_training(tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    for output in ("/proc/model", tmp_path / "file" / "model", tmp_path / ("n" * 300)):
        result = train([*ONE_EPOCH, "--output", output], capsys)
        assert_failed(result, f"{str(output)!r} cannot be written: ", ". Nothing was saved yet: start again")
        assert result[1] == ""
    assert names(tmp_path) == {"file"}


def test_on_a_full_disk_the_earlier_model_stays(trained_folder, tmp_path, capsys):
    folder = tmp_path / "model"
    shutil.copytree(trained_folder, folder)
    before = contents(folder)
    with files_of_at_most(500_000):
        result = train([*ONE_EPOCH, "--output", folder], capsys)
    assert_failed(result, f"{RESUME_FILE}' cannot be written: {REASON}", "start again")
    assert contents(folder) == before
    assert names(tmp_path) == {"model"}


def test_a_full_temporary_folder_is_told_by_its_name(digit_folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(storage, "MOST_IN_MEMORY", 1000)
    with files_of_at_most(10_000):
        result = train(["--dataset", digit_folder, "--device", "cpu", "--output", tmp_path / "model"], capsys)
    assert_failed(result, f"folder for temporary files, {tempfile.gettempdir()}: {REASON}", "TMPDIR")
    assert names(tmp_path) == {"digits"}


def test_too_little_memory_is_told_with_what_to_lower(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(training.AUGMENTATIONS, "ink", lambda *_: torch.empty(1 << 50))
    assert_failed(
        train([*ONE_EPOCH, "--output", tmp_path / "model"], capsys), "not enough memory", "lower --batch-size (32)"
    )
    assert names(tmp_path) == set()


@pytest.mark.slow
def test_a_failed_training_leaves_the_earlier_model_and_can_be_finished(trained_folder, few_digits, tmp_path, monkeypatch):
    folder = tmp_path / "model"
    shutil.copytree(trained_folder, folder)
    before = contents(folder)
    with monkeypatch.context() as patch, contextlib.suppress(OSError):
        patch.setattr(plots, "roc_curve", lambda *_: (_ for _ in ()).throw(OSError("no space left on device")))
        assert main([*ONE_EPOCH, "--dataset", str(few_digits), "--output", str(folder)]) != 0
    assert contents(folder) == before
    assert names(tmp_path) == {"model"}
    assert main(["--resume", "--output", str(folder)]) == 0
    assert names(folder) == FILES
    assert len(load_model(folder)[1].history) == 1


def test_a_training_that_diverges_writes_no_model(tmp_path, capsys):
    folder = tmp_path / "model"
    settings = ["--encoder", "seed", "--lr", "10", "--weight-decay", "10", "--batch-size", "64"]
    code, _, stderr = train([*ONE_EPOCH, *settings, "--output", str(folder)], capsys)
    assert code == 2
    assert "Traceback" not in stderr
    assert "diverge" in stderr.splitlines()[-1]
    assert "--lr" in stderr.splitlines()[-1]
    assert not (folder / WEIGHTS_FILE).exists()


def test_without_data_and_network_one_line_says_what_to_do(tmp_path, no_network, capsys):
    arguments = ["--dataset", "mnist", "--data-dir", str(tmp_path / "data"), "--output", str(tmp_path / "model")]
    assert_refused(train(arguments, capsys), "--data-dir", "mnist-sample", str(tmp_path / "data"))


BAD_NUMBERS = [
    ("--epochs", "0", "1 to 10000"),
    ("--epochs", "10001", "1 to 10000"),
    ("--batch-size", "1", "2 to 100000"),
    ("--lr", "0", "1e-08 to 10.0"),
    ("--lr", "nan", "1e-08 to 10.0"),
    ("--weight-decay", "-1", "0.0 to 10.0"),
    ("--validation-share", "0.6", "0.01 to 0.5"),
    ("--seed", "-1", "0 to 2147483647"),
    ("--margin", "-1", "0.0 to 100.0"),
    ("--margin", "inf", "0.0 to 100.0"),
    ("--embedding-dim", "0", "1 to 4096"),
    ("--embedding-dim", "4097", "1 to 4096"),
]


@pytest.mark.parametrize(("flag", "value", "allowed"), BAD_NUMBERS)
def test_a_number_out_of_range_is_named_with_flag_value_and_range(flag, value, allowed, tmp_path, capsys):
    arguments = [*ONE_EPOCH, flag, value, "--output", str(tmp_path / "model")]
    assert_refused(train(arguments, capsys), f"{flag} is {value}", f"allowed: {allowed}")
    assert names(tmp_path) == set()


@pytest.mark.parametrize(("flag", "choices"), [("--encoder", ENCODERS), ("--loss", LOSSES), ("--dataset", DATASETS)])
def test_an_unknown_name_is_refused_with_the_choices(flag, choices, tmp_path, capsys):
    arguments = [*ONE_EPOCH, flag, "surprise", "--output", str(tmp_path / "model")]
    assert_refused(train(arguments, capsys), "'surprise'", ", ".join(choices))
    assert names(tmp_path) == set()


def test_words_where_a_number_belongs_are_refused_by_flag(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--epochs", "many"])
    assert caught.value.code == 2
    assert "--epochs" in capsys.readouterr().err


def test_an_output_that_is_a_file_is_refused_before_any_training(tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    assert_refused(train([*ONE_EPOCH, "--output", tmp_path / "file"], capsys), str(tmp_path / "file"))
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("/home/ada/same/train.py", "python train.py"),
        ("/usr/local/bin/siamese", "siamese train"),
        ("C:/Python/Scripts/siamese.exe", "siamese train"),
        ("/lib/python3.12/site-packages/siamese/__main__.py", "python -m siamese train"),
    ],
)
def test_commands_to_try_next_start_the_program_as_it_was_started(entry, words, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [entry])
    monkeypatch.setenv("COLUMNS", "500")
    with pytest.raises(SystemExit):
        main(["--help"])
    printed = capsys.readouterr().out
    assert printed.startswith(f"usage: {words} [-h]")
    assert f"{words} --dataset mnist-sample" in printed
