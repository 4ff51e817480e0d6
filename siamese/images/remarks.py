"""What a visitor should know of a picture of which a model sees the ink alone: that it holds no clear drawing, or more than
one, or areas of colour, whose shape is all that is left of them.
"""

import numpy as np
from scipy import ndimage

from siamese.images.ink import COARSE_SIDE

GAP = 0.2  # of the size across: an empty band that is wider parts two drawings
LEAST_SHARE = 0.25  # of the larger one's ink: less is a dot, an accent, a loose bar

COLOURFUL = 0.2  # of the full range: how far a colour, its brightness aside, is from that of the paper
THICK = 0.22  # of the drawing's size, from the middle to the edge: 99.5% of MNIST's strokes, which are bold, are thinner

BLOB = 0.25  # likewise: no stroke of 1,000 digits is so thick
PART = 0.03  # of the largest part: what is smaller does not count
MOST_PARTS, MOST_OF_DIGIT = 12, 4  # loose parts of any character (Omniglot's have up to 5), of a digit
MOTLEY = 0.4  # share of the ink that is neither full nor none: above it, there are as many shades as in a photograph
INNER, BLURRED = 3, 0.24  # px from the paper, and the share of the ink that is farther and still not full: no strokes
LONGEST = 3.7  # sizes of a drawing: the strokes of a digit are together no longer

STRAIGHT, ANGLE = 0.82, np.deg2rad(8)  # share of the outline that is level or upright, to this; digits by hand: up to 0.73
CROSSWISE = 0.2  # of the outline: the lesser of both; a 1 is upright alone

COLOURED = "holds areas of colour, of which this model sees nothing but the shape"
UNCLEAR = "shows no clear drawing: crop it to one, or photograph it in better light"
SEVERAL = "seems to hold several drawings, which are read as one: crop it to one of them"
TANGLED = "holds more strokes than a digit has: crop it to one"
ANGULAR = "is made of straight lines at right angles, as on a display, but this model knows handwriting"
OF_ALL_CHARACTERS = (COLOURED, UNCLEAR)  # the others are true of digits: other characters may well be like that


def remark_on(ink: np.ndarray, pixels: np.ndarray) -> str:
    """A predicate to "the picture" ("seems to ..."); empty where all is well.

    From its `pixels` (H, W, 1 or 3) in 0..1, and its ink (H, W) as `find_ink` gives it. Small pictures, as data sets hold
    them, get none.
    """
    if min(ink.shape) < COARSE_SIDE:
        return ""
    mask = ink > 0.3
    if holds_areas_of_colour(mask, pixels):
        return COLOURED
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return ""
    with_rim = tuple(slice(max(each[0] - INNER, 0), each[-1] + 1 + INNER) for each in (rows, columns))
    ink = np.pad(ink[with_rim], INNER)
    mask = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    size, depths = max(mask.shape), ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    areas = np.bincount(ndimage.label(mask, np.ones((3, 3)))[0].ravel())[1:]
    parts = int((areas >= PART * areas.max()).sum())
    length = mask.sum() / (4 * depths[mask].mean())  # of a bar of width w, the mean depth is w / 4
    is_tangled = parts > MOST_OF_DIGIT or length > LONGEST * size
    some = ink > 0.1
    shades = some & (ink < 0.9)
    inner = shades & ndimage.minimum_filter(some, 2 * INNER - 1)  # with the next line, more than 3 px from the paper
    inner &= ndimage.minimum_filter1d(some, 2 * INNER + 1, 0) & ndimage.minimum_filter1d(some, 2 * INNER + 1, 1)
    total = some.sum()
    is_no_drawing = parts > MOST_PARTS or depths.max() > BLOB * size or inner.sum() > BLURRED * total
    if is_no_drawing or (is_tangled and shades.sum() > MOTLEY * total):
        return UNCLEAR
    if holds_several(mask):
        return SEVERAL
    if is_angular(ink):
        return ANGULAR
    return TANGLED if is_tangled else ""


def is_angular(ink: np.ndarray) -> bool:
    """Whether the outlines of ink (H, W) run in two directions at right angles, whichever these are."""
    down, right = np.gradient(ndimage.gaussian_filter(ink, 1))
    steepness = np.hypot(down, right)
    steep = steepness > 0.1 * steepness.max()
    steepness, direction = steepness[steep], np.arctan2(down[steep], right[steep])  # (N,)
    main = np.angle((steepness * np.exp(4j * direction)).sum()) / 4  # four times an angle is the same for all four sides
    off = [np.abs((direction - main - turn + np.pi / 2) % np.pi - np.pi / 2) < ANGLE for turn in (0, np.pi / 2)]
    along, across = (steepness[each].sum() / steepness.sum() for each in off)
    return bool(along + across > STRAIGHT and min(along, across) > CROSSWISE)


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
