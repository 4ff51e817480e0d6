"""EMNIST: letters, and letters with digits."""

import functools
from pathlib import Path

from siamese.data.datasets.base import Dataset, load_from_torchvision, mnist_files
from siamese.data.labelled_images import LabelledImages

BY = "28 x 28 px, EMNIST by G. Cohen, S. Afshar, J. Tapson and A. van Schaik (2017), from NIST Special Database 19"


def load_emnist(data_dir: str | Path, split: str) -> tuple[LabelledImages, LabelledImages]:
    """A split of EMNIST, upright (its files hold transposed images), with labels from 0."""
    parts = load_from_torchvision(data_dir, "EMNIST", *({"split": split, "train": train} for train in (True, False)))
    first = 1 if split == "letters" else 0
    return tuple(LabelledImages(part.images.transpose(0, 2, 1), part.labels - first) for part in parts)


EMNIST_LETTERS = Dataset(
    functools.partial(load_emnist, split="letters"),
    f"145,600 letters of {BY}",
    "",
    images=124_800,
    test_images=20_800,
    classes=26,
    files=mnist_files("EMNIST", "emnist-letters-train", "emnist-letters-test"),
)
EMNIST_BALANCED = Dataset(
    functools.partial(load_emnist, split="balanced"),
    f"131,600 letters and digits of {BY}",
    "",
    images=112_800,
    test_images=18_800,
    classes=47,
    files=mnist_files("EMNIST", "emnist-balanced-train", "emnist-balanced-test"),
)
