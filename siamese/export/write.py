"""Write a network as one file that other runtimes load: from canonical images to embeddings."""

import copy
import io
import json
import warnings
import zipfile
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from siamese.config import EncoderConfig, ModelFolderConfig, one_line
from siamese.export.metadata import INPUT, INPUTS, OUTPUTS, check_libraries, describe
from siamese.export.onnx_network import read_onnx
from siamese.images.canonical import to_tensor
from siamese.model_folder.reference import Reference
from siamese.network import SiameseNetwork

TOLERANCE = 1e-5  # by which an embedding may differ in any of its numbers, as a share of its length
TRIED = (1, 3)  # how many images are encoded at a time, to see that a file does as the network
METADATA_FILE = "metadata.json"  # the name under which torch keeps it within a file of its own formats
OPSET = 20  # of ONNX: of early 2024, so that runtimes of that time will do


class ExportedNetwork(nn.Module):
    """Images as `kind` says, of INPUTS -> embeddings (B, D) and lengths of features (B,), float32."""

    def __init__(self, network: SiameseNetwork, kind: str) -> None:
        super().__init__()
        self.network, self.kind = copy.deepcopy(network).eval(), kind
        for module in [*self.network.modules()]:
            for name, child in module.named_children():
                if isinstance(child, nn.AdaptiveMaxPool2d):
                    setattr(module, name, SlicedMaxPool(child.output_size))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return self.network.measure(to_tensor(images) if self.kind == "uint8" else images)


class SlicedMaxPool(nn.Module):
    """nn.AdaptiveMaxPool2d to `places` x `places`, of operations that ONNX has: (B, C, H, W) -> (B, C, places, places)."""

    def __init__(self, places: int) -> None:
        super().__init__()
        self.places = places

    def forward(self, maps: Tensor) -> Tensor:
        rows = torch.stack([maps[:, :, part].amax(2) for part in self._parts(maps.shape[2])], 2)  # (B, C, places, W)
        return torch.stack([rows[..., part].amax(3) for part in self._parts(maps.shape[3])], 3)

    def _parts(self, side: int) -> list[slice]:
        return [slice(place * side // self.places, -(-(place + 1) * side // self.places)) for place in range(self.places)]


def export_network(
    network: SiameseNetwork,
    config: ModelFolderConfig,
    form: str = "onnx",
    kind: str = INPUTS[0],
    reference: Reference | None = None,
) -> bytes:
    """The content of one file that takes batches of any size, for a network on the CPU.

    `form` is one of siamese.export.metadata.SUFFIXES; `kind`, of INPUTS, is what the file takes. With `reference`, of
    embeddings of test images, it tells what is familiar. Raises ValueError where a library is missing, the format lacks what
    the encoder does, or the file does not do as the network.
    """
    if form == "onnx":
        check_libraries()
    write, load = WRITERS[form]
    about = describe(config, network.fingerprint(), kind, reference)
    images = make_images(config.encoder, 2)
    example = torch.from_numpy(images) if kind == "uint8" else to_tensor(images)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of torch, that its own formats are to be replaced by others
        try:
            content = write(ExportedNetwork(network, kind), example, about)
        except (MemoryError, ImportError):
            raise
        except Exception as error:  # of many types, by what an encoder does
            why = one_line(str(error))
            raise ValueError(f"encoder {config.encoder.name} cannot be written as {form}: {why}") from error
        check(network, config.encoder, load(content, kind), form)
    return content


def make_images(encoder: EncoderConfig, count: int) -> np.ndarray:
    """Canonical images of noise, seeded: uint8 (N, H, W) or (N, H, W, 3)."""
    shape = (count, encoder.image_size, encoder.image_size, *[3] * (encoder.channels == 3))
    return np.random.default_rng(count).integers(0, 256, shape, np.uint8)


def check(
    network: SiameseNetwork, encoder: EncoderConfig, compute: Callable[[np.ndarray], list[np.ndarray]], form: str
) -> None:
    """Raise ValueError where `compute`, of canonical images, gives other embeddings and lengths than the network."""
    network.eval()
    for count in TRIED:
        images = make_images(encoder, count)
        own, found = [each.numpy() for each in network.measure(to_tensor(images))], compute(images)
        scale = max(1, float(np.linalg.norm(own[0], axis=1).max()))
        furthest = np.abs(found[0] - own[0]).max() / scale
        if not furthest <= TOLERANCE:
            raise ValueError(f"embeddings as {form} differ by {furthest:.2g} from the network's, allowed: {TOLERANCE}")


def _to_onnx(exported: ExportedNetwork, example: Tensor, about: dict[str, str]) -> bytes:
    from onnx import helper

    program = torch.onnx.export(
        exported, (example,), input_names=[INPUT], output_names=list(OUTPUTS), opset_version=OPSET,
        dynamic_shapes={INPUT: {0: torch.export.Dim("batch", min=1)}}, dynamo=True, verbose=False,
    )  # fmt: skip
    model = program.model_proto
    # Where each operation comes from: with paths of this machine, which are nobody else's business.
    for each in (model.graph, *model.graph.node, *model.graph.value_info, *model.functions):
        del each.metadata_props[:]
        each.doc_string = ""
    helper.set_model_props(model, about)
    return model.SerializeToString()


def _from_onnx(content: bytes, kind: str) -> Callable[[np.ndarray], list[np.ndarray]]:
    return read_onnx(content)[0].compute


def _to_torchscript(exported: ExportedNetwork, example: Tensor, about: dict[str, str]) -> bytes:
    buffer, stripped = io.BytesIO(), io.BytesIO()
    traced = torch.jit.trace(exported, (example,), check_trace=False)  # the file is tried out, which says more
    torch.jit.save(traced, buffer, _extra_files={METADATA_FILE: json.dumps(about)})
    # Without what tells where each operation comes from, as in _to_onnx.
    with zipfile.ZipFile(buffer) as whole, zipfile.ZipFile(stripped, "w") as kept:
        for entry in whole.infolist():
            if not entry.filename.endswith(".debug_pkl"):
                kept.writestr(entry, whole.read(entry))
    return stripped.getvalue()


def _from_torchscript(content: bytes, kind: str) -> Callable[[np.ndarray], list[np.ndarray]]:
    return _as_arrays(torch.jit.load(io.BytesIO(content)), kind)


def _to_torch_export(exported: ExportedNetwork, example: Tensor, about: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    shapes = {INPUT: {0: torch.export.Dim("batch", min=1)}}
    program = torch.export.export(exported, (example,), dynamic_shapes=shapes)
    for module in program.graph_module.modules():
        for node in getattr(module, "graph", torch.fx.Graph()).nodes:
            node.meta.pop("stack_trace", None)  # as in _to_onnx
    torch.export.save(program, buffer, extra_files={METADATA_FILE: json.dumps(about)})
    return buffer.getvalue()


def _from_torch_export(content: bytes, kind: str) -> Callable[[np.ndarray], list[np.ndarray]]:
    return _as_arrays(torch.export.load(io.BytesIO(content)).module(), kind)


def _as_arrays(module: nn.Module, kind: str) -> Callable[[np.ndarray], list[np.ndarray]]:
    take = torch.from_numpy if kind == "uint8" else to_tensor
    return lambda images: [each.numpy() for each in module(take(images))]


# Each format with what writes it, and what loads it again.
WRITERS = {
    "onnx": (_to_onnx, _from_onnx),
    "torchscript": (_to_torchscript, _from_torchscript),
    "torch.export": (_to_torch_export, _from_torch_export),
}
