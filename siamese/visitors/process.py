"""A task of siamese.visitors.worker in a process of its own, seen from the server."""

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from siamese.config import from_dict
from siamese.visitors.task import Task, Update

LONGEST_LINE = 30_000_000  # characters of an update: a result with its pictures has a hundredth of that
WITHOUT = ("TOKEN", "SECRET", "PASSWORD")  # in the names of variables that what reads strangers' pictures does not get
PACKAGES = Path(__file__).resolve().parents[2]  # where this package lies


class WorkerProcess:
    """The process of one task. `updates` is for one thread, `kill` for any."""

    def __init__(self, task: Task) -> None:
        environment = {name: value for name, value in os.environ.items() if not any(word in name for word in WITHOUT)}
        environment |= {"PYTHONPATH": str(PACKAGES), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": str(task.threads)}
        # Threads that spin while they wait take the processor from the server and, where it is busy, from each other.
        environment["OMP_WAIT_POLICY"] = "PASSIVE"
        self._log = Path(task.folder) / "log"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "siamese.visitors.worker"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, cwd=Path(task.folder).parent, env=environment,
                text=True, encoding="utf-8", process_group=0,
            )  # fmt: skip
        # From beside the data, and by a relative path, so that no message and no model card says where it lies.
        self._task = dataclasses.replace(task, dataset=Path(task.dataset).name)

    def updates(self) -> Iterator[Update]:
        """What becomes of the task, as it comes.

        Raises RuntimeError where its process ends before the task does, ValueError for what is no update.
        """
        try:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(json.dumps(dataclasses.asdict(self._task)) + "\n")
                self._process.stdin.flush()
            while line := self._process.stdout.readline(LONGEST_LINE):
                yield from_dict(Update, json.loads(line), "update")  # strictly: it has read what strangers bring
            if self._process.wait():
                last = self._log.read_text(errors="replace")[-2000:] if self._log.exists() else ""
                raise RuntimeError(f"the process of a task ended with code {self._process.returncode}: {last}")
        finally:
            self.kill()
            for pipe in (self._process.stdin, self._process.stdout):
                with contextlib.suppress(OSError):
                    pipe.close()

    def kill(self) -> None:
        """End the process and those that it has started, now."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg") and self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()
        self._process.wait()
