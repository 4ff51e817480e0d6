"""A model in an ONNX file, computed by ONNX Runtime: what a SiameseNetwork is to a Verifier, without torch."""

import os
from pathlib import Path

import numpy as np

from siamese.config import ModelFolderConfig, one_line
from siamese.export.metadata import INPUT, OUTPUTS, SUFFIXES, parse
from siamese.model_folder.files import MAX_WEIGHTS_BYTES
from siamese.model_folder.reference import Reference

EXTRA = "pip install onnxruntime, which is in the extra siamese[onnx] of this project"
ALIKE = 2  # images of a batch (1 of numbers), whose bits are the same whatever others are: siamese.network.embed_alike
CPU = ("CPUExecutionProvider",)  # does what another lacks
PROVIDERS = {"cpu": CPU, "cuda": ("CUDAExecutionProvider", *CPU)}
NO_MEMORY = "allocate memory"  # what ONNX Runtime says, whose errors have no type of their own for it


class OnnxNetwork:
    """An encoder in an ONNX file. Safe to call from several threads; holds no state between calls."""

    def __init__(self, session, config: ModelFolderConfig, fingerprint: str, kind: str, device: str) -> None:
        """`session` takes what `kind` says, of siamese.export.metadata.INPUTS."""
        self.session, self.config, self.kind, self.device = session, config.encoder, kind, device
        self._fingerprint = fingerprint

    def for_inference(self) -> "OnnxNetwork":
        """Itself."""
        return self

    def fingerprint(self) -> str:
        """That of the network that was exported, whose embeddings are comparable with these."""
        return self._fingerprint

    def embed_alike(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Canonical images, uint8 (N, H, W) or (N, H, W, 3) -> embeddings and lengths of features, float32 (N, D) and (N,).

        An image has the same bits alone and at any place of many. Raises MemoryError where there is too little.
        """
        embeddings = np.empty((len(images), self.config.embedding_dim), np.float32)
        lengths = np.empty(len(images), np.float32)
        size = ALIKE if self.config.shape is None else 1
        for start in range(0, len(images), size):
            part = images[start : start + size]
            filled = np.concatenate([part, np.repeat(part[-1:], size - len(part), axis=0)])
            for whole, found in zip((embeddings, lengths), self.compute(filled), strict=True):
                whole[start : start + size] = found[: len(part)]
        return embeddings, lengths

    def compute(self, images: np.ndarray) -> list[np.ndarray]:
        """As `embed_alike`, in one batch: the bits of an image depend on how many there are."""
        if self.kind == "float32":
            images = images[:, None] if images.ndim == 3 else np.moveaxis(images, 3, 1)  # (N, C, H, W)
            images = images.astype(np.float32) / 255
        try:
            return self.session.run(list(OUTPUTS), {INPUT: np.ascontiguousarray(images)})
        except Exception as error:  # of many types, none of which Python knows
            kind = MemoryError if NO_MEMORY in str(error) else ValueError
            raise kind(f"ONNX Runtime cannot compute the embeddings: {one_line(str(error))}") from error


def is_onnx_file(source: object) -> bool:
    """Whether a source of a model is a file here that is called .onnx."""
    return (
        isinstance(source, str | os.PathLike) and str(source).lower().endswith(SUFFIXES["onnx"]) and Path(source).is_file()
    )


def load_onnx(path: Path, device: str = "cpu") -> tuple[OnnxNetwork, ModelFolderConfig, Reference | None]:
    """What `siamese export` wrote to an ONNX file: the network, its config and its reference, if there is one.

    `device` is "cpu", "cuda" or "auto". No other file is read, and nothing is executed but the operations that ONNX Runtime
    has. Raises ValueError that says what is wrong with the file, or that there is no ONNX Runtime.
    """
    library()
    size = path.stat().st_size
    if not 0 < size <= MAX_WEIGHTS_BYTES:
        raise ValueError(f"{path} has {size:,} bytes, allowed: 1 to {MAX_WEIGHTS_BYTES:,}")
    try:
        return read_onnx(path.read_bytes(), device)
    except ValueError as error:
        raise ValueError(f"{path} is not a model: {error}") from error


def read_onnx(content: bytes, device: str = "cpu") -> tuple[OnnxNetwork, ModelFolderConfig, Reference | None]:
    """As `load_onnx`, from the content of the file; so one that keeps its weights in other files cannot have any read."""
    runtime = library()
    device = choose_device(device, runtime.get_available_providers())
    options = runtime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is raised; nothing is printed
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # see siamese.devices.use_one_thread
    try:
        session = runtime.InferenceSession(content, options, providers=[*PROVIDERS[device]])
    except Exception as error:  # of many types, none of which Python knows
        raise ValueError(f"ONNX Runtime cannot load it: {one_line(str(error))}") from error
    config, fingerprint, kind, reference = parse(session.get_modelmeta().custom_metadata_map)
    network = OnnxNetwork(session, config, fingerprint, kind, device)
    check(network)
    return network, config, reference


def check(network: OnnxNetwork) -> None:
    """Raise ValueError where the graph does not take or give what its metadata say, seen on two black images."""
    encoder, session = network.config, network.session
    names = [each.name for each in session.get_inputs()], [each.name for each in session.get_outputs()]
    if names != ([INPUT], list(OUTPUTS)):
        raise ValueError(f"it takes {names[0]} and gives {names[1]}, expected: {[INPUT]} and {list(OUTPUTS)}")
    black = np.zeros((2, *[encoder.image_size] * 2, *[3] * (encoder.channels == 3)), np.uint8)
    found = network.compute(black)
    shapes = [each.shape for each in found]
    if shapes != [(2, encoder.embedding_dim), (2,)] or not all(np.isfinite(each).all() for each in found):
        raise ValueError(f"of two images it gives {shapes}, expected: finite {[(2, encoder.embedding_dim), (2,)]}")


def choose_device(name: str, available: list[str]) -> str:
    """The device that ONNX Runtime is to use, where it has these providers. Raises ValueError where it cannot."""
    usable = [device for device, providers in PROVIDERS.items() if providers[0] in available]
    if name == "auto":
        return usable[-1]
    if name not in usable:
        raise ValueError(f"device {name!r} is not available to ONNX Runtime here, available: auto, {', '.join(usable)}")
    return name


def library():
    """ONNX Runtime. Raises ValueError that names the extra where it is not installed."""
    try:
        import onnxruntime  # for what uses no such file
    except ImportError as error:
        raise ValueError(f"ONNX files need ONNX Runtime, which is not installed: {EXTRA}") from error
    return onnxruntime
