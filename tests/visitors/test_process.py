"""The process of a task, seen from the server: what it is told, what is believed of it, and that it ends."""

import json
import os
import stat
import sys
from pathlib import Path

import pytest
from brought import wait, write_classes

from siamese.visitors.process import WorkerProcess
from siamese.visitors.task import SAMPLE, Task


def task(tmp_path: Path, kind: str = "check", dataset: str = SAMPLE, **choices) -> Task:
    (tmp_path / "task").mkdir()
    return Task(kind, str(tmp_path / "task"), dataset, **choices)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_check_is_done_in_a_process_that_does_not_learn_where_the_data_lie(tmp_path, digits):
    write_classes(tmp_path / "own-pictures", digits, classes=2, images=5)
    (tmp_path / "own-pictures" / "class 0" / "broken.png").write_bytes(b"no image")
    process = WorkerProcess(task(tmp_path, dataset=str(tmp_path / "own-pictures")))
    (update,) = process.updates()
    assert (update.data.classes, update.data.images) == (2, 10)
    assert update.data.files[0][0] == "class 0/broken.png"
    assert str(tmp_path) not in str(update)
    assert not is_alive(process._process.pid)


def test_the_process_of_a_training_has_no_secrets_and_ends_when_the_server_does(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
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
