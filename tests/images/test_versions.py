"""Each version of the preprocessing reads as it always did: to the bit the images that are kept here."""

from pathlib import Path

import numpy as np
import pytest
from paper import PICTURES
from PIL import Image

from siamese.config import PREPROCESS_VERSIONS, PreprocessConfig
from siamese.data.datasets.mnist import load_mnist_sample, load_sample_digits
from siamese.images.canonical import canonical_image, canonical_images
from siamese.images.load import load_image

DIGITS, _ = load_sample_digits()
CHOSEN = (3, 273, 543, 993)


def sheet(version: int, aspect: str = "kept") -> np.ndarray:
    """A row for each kind of picture, a column for each digit: uint8 (19 * 28, 4 * 28)."""
    config = PreprocessConfig(version=version, aspect=aspect)
    rows = [
        np.hstack([canonical_image(load_image(picture(DIGITS[index])), config, 28, 1) for index in CHOSEN])
        for picture in PICTURES.values()
    ]
    return np.vstack(rows)


@pytest.mark.parametrize("version", PREPROCESS_VERSIONS)
def test_pictures_are_read_as_ever(version):
    golden = np.asarray(Image.open(Path(__file__).with_name(f"golden_{version}.png")))
    np.testing.assert_array_equal(sheet(version), golden)


def test_pictures_of_adaptive_aspect_are_read_as_ever():
    golden = np.asarray(Image.open(Path(__file__).with_name("golden_2_adaptive.png")))
    np.testing.assert_array_equal(sheet(2, "adaptive"), golden)


def test_versions_differ_on_photographs_alone():
    """So weights that were trained with version 1, on drawings, may be used with 2."""
    first, second = (sheet(version) for version in (1, 2))
    rows = [name for number, name in enumerate(PICTURES) if (first != second)[28 * number : 28 * number + 28].any()]
    assert "half in a shadow" in rows
    assert not {"as it is", "dark on light", "light on dark", "in a corner", "dark on transparent"} & set(rows)
    for part in load_mnist_sample():
        read = [canonical_images(part.images, PreprocessConfig(version=version), 28, 1) for version in (1, 2)]
        np.testing.assert_array_equal(*read)
