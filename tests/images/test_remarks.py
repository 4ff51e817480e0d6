"""Remarks: pictures of several drawings get one, drawings of several strokes do not."""

import numpy as np
import pytest
from paper import PICTURES, grey, strokes
from PIL import Image, ImageDraw

from siamese.config import PreprocessConfig
from siamese.data.datasets.mnist import load_sample_digits
from siamese.images.canonical import read_image
from siamese.images.load import load_image
from siamese.images.remarks import SEVERAL

DIGITS, _ = load_sample_digits()


def remark(picture, **config) -> str:
    return read_image(load_image(picture), PreprocessConfig(**config), 28, 1)[1]


def two(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.hstack([strokes(digit, 200, 210, 5, 5) for digit in (first, second)])


@pytest.mark.parametrize("number", range(0, 1000, 100))
@pytest.mark.parametrize("turn", [lambda ink: ink, np.transpose], ids=["side by side", "above each other"])
def test_two_digits_in_a_picture_are_several_drawings(number, turn):
    pair = turn(two(DIGITS[number], DIGITS[(number + 437) % 1000]))
    field = np.pad(pair, 60)
    assert remark(grey(1 - field)) == SEVERAL
    assert remark(grey(field)) == SEVERAL


@pytest.mark.parametrize("kind", PICTURES)
def test_one_digit_is_one_drawing(kind):
    assert [remark(PICTURES[kind](DIGITS[number])) for number in range(3, 1000, 100)] == [""] * 10


@pytest.mark.parametrize(
    "lines",
    [
        [(100, 100, 100, 300), (100, 30, 100, 50)],  # i
        [(80, 60, 80, 170), (80, 185, 80, 300)],  # the loose halves of a 1
        [(250, 60, 120, 60), (110, 80, 110, 170, 250, 170, 250, 320, 100, 320)],  # a 5 with a loose bar
        [(100, 60, 100, 200, 220, 200), (240, 60, 240, 320)],  # a 4
    ],
)
def test_strokes_of_one_sign_are_one_drawing(lines):
    image = Image.new("L", (400, 400), 255)
    for line in lines:
        ImageDraw.Draw(image).line(line, fill=0, width=16)
    assert remark(image) == ""


def test_small_pictures_and_photographs_get_none():
    pair = grey(1 - np.pad(two(DIGITS[3], DIGITS[543]), 60))
    assert remark(Image.fromarray(pair).resize((60, 40))) == ""
    assert remark(pair, mode="photo") == ""
