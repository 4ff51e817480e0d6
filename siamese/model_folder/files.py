"""The files of a model folder: their names, how large they may be, and how they are written whole."""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from siamese.config import one_line
from siamese.images.load import is_lfs_pointer

WEIGHTS_FILE = "model.safetensors"
CONFIG_FILE = "config.json"
CARD_FILE = "README.md"
REFERENCE_FILE = "reference.safetensors"  # embeddings of test images, older models lack it
METRICS_FILE = "metrics.jsonl"  # the training log, one epoch a line
ONNX_FILE = "model.onnx"  # the model for other programs, where `siamese export` wrote it; never loaded with the folder
RESUME_FILE = "resume.pt"  # only while a training is unfinished
BUNDLED_WEIGHTS = Path(__file__).resolve().parents[1] / "weights"
DEFAULT_BUNDLED = "digits"

MAX_CONFIG_BYTES = 1_000_000
MAX_REFERENCE_BYTES = 40_000_000
MAX_WEIGHTS_BYTES = 400_000_000  # what a folder from anywhere may take of the memory before it is found to be good or bad
# All that is ever fetched or unpacked of a model, the optional one first, with the most bytes that each may have.
LOADED = {REFERENCE_FILE: MAX_REFERENCE_BYTES, CONFIG_FILE: MAX_CONFIG_BYTES, WEIGHTS_FILE: MAX_WEIGHTS_BYTES}


class WriteError(OSError):
    """A file or folder cannot be written: which one, and why. What was there before is as it was."""

    def __init__(self, path: Path, error: Exception) -> None:
        self.reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or one_line(str(error))
        super().__init__(f"{str(path)!r} cannot be written: {self.reason}")


def write_file(path: Path, write: Callable[[Path], None]) -> None:
    """Have `write` fill a temporary file beside `path`, then rename it: `path` is never half-written.

    Raises WriteError, and then leaves nothing.
    """
    with _in_folder(path.parent, path):
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(descriptor)
        temporary = Path(name)
        try:
            write(temporary)
            _to_disk(temporary)
            temporary.chmod(0o644)  # mkstemp made it private
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """An empty folder to write into; at the end, what is in it replaces the files of those names in `folder`.

    After an error `folder` is as it was. Raises WriteError. It lies within `folder`, which can be a file system of its own.
    """
    with _in_folder(folder, folder), tempfile.TemporaryDirectory(prefix=".new-", dir=folder) as name:
        yield Path(name)
        files = sorted(Path(name).iterdir())
        for file in files:
            _to_disk(file)
        for file in files:
            file.replace(folder / file.name)


def _to_disk(path: Path) -> None:
    """Wait until the content is on the disk: after a power cut, a file that was renamed before it was written is empty."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def check_writable(folder: Path) -> None:
    """Raise WriteError where no file can be written into `folder`, there or to be made. Leaves nothing behind."""

    def fill(temporary: Path) -> None:
        temporary.write_bytes(bytes(4096))  # a full disk takes names, and no content
        raise _TriedOut

    try:
        write_file(folder / "tried", fill)
    except _TriedOut:
        return
    except WriteError as error:
        raise WriteError(folder, error) from error


class _TriedOut(Exception):
    """It can be written."""


@contextlib.contextmanager
def _in_folder(folder: Path, path: Path) -> Iterator[None]:
    """Within, there is `folder`; after an error it is gone if it was not there before.

    An error about files becomes a WriteError of `path`.
    """
    made = [each for each in (folder, *folder.parents) if not os.path.lexists(each)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException as error:
        for each in made:  # the innermost first
            with contextlib.suppress(OSError):
                each.rmdir()
        # Safetensors has an error of its own for a full disk; the library need not be installed to write other files.
        if isinstance(error, OSError) or type(error).__name__ == "SafetensorError":
            raise WriteError(path, error) from error
        raise


def write_text(path: Path, text: str) -> None:
    """Write text (UTF-8) to `path` by write-then-rename."""
    write_file(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def check_file(path: Path, limit: int) -> None:
    """Raise ValueError where a file of a model folder is missing, empty, larger than `limit` bytes, or in Git LFS alone."""
    # Not empty either: so say of themselves the files through which Linux shows memory, secrets and logs that never end.
    try:
        size = path.stat().st_size if path.is_file() else 0
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    if not size:
        raise ValueError(f"{str(path.parent)!r} is not a model folder: it has no {path.name}, or an empty one")
    if size > limit:
        raise ValueError(f"{path} has {size:,} bytes, allowed: at most {limit:,}")
    if is_lfs_pointer(path):
        raise ValueError(f"{path} only points to a file that Git LFS keeps elsewhere: run `git lfs pull` where it lies")
