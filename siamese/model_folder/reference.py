"""What a model knows: embeddings of test images that travel with the weights, and when an image is unlike all of them.

An encoder answers to what it was trained on with features of about one length, which bringing embeddings to length 1 takes
away. An image whose features are shorter or longer than those of nearly all test images is unfamiliar, and so is one of the
classes that training saw where it is far from all test images. The model still answers for it, but neither its accuracy nor
its calibration was measured on anything like it.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from scipy import special
from torch import Tensor

from siamese.config import UNSEEN_SPLITS, one_line
from siamese.data.storage import take_images
from siamese.distances import distance_matrix
from siamese.model_folder.weights import MAX_REFERENCE_BYTES, REFERENCE_FILE, fingerprint, write_file
from siamese.network import SiameseNetwork, embed_and_measure

FORMAT = "siamese-reference-1"
MOST_IMAGES = 1000  # 256 kB at 64 numbers each, and enough that nearly every test image has a neighbour
FALSE_ALARMS = 0.02  # share of images like those of the test that may be called unfamiliar
FAR_ALARMS = 0.005  # of these, for being far from all of the test images
SAME_CLASSES = ("given", "within")  # splits whose test is of the classes of the training
LEAST_UNITS = 5  # to say what is usual


@dataclass(frozen=True)
class Reference:
    """Embeddings of test images, none of which the weights were fitted to."""

    embeddings: Tensor  # float32 (N, D)
    labels: Tensor  # int64 (N,), classes; all 0 where there are none
    lengths: Tensor | None = None  # float32 (N,), of the encoder's features; None: of an older version
    split: str = "given"  # what the test images are, see siamese.config.DataRecord

    @cached_property
    def usual(self) -> tuple[float, float] | None:
        """The shortest and the longest features that a familiar image has; None where too few images can tell.

        Of new images like those of the test, FALSE_ALARMS lie outside, half of them on each side; less FAR_ALARMS where
        distance has a say as well. Where the test is of classes that training never saw, a new image is of yet another
        class: then it is classes that are drawn anew.
        """
        if self.lengths is None:
            return None
        units = self.labels if self.split in UNSEEN_SPLITS else torch.arange(len(self.lengths))
        share = FALSE_ALARMS - FAR_ALARMS * (self.split in SAME_CLASSES)
        return usual_range(self.lengths.double().numpy(), units.unique(return_inverse=True)[1].numpy(), share / 2)

    @cached_property
    def farthest(self) -> float:
        """The largest distance to the nearest reference that a familiar image has: of the reference itself, all but
        FAR_ALARMS lie nearer to another. Infinite where a new image is of another class, and has none to be near to.
        """
        beyond = int(FAR_ALARMS * (len(self.embeddings) + 1))
        if self.split not in SAME_CLASSES or not beyond:
            return float("inf")
        distances = distance_matrix(self.embeddings)
        distances.fill_diagonal_(float("inf"))
        return float(distances.amin(dim=1).sort(descending=True).values[beyond - 1])

    def is_familiar(self, embedding: Tensor, length: float) -> bool | None:
        """Whether an image is like those that the model was tested on, by its embedding (D,) and the length of its features.

        None: nobody can say.
        """
        if self.usual is None:
            return None
        is_near = self.farthest == float("inf") or distance_matrix(embedding[None], self.embeddings).min() <= self.farthest
        return bool(is_near and self.usual[0] <= length <= self.usual[1])

    @cached_property
    def _plane(self) -> tuple[Tensor, Tensor]:
        middle = self.embeddings.mean(dim=0)
        return middle, torch.linalg.svd(self.embeddings - middle, full_matrices=False).Vh[:2].T  # (D,), (D, 2)

    def project(self, embeddings: np.ndarray | Tensor) -> np.ndarray:
        """Embeddings (N, D) on the plane in which the reference spreads most (PCA): float32 (N, 2)."""
        middle, axes = self._plane
        return ((torch.as_tensor(embeddings) - middle) @ axes).numpy()


def usual_range(lengths: np.ndarray, units: np.ndarray, share: float) -> tuple[float, float] | None:
    """The range on each side of which lie a `share` of the lengths of a new unit, from those (N,) of `units` (N,).

    A unit is what is drawn anew: an image by itself, or a class. Of images, the ends are ranks, which hold whatever the
    distribution (split conformal prediction); so small a share asks for a hundred or more. With fewer, and of classes,
    whose images are alike, the extremes of each unit are taken to be log-normal, and the range is the prediction interval
    for those of another. None with fewer than LEAST_UNITS.
    """
    count = len(np.unique(units))
    if count < LEAST_UNITS or not (lengths > 0).all():
        return None
    rank = int(share * (count + 1) + 1e-9)
    if rank and count == len(lengths):
        return float(np.sort(lengths)[rank - 1]), float(np.sort(lengths)[-rank])
    extremes = np.full((2, count), np.inf)  # of each unit: the log of its shortest, and -log of its longest
    for row, sign in enumerate((1, -1)):
        np.minimum.at(extremes[row], units, sign * np.log(lengths))
    reach = special.stdtrit(count - 1, 1 - share) * np.sqrt(1 + 1 / count)
    low, high = np.exp((extremes.mean(axis=1) - reach * extremes.std(axis=1, ddof=1)) * (1, -1))
    return float(low), float(high)


def choose_reference(
    network: SiameseNetwork, images: np.ndarray, labels: np.ndarray | None, split: str, seed: int = 0
) -> Reference:
    """The reference of at most MOST_IMAGES of the test images, canonical ones of classes `labels` (N,), by a seeded draw."""
    drawn = np.random.default_rng(seed).permutation(len(images))[:MOST_IMAGES]
    embeddings, lengths = embed_and_measure(network, take_images(images, drawn))
    labels = np.zeros(len(images), np.int64) if labels is None else labels
    return Reference(embeddings, torch.from_numpy(labels[drawn]), lengths, split)


def save_reference(reference: Reference, network: SiameseNetwork, folder: Path) -> None:
    """Write the reference into the folder of the model that made its embeddings, by write-then-rename."""
    tensors = {"embeddings": reference.embeddings.contiguous(), "labels": reference.labels.contiguous()}
    if reference.lengths is not None:
        tensors["lengths"] = reference.lengths.contiguous()
    about = {"format": FORMAT, "model": fingerprint(network)}
    write_file(folder / REFERENCE_FILE, lambda temporary: save_file(tensors, temporary, metadata=about))


def load_reference(folder: Path, network: SiameseNetwork, split: str = "given") -> Reference | None:
    """The reference of a model folder, whose test images are what `split` says; None where it has none, or of other weights.

    Raises ValueError for a damaged one.
    """
    path = folder / REFERENCE_FILE
    if not path.is_file():
        return None
    if path.stat().st_size > MAX_REFERENCE_BYTES:
        raise ValueError(f"{path} has {path.stat().st_size:,} bytes, allowed: at most {MAX_REFERENCE_BYTES:,}")
    try:
        with safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
            names = set(file.keys())
            if about.get("format") != FORMAT or names - {"lengths"} != {"embeddings", "labels"}:
                raise ValueError("it is a safetensors file of another kind")
            embeddings, labels = file.get_tensor("embeddings"), file.get_tensor("labels")
            lengths = file.get_tensor("lengths") if "lengths" in names else None
    except (SafetensorError, OSError, ValueError) as error:
        raise ValueError(f"{path} is not a reference file: {one_line(str(error))}") from error
    fits = (
        embeddings.dtype == torch.float32
        and labels.dtype == torch.int64
        and embeddings.shape[1:] == (network.config.embedding_dim,)
        and 3 <= len(embeddings) <= MOST_IMAGES
        and labels.shape == embeddings.shape[:1]
        and embeddings.isfinite().all()
        and (
            lengths is None
            or (lengths.dtype == torch.float32 and lengths.shape == labels.shape and lengths.isfinite().all())
        )
    )
    if not fits:
        raise ValueError(f"{path} is a damaged reference file: its embeddings and labels do not fit the model or each other")
    return Reference(embeddings, labels, lengths, split) if about.get("model") == fingerprint(network) else None
