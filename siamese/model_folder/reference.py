"""What a model knows: embeddings of test images that travel with the weights, and when an image is unlike all of them.

An encoder answers to what it was trained on with features of about one length, which bringing embeddings to length 1 takes
away. An image whose features are shorter or longer than those of nearly all test images is unfamiliar. Where the classes are
those that training saw, distance to the nearest test image tells as well, and the two are judged together: each has a
p-value, its rank among test images (split conformal prediction), and their product decides (Fisher 1932). The model still
answers for an unfamiliar image, but neither its accuracy nor its calibration was measured on anything like it.

What visitors draw differs from the test more than the test does from itself: so there the ranks are among test images under
the random distortions of the training.
"""

import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from siamese.config import UNSEEN_SPLITS, one_line
from siamese.model_folder.files import MAX_REFERENCE_BYTES, REFERENCE_FILE, write_file
from siamese.strict import parse_json, shorten

if TYPE_CHECKING:  # brings torch, which what only asks whether an image is familiar need not have
    from siamese.network import SiameseNetwork

FORMAT = "siamese-reference-1"
MOST_IMAGES = 1000  # 256 kB at 64 numbers each, and enough that nearly every test image has a neighbour
FALSE_ALARMS = 0.02  # share of images like those of the test that may be called unfamiliar
OPTIONAL = ("lengths", "distances")  # arrays of the file that older versions did not write
SAME_CLASSES = ("given", "within")  # splits whose test is of the classes of the training
LEAST_UNITS = 5  # to say what is usual
DISTORTED_AT_ONCE = 100  # test images: bounds the memory


