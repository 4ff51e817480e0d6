"""A task of siamese.visitors.worker in a process of its own, seen from the server."""

import contextlib
import dataclasses
import json
import logging
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from siamese.config import from_dict
from siamese.visitors.task import Task, Update

LONGEST_LINE = 30_000_000  # characters of an update: a result with its pictures has a hundredth of that
# All of the server's environment that a process gets which reads strangers' pictures: what it takes to run Python and torch.
KEPT = {
    "PATH", "HOME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP", "TMP", "XDG_CACHE_HOME", "MPLCONFIGDIR", "TORCH_HOME",
    "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH", "VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONHOME",
    "PYTHONHASHSEED", "PYTHONUTF8", "PYTHONIOENCODING", "PYTHONNOUSERSITE", "PYTHONDONTWRITEBYTECODE", "SIAMESE_COMMIT",
    "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA",
}  # fmt: skip
# And what begins so: the language, the libraries of numbers, and the makers of GPUs.
KEPT_FAMILIES = (
    "LC_", "OMP_", "MKL_", "KMP_", "GOMP_", "OPENBLAS_", "CUDA_", "CUBLAS_", "CUDNN_", "NVIDIA_", "HIP_", "ROCR_", "ROCM_",
    "HSA_", "MIOPEN_", "PYTORCH_",
)  # fmt: skip
NEVER = re.compile(r"TOKEN|SECRET|PASSW|CREDENTIAL|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY")  # however it begins
logger = logging.getLogger(__name__)
PACKAGES = Path(__file__).resolve().parents[2]  # where this package lies


class KilledError(RuntimeError):
    """The process of a task was ended from outside, by a signal."""


def kept(environment: Mapping[str, str]) -> dict[str, str]:
    """What a process that trains gets of the server's environment."""
    return {
        name: value
        for name, value in environment.items()
        if (name.upper() in KEPT or name.upper().startswith(KEPT_FAMILIES)) and not NEVER.search(name.upper())
    }


class WorkerProcess:
    """The process of one task. `updates` is for one thread, `kill` for any."""

    def __init__(self, task: Task) -> None:
        environment = kept(os.environ)
        environment |= {"PYTHONPATH": str(PACKAGES), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": str(task.threads)}
        # Threads that spin while they wait take the processor from the server and, where it is busy, from each other.
        environment["OMP_WAIT_POLICY"] = "PASSIVE"
        own = Path(task.folder) / "temporary"  # what it leaves there when it is killed goes with the task
        own.mkdir(exist_ok=True)
        environment["TMPDIR"] = str(own)
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

        Raises RuntimeError where its process ends before the task does, KilledError, which is one, where it was killed, and
        ValueError for what is no update.
        """
        try:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(json.dumps(dataclasses.asdict(self._task)) + "\n")
                self._process.stdin.flush()
            is_over = False
            while line := self._process.stdout.readline(LONGEST_LINE):
                update = from_dict(Update, json.loads(line), "update")  # strictly: it has read what strangers bring
                is_over = bool(update.problem or update.is_done)
                yield update
            code = self._process.wait()
            last = self._log.read_text(errors="replace")[-2000:] if self._log.exists() else ""
            if code and not is_over:  # else it has said all, and only could not write its log
                kind = KilledError if code < 0 else RuntimeError
                raise kind(f"the process of a task ended with code {code}: {last}")
            if "Traceback" in last:  # it has told the visitor what they can do, but this is for the operator
                logger.error("a %s had an error: %s", self._task.kind, last)
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
