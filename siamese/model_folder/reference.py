"""What a model knows: embeddings of test images that travel with the weights, and when an image is unlike all of them.

An encoder answers to what it was trained on with features of about one length, which bringing embeddings to length 1 takes
away. An image whose features are shorter or longer than those of nearly all test images is unfamiliar. Where the classes are
those that training saw, distance to the nearest test image tells as well, and the two are judged together: each has a
p-value, its rank among test images (split conformal prediction), and their product decides (Fisher 1932). The model still
answers for an unfamiliar image, but neither its accuracy nor its calibration was measured on anything like it.

What visitors draw differs from the test more than the test does from itself: so there the ranks are among test images under
the random distortions of the training.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from scipy import special
from torch import Tensor

from siamese.config import UNSEEN_SPLITS, one_line
from siamese.data.augmentation import AUGMENTATIONS
from siamese.data.storage import take_images
from siamese.distances import distance_matrix, squared_distance_matrix
from siamese.images.canonical import to_tensor
from siamese.model_folder.weights import MAX_REFERENCE_BYTES, REFERENCE_FILE, fingerprint, write_file
from siamese.network import SiameseNetwork, embed_and_measure

FORMAT = "siamese-reference-1"
MOST_IMAGES = 1000  # 256 kB at 64 numbers each, and enough that nearly every test image has a neighbour
FALSE_ALARMS = 0.02  # share of images like those of the test that may be called unfamiliar
OPTIONAL = {"lengths", "distances"}  # tensors of the file that older versions did not write
SAME_CLASSES = ("given", "within")  # splits whose test is of the classes of the training
LEAST_UNITS = 5  # to say what is usual
DISTORTED_AT_ONCE = 100  # test images: bounds the memory


@dataclass(frozen=True)
class Reference:
    """Embeddings of test images, none of which the weights were fitted to."""

    embeddings: Tensor  # float32 (N, D)
    labels: Tensor  # int64 (N,), classes; all 0 where there are none
    lengths: Tensor | None = None  # float32 (N,), of the encoder's features; None: of an older version
    split: str = "given"  # what the test images are, see siamese.config.DataRecord
    # float32 (N,), to the nearest other test image. Where they are given, they and `lengths` are of the distorted images.
    distances: Tensor | None = None

    @cached_property
    def usual(self) -> tuple[float, float] | None:
        """The shortest and the longest features that a familiar image has, if these alone decide; None where too few images
        can tell.

        Of new images like those of the test, FALSE_ALARMS lie outside, half of them on each side. Where the test is of
        classes that training never saw, a new image is of yet another class: then it is classes that are drawn anew.
        """
        if self.lengths is None:
            return None
        units = self.labels if self.split in UNSEEN_SPLITS else torch.arange(len(self.lengths))
        numbers = units.unique(return_inverse=True)[1].numpy()
        return usual_range(self.lengths.double().numpy(), numbers, FALSE_ALARMS / 2)

    @cached_property
    def strangest(self) -> float | None:
        """The strangeness that FALSE_ALARMS of new images like the distorted ones of the test have, or a greater one.

        None where distance has no say: a new image may be of another class and have none to be near to, or too few images
        can tell.
        """
        rank = 0 if self.distances is None else int(FALSE_ALARMS * (len(self.distances) + 1) + 1e-9)
        if self.lengths is None or self.distances is None or not rank:
            return None
        return float(np.sort(self.strangeness(self.lengths.numpy(), self.distances.numpy()))[-rank])

    def strangeness(self, lengths: np.ndarray, distances: np.ndarray) -> np.ndarray:
        """How unlike the distorted test images others are (N,): -log of the product of two p-values.

        Those of their lengths, on both sides, and of their distances to the nearest test image, both (N,).
        """
        (known, far), count = self._in_order, len(self.lengths) + 1
        shorter, longer = np.searchsorted(known, lengths, "right"), len(known) - np.searchsorted(known, lengths, "left")
        farther = len(far) - np.searchsorted(far, distances, "left")
        of_length = np.minimum(2 * (np.minimum(shorter, longer) + 1) / count, 1)
        return -np.log(of_length) - np.log((farther + 1) / count)

    @cached_property
    def _in_order(self) -> tuple[np.ndarray, np.ndarray]:
        """Lengths and distances, the least first."""
        return np.sort(self.lengths.numpy()), np.sort(self.distances.numpy())

    def is_familiar(self, embedding: Tensor, length: float) -> bool | None:
        """Whether an image is like those that the model was tested on, by its embedding (D,) and the length of its features.

        None: nobody can say.
        """
        if self.strangest is not None:
            distance = squared_distance_matrix(embedding[None], self.embeddings).min().sqrt()
            return bool(self.strangeness(np.float32([length]), distance.reshape(1).numpy())[0] < self.strangest)
        return None if self.usual is None else self.usual[0] <= length <= self.usual[1]

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
    network: SiameseNetwork,
    images: np.ndarray,
    labels: np.ndarray | None,
    split: str,
    mode: str = "ink",
    are_digits: bool = False,
    seed: int = 0,
) -> Reference:
    """The reference of at most MOST_IMAGES of the test images, canonical ones of classes `labels` (N,), by a seeded draw.

    `mode` is that of the preprocessing, and `are_digits` says that the labels are digits: so the training distorts them.
    """
    drawn = np.random.default_rng(seed).permutation(len(images))[:MOST_IMAGES]
    images, labels = take_images(images, drawn), np.zeros(len(drawn), np.int64) if labels is None else labels[drawn]
    embeddings, lengths = embed_and_measure(network, images)
    reference = Reference(embeddings, torch.from_numpy(labels), lengths, split)
    return as_distorted(reference, network, images, mode, are_digits, seed) if split in SAME_CLASSES else reference


def as_distorted(
    reference: Reference, network: SiameseNetwork, images: np.ndarray, mode: str, are_digits: bool, seed: int = 0
) -> Reference:
    """The same embeddings, with lengths and distances of its `images` (N, ...) as the training would distort them."""
    generator, lengths, distances = torch.Generator().manual_seed(seed), [], []
    for rows in torch.arange(len(images)).split(DISTORTED_AT_ONCE):
        digits = reference.labels[rows] if are_digits else None
        distorted = AUGMENTATIONS[mode](to_tensor(images[rows.numpy()]), generator, digits=digits)
        embeddings, measured = embed_and_measure(network, distorted)
        to_others = distance_matrix(embeddings, reference.embeddings)  # (B, N)
        to_others[torch.arange(len(rows)), rows] = float("inf")
        lengths.append(measured)
        distances.append(to_others.amin(dim=1))
    return replace(reference, lengths=torch.cat(lengths), distances=torch.cat(distances))


def save_reference(reference: Reference, network: SiameseNetwork, folder: Path) -> None:
    """Write the reference into the folder of the model that made its embeddings, by write-then-rename."""
    tensors = {"embeddings": reference.embeddings.contiguous(), "labels": reference.labels.contiguous()}
    tensors |= {name: getattr(reference, name) for name in OPTIONAL if getattr(reference, name) is not None}
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
            if about.get("format") != FORMAT or names - OPTIONAL != {"embeddings", "labels"}:
                raise ValueError("it is a safetensors file of another kind")
            embeddings, labels = file.get_tensor("embeddings"), file.get_tensor("labels")
            optional = {name: file.get_tensor(name) for name in OPTIONAL & names}
    except (SafetensorError, OSError, ValueError) as error:
        raise ValueError(f"{path} is not a reference file: {one_line(str(error))}") from error
    fits = (
        embeddings.dtype == torch.float32
        and labels.dtype == torch.int64
        and embeddings.shape[1:] == (network.config.embedding_dim,)
        and 3 <= len(embeddings) <= MOST_IMAGES
        and labels.shape == embeddings.shape[:1]
        and embeddings.isfinite().all()
        and all(
            each.dtype == torch.float32 and each.shape == labels.shape and each.isfinite().all()
            for each in optional.values()
        )
    )
    if not fits:
        raise ValueError(f"{path} is a damaged reference file: its embeddings and labels do not fit the model or each other")
    known = Reference(embeddings, labels, split=split, **optional)
    return known if about.get("model") == fingerprint(network) else None
