"""Remarks: pictures of several drawings get one, drawings of several strokes do not."""

import numpy as np
import pytest
from paper import PICTURES, grey, strokes
from PIL import Image, ImageDraw

from siamese.config import PreprocessConfig
from siamese.data.datasets.mnist import load_sample_digits
from siamese.images.canonical import read_image
from siamese.images.load import load_image
from siamese.images.remarks import COLOURED, SEVERAL

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


COLOURS = [(200, 30, 30), (30, 60, 200), (240, 180, 0), (20, 140, 60)]


def coloured(ink: np.ndarray, colour: tuple[int, int, int], paper: tuple[int, int, int] = (255, 255, 255)) -> np.ndarray:
    """Ink (H, W) in 0..1 of one colour on paper of another: uint8 (H, W, 3)."""
    return np.round(ink[..., None] * colour + (1 - ink[..., None]) * paper).astype(np.uint8)


def shape_of(kind: str) -> np.ndarray:
    image = Image.new("L", (400, 400))
    draw = ImageDraw.Draw(image)
    {"disc": draw.ellipse, "box": draw.rectangle}[kind]((90, 110, 310, 290), fill=255)
    return np.asarray(image) / 255


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("kind", ["disc", "box"])
def test_a_coloured_thing_on_white_is_not_ink_without_a_word(kind, colour):
    assert remark(coloured(shape_of(kind), colour)) == COLOURED
    assert remark(coloured(shape_of(kind), (60, 60, 60))) == ""  # black is what ink is


@pytest.mark.parametrize("colour", COLOURS)
def test_a_coloured_pen_or_marker_draws_and_so_does_ink_on_coloured_paper(colour):
    for number in range(5, 1000, 100):
        for thin, side in ((strokes(DIGITS[number], 300, 400, 5, 5), 0), (strokes(DIGITS[number], 300, 400, 30, 30), 1)):
            assert remark(coloured(thin, colour)) == "", side
            assert remark(coloured(thin, (20, 20, 20), colour)) == "", side
