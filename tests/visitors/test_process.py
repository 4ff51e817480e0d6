"""The process of a task, seen from the server: what it is told, what is believed of it, and that it ends."""

import json
import stat
import sys
from pathlib import Path

import pytest
from brought import is_alive, wait, write_classes

from siamese.visitors.process import WorkerProcess, kept
from siamese.visitors.task import SAMPLE, Task


def task(tmp_path: Path, kind: str = "check", dataset: str = SAMPLE, **choices) -> Task:
    (tmp_path / "task").mkdir()
    return Task(kind, str(tmp_path / "task"), dataset, **choices)


def test_a_check_is_done_in_a_process_that_does_not_learn_where_the_data_lie(tmp_path, digits):
    write_classes(tmp_path / "own-pictures", digits, classes=2, images=5)
    (tmp_path / "own-pictures" / "class 0" / "broken.png").write_bytes(b"no image")
    process = WorkerProcess(task(tmp_path, dataset=str(tmp_path / "own-pictures")))
    (update,) = process.updates()
    assert (update.data.classes, update.data.images) == (2, 10)
    assert update.data.files[0][0] == "class 0/broken.png"
    assert str(tmp_path) not in str(update)
    assert not is_alive(process._process.pid)


NOT_FOR_IT = (
    "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "OPENAI_API_KEY", "AWS_ACCESS_KEY_ID", "AWS_PROFILE", "SECRET", "MY_SETTING",
    "DATABASE_URL", "HTTPS_PROXY", "SSH_AUTH_SOCK", "LD_PRELOAD", "CUDA_API_TOKEN", "SIAMESE_MODEL", "PYTHONSTARTUP", "KEY",
)  # fmt: skip
FOR_IT = ("PATH", "LC_ALL", "TMPDIR", "MKL_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "SystemRoot")


def test_a_process_gets_what_python_and_torch_need_and_nothing_else():
    server = dict.fromkeys([*NOT_FOR_IT, *FOR_IT], "value")
    assert kept(server) == dict.fromkeys(FOR_IT, "value")


@pytest.mark.slow
def test_the_process_of_a_training_has_no_secrets_and_ends_when_the_server_does(tmp_path, monkeypatch):
    for name in set(NOT_FOR_IT) - {"LD_PRELOAD"}:
        monkeypatch.setenv(name, "hf_secret")
    process = WorkerProcess(task(tmp_path, "train", epochs=40))
    updates = process.updates()
    assert next(updates).progress.phase == "reading"
    assert b"hf_secret" not in Path(f"/proc/{process._process.pid}/environ").read_bytes()
    process._process.stdin.close()  # as when the server is gone
    wait(lambda: process._process.poll() is not None, 5)
    with pytest.raises(RuntimeError, match="ended with code 1"):
        list(updates)


def test_a_process_that_is_killed_is_an_error_of_its_own(tmp_path):
    process = WorkerProcess(task(tmp_path, "train", epochs=40))
    process.kill()
    process.kill()  # and again does no harm
    with pytest.raises(RuntimeError, match="ended with code -9"):
        list(process.updates())


@pytest.mark.parametrize(
    "said",
    [
        "<script>",
        "[]",
        json.dumps({"progress": None}),
        json.dumps({"progress": "<script>", "map": None, "data": None, "result": None, "problem": None}),
        json.dumps({"progress": None, "map": None, "data": None, "result": None, "problem": 5}),
        json.dumps({"html": "<script>", "progress": None, "map": None, "data": None, "result": None, "problem": None}),
    ],
)
def test_what_is_no_update_is_not_believed(said, tmp_path, monkeypatch):
    """Whoever took that process over with a picture can say what they want."""
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{said}\nEND\n")
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setattr(sys, "executable", str(program))
    with pytest.raises(ValueError, match=r"update|Expecting"):
        list(WorkerProcess(task(tmp_path)).updates())
