"""Digits to begin with: classes that are taught at a click, and images to ask about."""

import numpy as np
from PIL import Image

from siamese.data.datasets.mnist import load_sample_digits

TAUGHT = (2, 5, 8)  # the digits that are taught, two examples each
ASKED = (*TAUGHT, 4)  # an image each to ask about; the last is none of those


def to_teach() -> list[tuple[str, Image.Image]]:
    """The name of a class and an example of it, two for each."""
    return [(f"digit {digit}", image) for digit in TAUGHT for image in _of(digit)[:2]]


def to_ask() -> list[Image.Image]:
    """Images that are not among those."""
    return [_of(digit)[2] for digit in ASKED]


def _of(digit: int) -> list[Image.Image]:
    images, labels = load_sample_digits()
    return [Image.fromarray(images[index]) for index in np.flatnonzero(labels == digit)[:3]]
