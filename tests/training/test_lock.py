"""One training at a time in a folder, and only in one that is a model's: real processes, real locks."""

import os
import shutil
import signal
import socket
import subprocess
import sys

import pytest
from terminal import assert_refused, run

from siamese.data import class_tree
from siamese.data.class_tree import read_tree
from siamese.model_folder.files import CONFIG_FILE, RESUME_FILE, WEIGHTS_FILE
from siamese.training import lock
from siamese.training.lock import LOCK_FILE, check_output, only_training

HOLD = """
import sys, time
from pathlib import Path
from siamese.training.lock import only_training
with only_training(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(root, tmp_path):
    """Another process that trains into tmp_path/model."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "model")]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_training_is_refused_with_the_first_one_named_and_taken_once_that_is_killed(holder, tmp_path, capsys):
    folder = tmp_path / "model"
    arguments = ["train", "--dataset", "mnist-sample", "--epochs", "1", "--device", "cpu", "--output", str(folder)]
    result = run(arguments, capsys)
    assert_refused(result, f"process {holder.pid} on {socket.gethostname()} is training into {str(folder)!r}")
    assert [path.name for path in folder.iterdir()] == [LOCK_FILE]
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with only_training(folder):
        assert (folder / LOCK_FILE).read_text().split()[0] == str(os.getpid())
    assert list(folder.iterdir()) == []  # it was there before


def test_where_the_system_has_no_locks_the_file_says_who_is_at_it(holder, tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "_lock", lambda _: None)
    with pytest.raises(ValueError, match=f"process {holder.pid} on "), only_training(tmp_path / "model"):
        pass
    holder.kill()
    holder.wait()
    with only_training(tmp_path / "model"):
        pass
    (tmp_path / "model" / LOCK_FILE).write_text("1 another-machine")
    with pytest.raises(ValueError, match=r"process 1 on another-machine.* delete "), only_training(tmp_path / "model"):
        pass


def test_it_leaves_nothing_and_clears_what_a_killed_one_left(tmp_path):
    with only_training(tmp_path / "a" / "model"):
        assert (tmp_path / "a" / "model" / LOCK_FILE).exists()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / ".new-ab12cd_3").mkdir()
    for name in (".new-ab12cd_3/roc.png", f".{RESUME_FILE}.ab12cd_3", ".tried.ab12cd_3", ".mine", RESUME_FILE):
        (tmp_path / name).write_text("half")
    with only_training(tmp_path):
        assert {path.name for path in tmp_path.iterdir()} == {".mine", RESUME_FILE, LOCK_FILE}


def test_other_files_are_never_written_among(untrained_folder, tmp_path, capsys):
    other = tmp_path / "other"
    other.mkdir()
    check_output(other)
    check_output(tmp_path / "not there")
    (other / ".git").mkdir()
    check_output(other)
    for name, text in {"README.md": "mine", CONFIG_FILE: "{}", "holiday.jpg": "mine", "sub/a.png": "mine"}.items():
        path = other / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        arguments = ["train", "--dataset", "mnist-sample", "--epochs", "1", "--output", str(other)]
        assert_refused(run(arguments, capsys), f"--output is {str(other)!r}, which holds other files, such as ")
        assert path.read_text() == text
        (shutil.rmtree if path.parent != other else os.remove)(path.parent if path.parent != other else path)
    (other / RESUME_FILE).write_text("")
    check_output(other)
    (other / "thesis.tex").write_text("")
    with pytest.raises(ValueError, match=r"such as 'thesis.tex'"):
        check_output(other)
    (untrained_folder / "notes.txt").write_text("mine")
    check_output(untrained_folder)  # a model folder stays one


def test_a_model_in_the_folder_of_images_is_no_class(digit_folder):
    expected = read_tree(digit_folder).classes
    for there in ((CONFIG_FILE, WEIGHTS_FILE), (RESUME_FILE,), (LOCK_FILE,)):
        model = digit_folder / "model"
        model.mkdir()
        for name in there:
            (model / name).write_text("")
        shutil.copy(next((digit_folder / "digit 0").iterdir()), model / "roc.png")
        found = read_tree(digit_folder)
        assert found.classes == expected
        assert any("holds a model" in remark for remark in found.remarks)
        shutil.rmtree(model)
    assert {name for names in class_tree.MODEL_FOLDERS for name in names} == {
        CONFIG_FILE,
        WEIGHTS_FILE,
        RESUME_FILE,
        LOCK_FILE,
    }
