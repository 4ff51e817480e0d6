"""What an exported file says of itself: all of config.json, and what is needed beside the embeddings to judge a pair.

Every key and value is text, so that any runtime can read them.
"""

import base64
import importlib.util
import json

import numpy as np

from siamese.config import ModelFolderConfig, parse_json
from siamese.model_folder.reference import OPTIONAL, Reference

FORMAT = "siamese-export-1"
SUFFIXES = {"onnx": ".onnx", "torchscript": ".torchscript.pt", "torch.export": ".pt2"}  # of files of each format
# What a file may take: canonical images as they are, uint8 (N, H, W) or (N, H, W, 3); or float32 (N, C, H, W) in 0..1.
INPUTS = ("uint8", "float32")
INPUT, OUTPUTS = "images", ("embeddings", "lengths")  # float32 (N, D), and of the features before normalising (N,)
ARRAYS = {"embeddings": np.float32, "labels": np.int64, "lengths": np.float32, "distances": np.float32}

EXTRA = "pip install onnx onnxscript onnxruntime, which is the extra siamese[onnx] of this project"


def check_libraries() -> None:
    """Raise ValueError that names the extra where what writes ONNX is not installed."""
    missing = [name for name in ("onnx", "onnxscript", "onnxruntime") if not importlib.util.find_spec(name)]
    if missing:
        raise ValueError(f"writing ONNX needs libraries that are not installed, {', '.join(missing)}: {EXTRA}")


def describe(config: ModelFolderConfig, fingerprint: str, kind: str, reference: Reference | None) -> dict[str, str]:
    """The metadata of a file that takes `kind`, of INPUTS, with a model of that `SiameseNetwork.fingerprint`.

    `config` is config.json whole. What a pair is judged by stands beside it once more, for programs that read no JSON: a
    pair at distance d is the same where d <= threshold, and its log-odds are (threshold - d) * same_slope, or
    different_slope where that is below 0. `reference` is JSON of arrays in base64, little-endian.
    """
    calibration = config.calibration
    about = {
        "format": FORMAT,
        "model": fingerprint,
        "input": kind,
        "config": config.to_json(),
        **{name: repr(getattr(calibration, name)) for name in ("threshold", "same_slope", "different_slope", "doubt")},
    }
    if reference is not None:
        about["reference"] = json.dumps({name: _to_text(array) for name, array in reference.arrays().items()})
    return about


def parse(about: dict[str, str]) -> tuple[ModelFolderConfig, str, str, Reference | None]:
    """What `describe` was given, from its result. Raises ValueError for anything else."""
    if about.get("format") != FORMAT:
        raise ValueError("it was not written by `siamese export`")
    missing = [name for name in ("model", "input", "config") if name not in about]
    if missing or about["input"] not in INPUTS:
        raise ValueError(f"its metadata lacks {', '.join(missing) or 'an input that is uint8 or float32'}")
    config, reference = ModelFolderConfig.from_json(about["config"]), None
    if "reference" in about:
        reference = _parse_reference(about["reference"], config)
    return config, about["model"], about["input"], reference


def _parse_reference(text: str, config: ModelFolderConfig) -> Reference:
    try:
        raw = parse_json(text)
        if not isinstance(raw, dict) or set(raw) - {*OPTIONAL} != {"embeddings", "labels"}:
            raise ValueError("it has other arrays than those of a reference")
        arrays = {name: _from_text(value, ARRAYS[name]) for name, value in raw.items()}
        arrays["embeddings"] = arrays["embeddings"].reshape(-1, config.encoder.embedding_dim)
        reference = Reference(**arrays, split=config.data.split)
        reference.check(config.encoder.embedding_dim)
    except (ValueError, TypeError) as error:  # of a value that is no text
        raise ValueError(f"its reference is damaged: {error}") from error
    return reference


def _to_text(array: np.ndarray) -> str:
    return base64.b64encode(array.astype(array.dtype.newbyteorder("<")).tobytes()).decode()


def _from_text(text: str, kind: type) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text, validate=True), np.dtype(kind).newbyteorder("<")).astype(kind)
