"""The ink that is found is the ink that was drawn, on any paper and under any light; what is no ink is none."""

import numpy as np
import pytest
from paper import SHADOW, SLOPE, grey, photograph, ruled, strokes
from PIL import Image
from scipy import ndimage

from siamese.data.datasets.mnist import load_sample_digits
from siamese.images.ink import SMALLEST_CONTRAST, WORKING_SIDE, BlankImageError, find_ink, flatten

DIGITS, _ = load_sample_digits()
CHOSEN = range(7, 1000, 200)
BARE = np.zeros((28, 28), np.uint8)


def ink_of(picture: np.ndarray) -> np.ndarray:
    return find_ink(flatten(Image.fromarray(picture)))


def at_work(ink: np.ndarray) -> np.ndarray:
    """The drawing at the resolution at which it is looked for."""
    return np.asarray(Image.fromarray(grey(ink)).resize((WORKING_SIDE, WORKING_SIDE), Image.Resampling.BOX)) / 255


def overlap(found: np.ndarray, drawn: np.ndarray) -> float:
    """Of the pixels that are ink in either, the share that is in both."""
    found, drawn = found > 0.5, drawn > 0.5
    return (found & drawn).sum() / (found | drawn).sum()


PAPERS = {
    "dark on light": lambda ink: grey(1 - ink),
    "light on dark": lambda ink: grey(ink),
    "faint marks": lambda ink: grey(0.9 - 0.12 * ink),
    "light that falls off": lambda ink: photograph(ink, shade=SLOPE),
    "chalk under light that falls off": lambda ink: 255 - photograph(ink, shade=SLOPE),
    "faint pencil under light that falls off": lambda ink: photograph(ink, dark=0.55, shade=SLOPE),
    "half in a shadow": lambda ink: photograph(ink, shade=SHADOW),
    "noise of a camera": lambda ink: photograph(ink, noise=0.08),
    "red on green of the same grey": lambda ink: np.stack([grey(0.2 + 0.6 * ink), grey(0.8 - 0.6 * ink), grey(0 * ink)], 2),
    "ink without paper": lambda ink: np.dstack([np.zeros((400, 400, 3), np.uint8), grey(ink)]),
    "light ink without paper": lambda ink: np.dstack([np.full((400, 400, 3), 255, np.uint8), grey(ink)]),
}


@pytest.mark.parametrize("paper", PAPERS)
def test_what_was_drawn_is_found(paper):
    for number in CHOSEN:
        drawn = strokes(DIGITS[number])
        found = ink_of(PAPERS[paper](drawn))
        assert found.shape == (WORKING_SIDE, WORKING_SIDE)
        assert found.min() >= 0
        assert found.max() <= 1
        assert overlap(found, at_work(drawn)) > 0.85, number


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("shade", [1.0, SLOPE], ids=["even light", "light that falls off"])
def test_the_lines_of_the_paper_are_none_of_it(squared, shade):
    for number in CHOSEN:
        drawn = at_work(strokes(DIGITS[number]))
        found = ink_of(ruled(DIGITS[number], 40, squared=squared, shade=shade, line=0.4))
        far_away = ndimage.distance_transform_edt(drawn < 0.1) > 12  # px; nearer, a line may look like a stroke
        assert found[far_away].mean() < 0.001, number
        assert overlap(found, drawn) > 0.8, number


def test_specks_are_none_of_it_and_a_dot_that_is_large_enough_is():
    drawn = strokes(DIGITS[7])
    specks = np.zeros_like(drawn)
    for row, column in ((20, 20), (30, 370), (380, 200), (370, 30)):
        specks[row : row + 4, column : column + 4] = 1
    found, clean = ink_of(grey(1 - np.maximum(drawn, specks))), ink_of(grey(1 - drawn))
    assert np.abs(found - clean).max() < 0.1
    dot = np.zeros_like(drawn)
    dot[15:45, 15:45] = 1
    assert ink_of(grey(1 - np.maximum(drawn, dot)))[15:33, 15:33].min() > 0.5


BLANK = {
    "one tone": grey(np.full((400, 400), 0.8)),
    "too faint": grey(0.9 - 0.5 * SMALLEST_CONTRAST * strokes(DIGITS[7])),
    "paper under light that falls off": photograph(np.zeros((400, 400)), shade=SLOPE),
    "noise": photograph(np.zeros((400, 400)), noise=0.1),
    "lines of the paper": ruled(BARE, 40),
    "squares of the paper": ruled(BARE, 40, squared=True),
    "nothing that can be seen": np.zeros((400, 400, 4), np.uint8),
    "one pixel": np.zeros((1, 1), np.uint8),
}


@pytest.mark.parametrize("kind", BLANK)
def test_where_there_is_no_ink_that_is_said(kind):
    with pytest.raises(BlankImageError, match="the image is blank"):
        ink_of(BLANK[kind])


@pytest.mark.parametrize(
    ("size", "mode", "shape"),
    [((100, 50), "L", (50, 100, 1)), ((1280, 640), "RGB", (160, 320, 3)), ((2000, 20), "RGBA", (3, 320, 3))],
)
def test_a_picture_is_flattened_to_the_resolution_of_work(size, mode, shape):
    pixels = flatten(Image.new(mode, size, 255 if mode == "L" else "white"))
    assert pixels.shape == shape
    assert pixels == pytest.approx(np.ones(shape))


def test_paper_is_put_behind_ink_that_has_none():
    """White behind dark ink, black behind light."""
    for ink, paper in ((0, 1.0), (255, 0.0)):
        picture = np.full((40, 40, 4), ink, np.uint8)
        picture[..., 3] = np.where(np.arange(40) < 30, 0, 255)
        pixels = flatten(Image.fromarray(picture))
        assert (pixels[:, :30] == paper).all()
        assert (pixels[:, 30:] == ink / 255).all()
