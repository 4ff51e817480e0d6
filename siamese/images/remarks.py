"""What a visitor should know of a picture of which a model sees the ink alone: that it holds more than one drawing, or areas
of colour, whose shape is all that is left of them.
"""

import numpy as np
from scipy import ndimage

from siamese.images.ink import COARSE_SIDE

GAP = 0.2  # of the size across: an empty band that is wider parts two drawings
LEAST_SHARE = 0.25  # of the larger one's ink: less is a dot, an accent, a loose bar

COLOURFUL = 0.2  # of the full range: how far a colour, its brightness aside, is from that of the paper
THICK = 0.22  # of the drawing's size, from the middle to the edge: 99.5% of MNIST's strokes, which are bold, are thinner

COLOURED = "holds areas of colour, of which this model sees nothing but the shape"
SEVERAL = "seems to hold several drawings, which are read as one: crop it to one of them"


def remark_on(ink: np.ndarray, pixels: np.ndarray) -> str:
    """A predicate to "the picture" ("seems to ..."); empty where all is well.

    From its `pixels` (H, W, 1 or 3) in 0..1, and its ink (H, W) as `find_ink` gives it. Small pictures, as data sets hold
    them, get none.
    """
    if min(ink.shape) < COARSE_SIDE:
        return ""
    if holds_areas_of_colour(ink > 0.3, pixels):
        return COLOURED
    return SEVERAL if holds_several(ink > 0.3) else ""


def holds_areas_of_colour(mask: np.ndarray, pixels: np.ndarray) -> bool:
    """Whether some of the marked pixels (H, W) are a coloured area: thicker than a stroke, and not of the paper's colour."""
    if pixels.shape[2] == 1 or mask.all():
        return False
    hue = pixels - pixels.mean(axis=2, keepdims=True)
    coloured = mask & (np.abs(hue - np.median(hue[~mask], axis=0)).max(axis=2) > COLOURFUL)
    if not coloured.any():
        return False
    size = max(np.ptp(each) + 1 for each in np.nonzero(mask))
    return bool(ndimage.distance_transform_edt(np.pad(coloured, 1)).max() > THICK * size)


def holds_several(mask: np.ndarray) -> bool:
    """Whether an empty band parts the marked pixels (H, W), upright or level, with much on both sides of it."""
    return any(_is_parted(mask.sum(axis=axis), mask.any(axis=1 - axis)) for axis in (0, 1))


def _is_parted(profile: np.ndarray, across: np.ndarray) -> bool:
    """Whether counts of marked pixels along a direction have such a band; `across`: which places of the other are filled."""
    filled = np.flatnonzero(profile)
    if not len(filled):
        return False
    size = max(np.ptp(np.flatnonzero(across)), np.ptp(filled) / 2)  # of a 1, whose parts may be loose, the width says little
    bands = np.flatnonzero(np.diff(filled) > GAP * size + 1)
    before = np.cumsum(profile)[filled[bands]]
    after = profile.sum() - before
    return bool((np.minimum(before, after) >= LEAST_SHARE * np.maximum(before, after)).any())
