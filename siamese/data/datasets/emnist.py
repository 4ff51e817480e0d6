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


def _dataset(split: str, about: str, images: int, test_images: int, classes: int) -> Dataset:
    return Dataset(
        functools.partial(load_emnist, split=split),
        f"{images + test_images:,} {about} of {BY}",
        "",
        images=images,
        test_images=test_images,
        classes=classes,
        files=mnist_files("EMNIST", f"emnist-{split}-train", f"emnist-{split}-test"),
    )


EMNIST_LETTERS = _dataset("letters", "letters", 124_800, 20_800, 26)
EMNIST_BALANCED = _dataset("balanced", "letters and digits", 112_800, 18_800, 47)
