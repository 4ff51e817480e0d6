"""Any picture of a digit must come out as the digit: checked against the digit itself among 1,000 others."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from paper import PICTURES, SLOPE, photograph, ruled
from PIL import Image, ImageDraw
from scipy import ndimage

from siamese import BlankImageError
from siamese.config import ASPECTS, PreprocessConfig
from siamese.data.datasets.mnist import load_mnist_sample, load_sample_digits
from siamese.images.canonical import canonical_image, canonical_images, to_tensor
from siamese.images.load import load_image

CONFIG = PreprocessConfig()
DIGITS, _ = load_sample_digits()
CHOSEN = range(3, 1000, 90)
BLURRED = ndimage.gaussian_filter(DIGITS.astype(np.float32), (0, 1, 1))


def canonical(picture, aspect: str = "kept") -> np.ndarray:
    return canonical_image(load_image(picture), dataclasses.replace(CONFIG, aspect=aspect), 28, 1)


@pytest.mark.parametrize("kind", PICTURES)
def test_picture_of_a_digit_gives_that_digit(kind: str) -> None:
    ranks = []
    for index in CHOSEN:
        seen = ndimage.gaussian_filter(canonical(PICTURES[kind](DIGITS[index])).astype(np.float32), 1)
        gaps = ((BLURRED - seen) ** 2).sum(axis=(1, 2))
        ranks.append(int((gaps < gaps[index]).sum()))
    assert sorted(ranks)[len(ranks) // 2] == 0, f"ranks among 1,000 digits: {ranks}"
    assert sum(rank <= 30 for rank in ranks) >= len(ranks) - 1, f"ranks among 1,000 digits: {ranks}"


def test_digits_of_mnist_pass_unchanged() -> None:
    training, test = load_mnist_sample()
    for part in (training, test):
        changed = (canonical_images(part.images, CONFIG, 28, 1) != part.images).any(axis=(1, 2))
        assert changed.mean() <= 0.002  # a few in 10,000 digits are smaller than their box


@given(st.integers(0, 999), st.sampled_from(sorted(PICTURES)), st.sampled_from(ASPECTS))
def test_canonical_image_is_a_fixed_point(index: int, kind: str, aspect: str) -> None:
    once = canonical(PICTURES[kind](DIGITS[index]), aspect)
    assert once.dtype == np.uint8
    assert once.shape == (28, 28)
    np.testing.assert_array_equal(canonical(once, aspect), once)


def seen_ratio(sides: tuple[float, float], aspect: str) -> float:
    """Height by width of what the network sees of a ring of these sides, in px, whose line is a 25th of the longer one."""
    picture = Image.new("L", (1600, 1600), 255)
    ImageDraw.Draw(picture).ellipse([200, 300, 200 + sides[1], 300 + sides[0]], outline=0, width=round(max(sides) / 25))
    seen = canonical_image(picture, PreprocessConfig(box_fraction=0.86, aspect=aspect), 64, 1) > 64
    return np.ptp(np.flatnonzero(seen.any(axis=1))) / np.ptp(np.flatnonzero(seen.any(axis=0)))


@pytest.mark.parametrize("longer", [100, 240, 1200])
@pytest.mark.parametrize("ratio", [0.35, 0.5, 0.7, 0.9])
def test_an_adaptive_aspect_is_the_root_of_the_drawings_own(longer: int, ratio: float) -> None:
    for aspect, expected in (("kept", ratio), ("adaptive", ratio**0.5)):
        assert seen_ratio((longer * ratio, longer), aspect) == pytest.approx(expected, abs=0.04)
        assert seen_ratio((longer, longer * ratio), aspect) == pytest.approx(1 / expected, rel=0.06)


@given(st.floats(0.06, 0.99), st.floats(0.06, 0.99))
def test_the_flatter_of_two_drawings_looks_flatter(one: float, other: float) -> None:
    flatter, less = (seen_ratio((1000 * ratio, 1000), "adaptive") for ratio in sorted((one, other)))
    assert flatter <= less


def test_a_bar_stays_a_bar() -> None:
    assert seen_ratio((70, 1000), "adaptive") == seen_ratio((70, 1000), "kept")


@pytest.mark.parametrize("brush", [2, 6, 14, 30, 60])
def test_pen_width_is_brought_into_mnists_range(brush: int) -> None:
    picture = Image.new("L", (400, 400), 255)
    ImageDraw.Draw(picture).line([(100, 60), (300, 200), (100, 340)], fill=0, width=brush, joint="curve")
    seen = canonical(picture) > 127
    width = 4 * ndimage.distance_transform_edt(np.kron(seen, np.ones((4, 4))))[np.kron(seen, np.ones((4, 4))) > 0].mean() / 4
    assert 1.8 <= width <= 4.2


def test_thin_and_thick_pen_look_alike() -> None:
    seen = []
    for brush in (3, 40):
        picture = Image.new("L", (400, 400), 255)
        ImageDraw.Draw(picture).line([(100, 60), (300, 200), (100, 340)], fill=0, width=brush, joint="curve")
        seen.append(ndimage.gaussian_filter(canonical(picture) / 255, 1))
    assert np.corrcoef(seen[0].ravel(), seen[1].ravel())[0, 1] > 0.85


def test_tight_crop_keeps_thin_strokes() -> None:
    """A bar from side to side is a ruling on a page, but part of the sign where the sign fills its picture."""
    picture = Image.new("L", (200, 280), 255)
    draw = ImageDraw.Draw(picture)
    draw.line([(0, 4), (199, 4), (60, 279)], fill=0, width=8)
    seven = canonical(picture)
    assert seven[4:8, 8:20].max(axis=0).min() > 100  # its bar is still there


BLANK = {
    "white": np.full((100, 100), 255, np.uint8),
    "black": np.zeros((28, 28), np.uint8),
    "one grey, colour": np.full((50, 80, 3), 90, np.uint8),
    "transparent": np.zeros((60, 60, 4), np.uint8),
    "one pixel": np.zeros((1, 1), np.uint8),
    "paper and camera noise": photograph(np.zeros((400, 400)), shade=SLOPE),
    "noise alone": np.random.default_rng(1).normal(128, 20, (300, 300)).clip(0, 255).astype(np.uint8),
    "ruled paper with nothing on it": ruled(np.zeros((28, 28), np.uint8), 40),
}


@pytest.mark.parametrize("kind", BLANK)
def test_blank_image_is_its_own_error(kind: str) -> None:
    with pytest.raises(BlankImageError, match="blank"):
        canonical(BLANK[kind])


def test_to_tensor_takes_arrays_and_tensors() -> None:
    batch = DIGITS[:4]
    expected = torch.tensor(batch.tolist())[:, None] / 255
    assert torch.equal(to_tensor(batch), expected)
    assert torch.equal(to_tensor(torch.from_numpy(batch)), expected)
    assert to_tensor(np.zeros((2, 5, 6, 3), np.uint8)).shape == (2, 3, 5, 6)


def test_colour_model_gets_three_channels() -> None:
    assert canonical_image(load_image(DIGITS[0]), CONFIG, 28, 3).shape == (28, 28, 3)