@dataclass(frozen=True)
class Reference:
    """Embeddings of test images, none of which the weights were fitted to."""

    embeddings: np.ndarray  # float32 (N, D)
    labels: np.ndarray  # int64 (N,), classes; all 0 where there are none
    lengths: np.ndarray | None = None  # float32 (N,), of the encoder's features; None: of an older version
    split: str = "given"  # what the test images are, see siamese.config.DataRecord
    # float32 (N,), to the nearest other test image. Where they are given, they and `lengths` are of the distorted images.
    distances: np.ndarray | None = None
    names: tuple[str, ...] | None = None  # of the classes; None: their numbers

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays that there are, by name."""
        every = {name: getattr(self, name) for name in ("embeddings", "labels", *OPTIONAL)}
        return {name: array for name, array in every.items() if array is not None}

    @cached_property
    def usual(self) -> tuple[float, float] | None:
        """The shortest and the longest features that a familiar image has, if these alone decide; None where too few images
        can tell.

        Of new images like those of the test, FALSE_ALARMS lie outside, half of them on each side. Where the test is of
        classes that training never saw, a new image is of yet another class: then it is classes that are drawn anew.
        """
        if self.lengths is None:
            return None
        units = self.labels if self.split in UNSEEN_SPLITS else np.arange(len(self.lengths))
        numbers = np.unique(units, return_inverse=True)[1]
        return usual_range(self.lengths.astype(np.float64), numbers, FALSE_ALARMS / 2)

    @cached_property
    def strangest(self) -> float | None:
        """The strangeness that FALSE_ALARMS of new images like the distorted ones of the test have, or a greater one.

        None where distance has no say: a new image may be of another class and have none to be near to, or too few images
        can tell.
        """
        rank = 0 if self.distances is None else int(FALSE_ALARMS * (len(self.distances) + 1) + 1e-9)
        if self.lengths is None or self.distances is None or not rank:
            return None
        return float(np.sort(self.strangeness(self.lengths, self.distances))[-rank])

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
        return np.sort(self.lengths), np.sort(self.distances)

    def is_familiar(self, embedding: np.ndarray, length: float) -> bool | None:
        """Whether an image is like those that the model was tested on, by its embedding (D,) and the length of its features.

        None: nobody can say.
        """
        if self.strangest is not None:
            nearest = np.sqrt(np.square(self.embeddings - embedding).sum(axis=1).min(keepdims=True))  # (1,)
            return bool(self.strangeness(np.float32([length]), nearest)[0] < self.strangest)
        return None if self.usual is None else self.usual[0] <= length <= self.usual[1]

    @cached_property
    def _plane(self) -> tuple[np.ndarray, np.ndarray]:
        middle = self.embeddings.mean(axis=0)
        return middle, np.linalg.svd(self.embeddings - middle, full_matrices=False).Vh[:2].T  # (D,), (D, 2)

    def project(self, embeddings: np.ndarray) -> np.ndarray:
        """Embeddings (N, D) on the plane in which the reference spreads most (PCA): float32 (N, 2)."""
        middle, axes = self._plane
        return (embeddings - middle) @ axes

    def check(self, embedding_dim: int) -> None:
        """Raise ValueError where the arrays do not fit each other, or a model of so many numbers to an embedding."""
        numbers = [each for each in (self.embeddings, self.lengths, self.distances) if each is not None]
        fits = (
            self.labels.dtype == np.int64
            and self.embeddings.shape[1:] == (embedding_dim,)
            and 3 <= len(self.embeddings) <= MOST_IMAGES
            and all(each.shape == self.embeddings.shape[:1] for each in (self.labels, *numbers[1:]))
            and all(each.dtype == np.float32 and np.isfinite(each).all() for each in numbers)
            and (self.names is None or set(self.labels.tolist()) <= set(range(len(self.names))))
        )
        if not fits:
            raise ValueError("its embeddings and labels do not fit the model or each other")


def usual_range(lengths: np.ndarray, units: np.ndarray, share: float) -> tuple[float, float] | None:
    """The range on each side of which lie a `share` of the lengths of a new unit, from those (N,) of `units` (N,).

    A unit is what is drawn anew: an image by itself, or a class. Of images, the ends are ranks, which hold whatever the
    distribution (split conformal prediction); so small a share asks for a hundred or more. With fewer, and of classes,
    whose images are alike, the extremes of each unit are taken to be log-normal, and the range is the prediction interval
    for those of another. None with fewer than LEAST_UNITS.
    """
    from scipy import special  # takes a while, for which what has enough images need not wait

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
    network: "SiameseNetwork",
    images: np.ndarray,
    labels: np.ndarray | None,
    split: str,
    mode: str = "ink",
    are_digits: bool = False,
    seed: int = 0,
    names: tuple[str, ...] | None = None,
) -> Reference:
    """The reference of at most MOST_IMAGES of the test images, canonical ones of classes `labels` (N,), by a seeded draw.

    The classes have these `names`; None: their numbers are all that is known of them.

    `mode` is that of the preprocessing, and `are_digits` says that the labels are digits: so the training distorts them.
    """
    from siamese.data.storage import take_images
    from siamese.network import embed_and_measure

    drawn = np.random.default_rng(seed).permutation(len(images))[:MOST_IMAGES]
    images, labels = take_images(images, drawn), np.zeros(len(drawn), np.int64) if labels is None else labels[drawn]
    embeddings, lengths = embed_and_measure(network, images)
    reference = Reference(embeddings.numpy(), labels, lengths.numpy(), split, names=names)
    return as_distorted(reference, network, images, mode, are_digits, seed) if split in SAME_CLASSES else reference


def as_distorted(
    reference: Reference, network: "SiameseNetwork", images: np.ndarray, mode: str, are_digits: bool, seed: int = 0
) -> Reference:
    """The same embeddings, with lengths and distances of its `images` (N, ...) as the training would distort them."""
    import torch

    from siamese.data.augmentation import AUGMENTATIONS
    from siamese.distances import distance_matrix
    from siamese.inputs import to_tensor
    from siamese.network import embed_and_measure

    known, labels = torch.from_numpy(reference.embeddings), torch.from_numpy(reference.labels)
    generator, lengths, distances = torch.Generator().manual_seed(seed), [], []
    for rows in torch.arange(len(images)).split(DISTORTED_AT_ONCE):
        digits = labels[rows] if are_digits else None
        distorted = AUGMENTATIONS[mode](to_tensor(images[rows.numpy()]), generator, digits=digits)
        embeddings, measured = embed_and_measure(network, distorted)
        to_others = distance_matrix(embeddings, known)  # (B, N)
        to_others[torch.arange(len(rows)), rows] = float("inf")
        lengths.append(measured)
        distances.append(to_others.amin(dim=1))
    return replace(reference, lengths=torch.cat(lengths).numpy(), distances=torch.cat(distances).numpy())


def save_reference(reference: Reference, network: "SiameseNetwork", folder: Path) -> None:
    """Write the reference into the folder of the model that made its embeddings, by write-then-rename."""
    from safetensors.numpy import save_file

    arrays = {name: np.ascontiguousarray(array) for name, array in reference.arrays().items()}
    about = {"format": FORMAT, "model": network.fingerprint()}
    if reference.names is not None:
        about["names"] = json.dumps(reference.names)
    write_file(folder / REFERENCE_FILE, lambda temporary: save_file(arrays, temporary, metadata=about))


def without_class_names(file: Path) -> bytes:
    """A reference file less the names of its classes. Raises ValueError where it is none."""
    from safetensors import SafetensorError, safe_open
    from safetensors.numpy import save

    try:
        with safe_open(file, framework="numpy") as opened:
            about = opened.metadata() or {}
            if about.pop("names", None) is None:
                return file.read_bytes()
            return save({name: opened.get_tensor(name) for name in opened.keys()}, metadata=about)  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{file} is not a reference file: {one_line(str(error))}") from error


def load_reference(folder: Path, network: "SiameseNetwork", split: str = "given") -> Reference | None:
    """The reference of a model folder, whose test images are what `split` says; None where it has none, or of other weights.

    Raises ValueError for a damaged one.
    """
    path = folder / REFERENCE_FILE
    if not path.is_file():
        return None
    if path.stat().st_size > MAX_REFERENCE_BYTES:
        raise ValueError(f"{path} has {path.stat().st_size:,} bytes, allowed: at most {MAX_REFERENCE_BYTES:,}")
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            about, names = file.metadata() or {}, set(file.keys())
            if about.get("format") != FORMAT or names - {*OPTIONAL} != {"embeddings", "labels"}:
                raise ValueError("it is a safetensors file of another kind")
            arrays = {name: file.get_tensor(name) for name in names}
            known = Reference(**arrays, split=split, names=_names(about["names"]) if "names" in about else None)
        known.check(network.config.embedding_dim)
    except (SafetensorError, OSError, ValueError) as error:
        raise ValueError(f"{path} is not a reference file: {one_line(str(error))}") from error
    return known if about.get("model") == network.fingerprint() else None


def _names(text: str) -> tuple[str, ...]:
    """Names of classes, from JSON. Raises ValueError for anything else."""
    names = parse_json(text)
    if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        raise ValueError(f"the names of its classes are {shorten(names)}, allowed: a list of texts")
    return tuple(names)
