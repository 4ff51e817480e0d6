"""Verifier: two images in, one verdict out."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import PIL.Image

from siamese.config import ModelFolderConfig
from siamese.data.datasets import is_of_digits
from siamese.devices import choose_device
from siamese.distances import distance
from siamese.evaluation.calibration import probability_same
from siamese.export.onnx_network import is_onnx_file, load_onnx
from siamese.hub.sources import locate_model
from siamese.images.remarks import OF_ALL_CHARACTERS
from siamese.inputs import INPUTS
from siamese.inputs.drawing import SIDE
from siamese.model_folder.reference import Reference, load_reference

if TYPE_CHECKING:
    import torch

# Of models of numbers also lists and mappings: see siamese.inputs.
Image = str | os.PathLike | bytes | PIL.Image.Image | np.ndarray | Sequence | Mapping


@dataclass(frozen=True)
class Verdict:
    """The answer for one pair. `is_same`, `probability_same >= 0.5` and `distance <= threshold` always say the same."""

    is_same: bool
    probability_same: float  # 0..1, calibrated
    confidence: float  # 0.5..1: probability of what is_same says
    distance: float  # Euclidean, between the two embeddings, >= 0
    threshold: float  # the largest distance called same
    # Whether both images are like those that the model was tested on; where not, the answer and its confidence may mean
    # little. None: nobody can say (see siamese.model_folder.reference).
    is_familiar: bool | None = None
    remark: str = ""  # on a picture that is not what the model reads, as "the first image ..."; its answer may mean little

    def to_dict(self) -> dict[str, bool | float | str | None]:
        """The fields as plain Python values, in order."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class Look:
    """What a model makes of one image."""

    seen: np.ndarray  # uint8 (H, W) or (H, W, 3): what the network sees
    embedding: np.ndarray  # float32 (D,)
    is_familiar: bool | None = None  # whether it is like those that the model was tested on; None: nobody can say
    remark: str = ""  # on the picture it was read from, as a predicate: "seems to ...", see siamese.images.remarks


