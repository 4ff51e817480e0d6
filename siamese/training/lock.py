"""One training, or other work, at a time in a folder; what a killed training left half-written is cleared away."""

import contextlib
import os
import re
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

from siamese.config import ModelFolderConfig, one_line, shorten
from siamese.data.class_tree import SYSTEM_FOLDERS
from siamese.model_folder.files import (
    CARD_FILE,
    CONFIG_FILE,
    MAX_CONFIG_BYTES,
    METRICS_FILE,
    ONNX_FILE,
    REFERENCE_FILE,
    RESUME_FILE,
    WEIGHTS_FILE,
    WriteError,
)

LOCK_FILE = ".training.lock"
OWN_FILES = {WEIGHTS_FILE, CONFIG_FILE, CARD_FILE, REFERENCE_FILE, METRICS_FILE, RESUME_FILE, ONNX_FILE}
# As siamese.model_folder.files calls what it has not finished.
HALF_WRITTEN = re.compile(rf"\.new-\w+|\.(tried|{'|'.join(map(re.escape, sorted(OWN_FILES)))})\.[a-z0-9_]{{8}}", re.ASCII)
PLACE = 1 << 20  # of the byte that Windows locks: what lies there is not read


def check_output(folder: Path) -> None:
    """Raise ValueError where `folder` holds other files and is neither a model folder nor that of an unfinished training."""
    try:
        names = sorted(entry.name for entry in folder.iterdir())
    except OSError:  # it is not there; or writing will say what is wrong
        return
    names = [name for name in names if not name.startswith(".") and name.lower() not in SYSTEM_FOLDERS]
    others = [name for name in names if name not in OWN_FILES and not name.endswith(".png")]
    if not names or _is_model(folder) or (RESUME_FILE in names and not others):
        return
    raise ValueError(
        f"--output is {str(folder)!r}, which holds other files, such as {shorten((others or names)[0])}, and is no model "
        "folder: a training would write among them; allowed: a new or empty folder, or that of an earlier model"
    )


def _is_model(folder: Path) -> bool:
    config = folder / CONFIG_FILE
    try:
        if not (folder / WEIGHTS_FILE).is_file() or config.stat().st_size > MAX_CONFIG_BYTES:
            return False
        ModelFolderConfig.from_json(config.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True


@contextlib.contextmanager
def only_training(folder: Path) -> Iterator[None]:
    """Within, this is the one training that writes into `folder`, which is made; what a killed one left unfinished is gone.

    Raises as `alone_in`.
    """
    with alone_in(folder, LOCK_FILE, "is training into"):
        for entry in list(folder.iterdir()):
            if HALF_WRITTEN.fullmatch(entry.name):
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink(missing_ok=True)
        yield


@contextlib.contextmanager
def alone_in(folder: Path, lock: str, doing: str) -> Iterator[None]:
    """Within, no other process that asks for the file `lock` works in `folder`, which is made; `doing` says what, in words.

    The system holds the lock and drops it with the process, whatever ends that. Where it has none to give, as some network
    file systems, the file says who is at it. Raises ValueError that names the other process, WriteError.
    """
    made = [each for each in (folder, *folder.parents) if not os.path.lexists(each)]
    path = folder / lock
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = _take(path, doing)
    except OSError as error:
        _remove_empty(made)
        raise WriteError(folder, error) from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            if os.name != "nt":
                path.unlink()  # while it is locked: whoever waits for it sees that it is another file
            os.close(descriptor)
            if os.name == "nt":
                path.unlink()
        _remove_empty(made)


def _take(path: Path, doing: str) -> int:
    """The descriptor of the lock file, locked."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            is_free = _lock(descriptor)
            is_there = path.exists() and os.path.samestat(path.stat(), os.fstat(descriptor))
            if is_free is False or (is_free is None and _is_alive(_owner(descriptor))):
                raise ValueError(_refusal(path, _owner(descriptor), doing))
            if is_there:
                os.ftruncate(descriptor, 0)
                os.write(descriptor, f"{os.getpid()} {socket.gethostname()}".encode())
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # the one that had it has just ended, and taken the file away


def _lock(descriptor: int) -> bool | None:
    """Whether the lock could be had; None where the system has none for this file."""
    try:
        if os.name == "nt":
            import msvcrt

            os.lseek(descriptor, PLACE, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            os.lseek(descriptor, 0, os.SEEK_SET)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except (OSError, ImportError):
        return None
    return True


def _owner(descriptor: int) -> tuple[int, str]:
    """The process that wrote the lock file, and its machine; 0 where it has not yet."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    number, _, host = os.read(descriptor, 300).decode("utf-8", "replace").partition(" ")
    return int(number) if number.isdecimal() else 0, one_line(host)


def _is_alive(owner: tuple[int, str]) -> bool:
    """Whether a process runs; of another machine nobody can say, so it does."""
    number, host = owner
    if not number or number == os.getpid() or host != socket.gethostname():
        return bool(number) and host != socket.gethostname()
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # it runs, as somebody else's
    return True


def _refusal(path: Path, owner: tuple[int, str], doing: str) -> str:
    number, host = owner
    who = f"process {number} on {host}" if number else "another process"
    return (
        f"{who} {doing} {str(path.parent)!r}: wait until it ends, stop it, or choose another --output (if it has "
        f"ended and this stays, delete {path})"
    )


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:  # the innermost first
        with contextlib.suppress(OSError):
            folder.rmdir()
