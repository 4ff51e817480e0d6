"""The weights of a model folder: saved whole and loaded strictly.

A folder is data only: nothing in it is executed or unpickled, its size is bounded before anything is loaded, and weights
that do not match the encoder in every name, shape and type are refused.
"""

import struct
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from siamese.config import ModelFolderConfig, one_line, parse_json
from siamese.model_folder.files import (
    CONFIG_FILE,
    MAX_CONFIG_BYTES,
    MAX_WEIGHTS_BYTES,
    WEIGHTS_FILE,
    check_file,
    write_file,
)
from siamese.network import SiameseNetwork

MAX_HEADER_BYTES = 1_000_000  # of the safetensors file: names and shapes only


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
        check_file(folder / name, limit)
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
    # In memory of their own, as torch would put them: the order of a sum, and so its last bit, can follow from an address.
    network.load_state_dict({name: tensor.clone() for name, tensor in weights.items()}, strict=True, assign=True)
    return network.eval(), config


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