class Network(Protocol):
    """What computes embeddings: siamese.network.SiameseNetwork, or siamese.export.onnx_network.OnnxNetwork."""

    def embed_alike(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Canonical images, uint8 (N, H, W) or (N, H, W, 3) -> embeddings and lengths of features, float32 (N, D) and (N,).

        An image has the same bits whatever the others are.
        """

    def for_inference(self) -> "Network":
        """What computes the same, but for rounding, and may do so sooner: a copy or itself."""

    def fingerprint(self) -> str:
        """Embeddings are comparable only where it is the same."""


class Verifier:
    """A trained network with its preprocessing and calibration: the one object that programs and the demo use.

    Safe to call from several threads; holds no state between calls.
    """

    def __init__(
        self,
        network: Network,
        config: ModelFolderConfig,
        name: str,
        device: "torch.device | str",
        reference: Reference | None = None,
    ) -> None:
        self.network = network
        self.config = config
        self.name = name
        self.device = device
        self._quick = network.for_inference()
        self.reference = reference  # None: the model folder has none

    @classmethod
    def from_pretrained(
        cls, source: str | Path | None = None, revision: str | None = None, device: str | None = None
    ) -> "Verifier":
        """Load a model folder, a bundled model ("digits"), a Hub repository ("user/name", optionally at `revision`), or an
        ONNX file that `siamese export` wrote, which needs no torch.

        None is the default bundled model. `device`: "cpu" (default), "cuda", "mps" or "auto". Raises ValueError that says
        what is wrong with any of them.
        """
        if is_onnx_file(source):
            network, config, reference = load_onnx(Path(source), device or "cpu")
            return cls(network, config, Path(source).name, network.device, reference)
        from siamese.model_folder.weights import load_model  # brings torch, which an ONNX file does without

        chosen = choose_device(device or "cpu")
        folder, name = locate_model(source, revision)
        network, config = load_model(folder)
        reference = load_reference(folder, network, config.data.split)
        return cls(network.to(chosen), config, name, chosen, reference)

    def check_images(self, what: str) -> None:
        """Raise ValueError where this model is not of images, which `what` is about alone."""
        kind = INPUTS[self.config.preprocess.mode].kind
        if kind != "images":
            raise ValueError(
                f"{what} is about images, and model {self.name} takes {kind}: use it in a terminal (siamese compare, embed, "
                "one-shot, evaluate) or in Python (Verifier, Gallery)"
            )

    def canonical(self, image: Image) -> np.ndarray:
        """What the network sees of an image: uint8 (H, W), or (H, W, 3) for a colour model; of numbers float32.

        Raises ValueError for anything that is no usable image, BlankImageError (a ValueError) where nothing is drawn.
        """
        return self.read(image)[0]

    def draw(self, seen: np.ndarray, side: int = SIDE) -> np.ndarray:
        """What the network sees, from `canonical`, as a picture for people: uint8 (H, W) or (H, W, 3).

        `side`: px, of pictures of numbers; images are drawn as they are.
        """
        return INPUTS[self.config.preprocess.mode].draw(seen, self.config.preprocess, side)

    def look(self, image: Image) -> Look:
        """What the network sees of an image, and its embedding. Raises ValueError like `canonical`.

        The embedding has the same bits as in `embed`, whatever other images are there: `verify(a, b)` must equal
        `verify(b, a)`.
        """
        seen, remark = self.read(image)
        return dataclasses.replace(self.look_at_canonical(seen[None])[0], remark=remark)

    def look_at_each(self, images: Sequence[Image]) -> list[Look | Exception]:
        """As `look`, of all of them in a batch: what it returns for each, or would raise."""
        found: list[tuple[np.ndarray, str] | Exception] = []
        for image in images:
            try:
                found.append(self.read(image))
            except Exception as error:  # of this image alone
                found.append(error)
        read = [each for each in found if not isinstance(each, Exception)]
        looks = iter(self.look_at_canonical(np.stack([seen for seen, _ in read])) if read else ())
        return [each if isinstance(each, Exception) else dataclasses.replace(next(looks), remark=each[1]) for each in found]

    def read(self, image: Image) -> tuple[np.ndarray, str]:
        """What the network sees of an image, as `canonical`, and a remark on it, as in `Look`. Raises ValueError like it."""
        preprocess = self.config.preprocess
        seen, remark = INPUTS[preprocess.mode].read(image, preprocess, self.config.encoder)
        return seen, remark if remark in OF_ALL_CHARACTERS or is_of_digits(self.config.data) else ""

    def look_at_canonical(self, images: np.ndarray) -> list[Look]:
        """As `look`, of what the network sees, each from `canonical`: uint8 (N, H, W) or (N, H, W, 3), all in a batch."""
        embeddings, lengths = self._quick.embed_alike(images)
        known = [
            self.reference and self.reference.is_familiar(*each) for each in zip(embeddings, lengths.tolist(), strict=True)
        ]
        return [Look(*each) for each in zip(images, embeddings, known, strict=True)]

    def embed(self, images: Sequence[Image]) -> np.ndarray:
        """Embeddings of N images: float32 (N, D). Euclidean distance between two rows is what `verify` compares."""
        if not len(images):
            return np.empty((0, self.config.encoder.embedding_dim), np.float32)
        return self.embed_canonical(np.stack([self.canonical(image) for image in images]))

    def embed_canonical(self, images: np.ndarray) -> np.ndarray:
        """As `embed`, of what the network sees: uint8 (N, H, W) or (N, H, W, 3), each from `canonical`."""
        return self._quick.embed_alike(images)[0]

    def verify(self, image_a: Image, image_b: Image, threshold: float | None = None) -> Verdict:
        """Whether two images show the same class.

        Each image is a path, a PIL image, or a uint8 array (H, W), (H, W, 3) or (H, W, 4); for a model of numbers, what
        siamese.inputs.vectors or siamese.inputs.sequences read. `threshold` (above 0) replaces
        the calibrated one; the probability follows. Raises ValueError like `canonical`.
        """
        looks = self.look_at_each((image_a, image_b))  # in a batch, which costs what one of them does
        for look in looks:
            if isinstance(look, Exception):
                raise look
        return self.verify_looks(*looks, threshold)

    def verify_looks(self, a: Look, b: Look, threshold: float | None = None) -> Verdict:
        """As `verify`, for two images that were looked at."""
        known = (a.is_familiar, b.is_familiar)
        is_familiar = False if False in known else None if None in known else True
        noun = INPUTS[self.config.preprocess.mode].noun
        remarks = [f"the {place} {noun} {look.remark}" for place, look in (("first", a), ("second", b)) if look.remark]
        verdict = self.verify_embeddings(a.embedding, b.embedding, threshold)
        return dataclasses.replace(verdict, is_familiar=is_familiar, remark="; ".join(remarks))

    def verify_embeddings(self, a: np.ndarray, b: np.ndarray, threshold: float | None = None) -> Verdict:
        """As `verify`, for the embeddings (D,) of two images, which do not tell whether these are familiar."""
        threshold = self.config.calibration.threshold if threshold is None else float(threshold)
        if not 0 < threshold < float("inf"):
            raise ValueError(f"threshold is {threshold}, allowed: a distance above 0")
        between = distance(a, b)
        probability = float(probability_same(between, self.config.calibration, threshold))
        return Verdict(between <= threshold, probability, max(probability, 1 - probability), between, threshold)
