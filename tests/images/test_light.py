"""Light is evened out up to the edges of shadows and of the paper; what is narrower than they are stays."""

import numpy as np
import pytest
from paper import SHADOW, SLOPE, grey, photograph, strokes
from scipy import ndimage

from siamese.data.datasets.mnist import load_sample_digits
from siamese.images.ink import find_ink
from siamese.images.light import even_out, has_two_grounds

DIGITS, _ = load_sample_digits()
TABLE = np.add(*np.mgrid[0:400, 0:400]) > 640  # a corner of the picture


@pytest.mark.parametrize("shade", [1.0, SLOPE, SHADOW, 1 - 0.6 * TABLE], ids=["even", "slope", "shadow", "deep shadow"])
@pytest.mark.parametrize("is_chalk", [False, True])
def test_ink_is_as_far_from_paper_in_a_shadow_as_in_the_light(shade, is_chalk):
    ink = strokes(DIGITS[7])
    light, dark = (0.15, 0.8) if is_chalk else (0.8, 0.15)
    evened = even_out((photograph(ink, light, dark, noise=0, shade=shade) / 255)[..., None])
    thick = ndimage.distance_transform_edt(ink > 0.5) > 3
    far = ndimage.distance_transform_edt(ink < 0.1) > 5
    assert np.percentile(evened[thick], 2) > 0.4
    assert (evened[far] > 0.2).mean() < 0.01


@pytest.mark.parametrize("number", range(7, 1000, 200))
def test_a_table_beside_the_paper_is_no_ink(number):
    ink = strokes(DIGITS[number], 240, left=40, top=40) * ~TABLE
    picture = np.where(TABLE, 60, photograph(ink)).astype(np.uint8)
    found, drawn = find_ink((picture / 255)[..., None]) > 0.5, ink > 0.5
    assert (found & drawn).sum() / (found | drawn).sum() > 0.8


def test_a_long_stretch_of_another_tone_along_the_rim_is_another_ground():
    drawing = grey(1 - strokes(DIGITS[7])) / 255
    assert not has_two_grounds(drawing)
    assert has_two_grounds(np.where(TABLE, 0.3, drawing))
    crossed = drawing.copy()
    crossed[:, 180:200] = 0  # a stroke that runs out of the picture on both sides
    assert not has_two_grounds(crossed)


@pytest.mark.parametrize(("ink", "paper"), [((0.1, 0.1, 0.1), (0.9, 0.9, 0.9)), ((0.7, 0.1, 0.1), (0.3, 0.5, 0.3))])
def test_coloured_ink_in_a_shadow_is_found(ink, paper):
    """Black on white, and red on green, of which some channels are lighter and some darker than the paper."""
    drawn = strokes(DIGITS[7])
    picture = np.dstack([photograph(drawn, light, dark, 0.01, SHADOW) for dark, light in zip(ink, paper, strict=True)])
    found = find_ink(picture / 255) > 0.5
    assert (found & (drawn > 0.5)).sum() / (found | (drawn > 0.5)).sum() > 0.8
