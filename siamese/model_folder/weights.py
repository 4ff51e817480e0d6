"""Model folders: `model.safetensors`, `config.json` and `README.md`, saved whole and loaded strictly.

A folder is data only: nothing in it is executed or unpickled, its size is bounded before anything is loaded, and weights
that do not match the encoder in every name, shape and type are refused.
"""

import contextlib
import hashlib
import os
import struct
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from siamese.config import ModelFolderConfig, one_line, parse_json
from siamese.images.load import is_lfs_pointer
from siamese.network import SiameseNetwork

WEIGHTS_FILE = "model.safetensors"
CONFIG_FILE = "config.json"
CARD_FILE = "README.md"
REFERENCE_FILE = "reference.safetensors"  # embeddings of test images, older models lack it
METRICS_FILE = "metrics.jsonl"  # the training log, one epoch a line
RESUME_FILE = "resume.pt"  # only while a training is unfinished
BUNDLED_WEIGHTS = Path(__file__).resolve().parents[1] / "weights"
DEFAULT_BUNDLED = "digits"

MAX_CONFIG_BYTES = 1_000_000
MAX_REFERENCE_BYTES = 40_000_000
MAX_HEADER_BYTES = 1_000_000  # of the safetensors file: names and shapes only
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
        if isinstance(error, OSError | SafetensorError):
            raise WriteError(path, error) from error
        raise


def write_text(path: Path, text: str) -> None:
    """Write text (UTF-8) to `path` by write-then-rename."""
    write_file(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def save_weights(network: SiameseNetwork, path: Path) -> None:
    """Write the network's parameters and buffers as safetensors, by write-then-rename."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    write_file(path, lambda temporary: save_file(tensors, temporary, metadata={"format": "pt"}))


def load_model(folder: str | Path) -> tuple[SiameseNetwork, ModelFolderConfig]:
    """The network (in evaluation mode, on the CPU) and config of a model folder.

    Raises ValueError with what is wrong: no folder, a file missing or too large, an invalid config, weights that are no
    safetensors file, missing, unknown, of another shape or type, or not finite.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{str(folder)!r} is not a model folder: there is no such folder")
    for name, limit in ((CONFIG_FILE, MAX_CONFIG_BYTES), (WEIGHTS_FILE, MAX_WEIGHTS_BYTES)):
        _check_file(folder / name, limit)
    try:
        text = (folder / CONFIG_FILE).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{folder / CONFIG_FILE} is not UTF-8 text: {error}") from error
    try:
        config = ModelFolderConfig.from_json(text)
        # On the meta device first: shapes without memory, so an absurd config cannot take any.
        with torch.device("meta"):
            network = SiameseNetwork(config.encoder)
        _check_shapes(folder / WEIGHTS_FILE, network.state_dict())
        if {name for name, _ in network.named_buffers()} - network.state_dict().keys():  # what no file holds is to be made
            network = SiameseNetwork(config.encoder)
        weights = load_file(folder / WEIGHTS_FILE)
        _check_values(weights)
    except SafetensorError as error:
        raise ValueError(f"{folder / WEIGHTS_FILE} is not a valid safetensors file: {one_line(str(error))}") from error
    except ValueError as error:
        raise ValueError(f"model folder {str(folder)!r}: {one_line(str(error), 600)}") from error
    network.load_state_dict(weights, strict=True, assign=True)
    return network.eval(), config


def fingerprint(network: SiameseNetwork) -> str:
    """SHA-256 over all weights: embeddings are comparable only where it is the same."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _check_file(path: Path, limit: int) -> None:
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


def _check_shapes(path: Path, expected: dict[str, Tensor]) -> None:
    """Compare the names, shapes and types that the file's header states with those that the encoder needs."""
    with path.open("rb") as file:
        prefix = file.read(8)
        length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else 0
        if not 2 <= length <= min(MAX_HEADER_BYTES, path.stat().st_size - 8):
            raise ValueError(f"{path.name} is not a safetensors file: its header would have {length:,} bytes")
        try:
            header = parse_json(file.read(length))
        except ValueError as error:
            raise ValueError(f"{path.name} is not a safetensors file: its header is not JSON: {error}") from error
    if not isinstance(header, dict):
        raise ValueError(f"{path.name} is not a safetensors file: its header is not an object")
    header.pop("__metadata__", None)
    missing, unknown = sorted(set(expected) - set(header)), sorted(set(header) - set(expected))
    if missing or unknown:
        raise ValueError(f"{path.name} does not fit the encoder: missing {_few(missing)}; unknown {_few(unknown)}")
    for name, tensor in expected.items():
        entry = header[name]
        found = (entry.get("dtype"), entry.get("shape")) if isinstance(entry, dict) else (None, None)
        wanted = ({torch.float32: "F32", torch.int64: "I64"}[tensor.dtype], list(tensor.shape))
        if found != wanted:
            raise ValueError(f"{path.name}: {name} is {found[0]} {found[1]}, the encoder needs {wanted[0]} {wanted[1]}")


def _check_values(weights: dict[str, Tensor]) -> None:
    for name, tensor in weights.items():
        lowest, highest = tensor.aminmax()  # is NaN where one value is; takes no memory, unlike isfinite
        if not (lowest.isfinite() and highest.isfinite()):
            raise ValueError(f"weight {name} holds values that are not finite")
        if name.endswith("running_var") and lowest < 0:
            raise ValueError(f"weight {name} holds a variance below 0")


def _few(names: list[str]) -> str:
    text = ", ".join(one_line(name, 80) for name in names[:5]) or "none"
    return f"{text} and {len(names) - 5} more" if len(names) > 5 else text
