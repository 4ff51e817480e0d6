"""What a visitor should know of a picture of which a model sees the ink alone: that it holds more than one drawing."""

import numpy as np

from siamese.images.ink import COARSE_SIDE

GAP = 0.2  # of the size across: an empty band that is wider parts two drawings
LEAST_SHARE = 0.25  # of the larger one's ink: less is a dot, an accent, a loose bar

SEVERAL = "seems to hold several drawings, which are read as one: crop it to one of them"


def remark_on(ink: np.ndarray) -> str:
    """A predicate to "the picture" ("seems to ..."), from ink (H, W) as `find_ink` gives it; empty where all is well.

    Small pictures, as data sets hold them, get none.
    """
    if min(ink.shape) < COARSE_SIDE:
        return ""
    return SEVERAL if holds_several(ink > 0.3) else ""


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
