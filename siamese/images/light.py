"""Evening out light: what a picture would be without shadows, and without what lies beside the paper."""

import numpy as np
from scipy import ndimage

THICKEST_STROKE = 1 / 7  # of the longer side: what is wider all over is a shadow, a table, another sheet
DARKEST = 0.05  # of the full range, added to tones that are divided by: there, noise is as strong as light
RIM = 0.03  # of the longer side: thicker than two lines of ruled paper
LONG_RUN = 0.15  # of a side: a stroke that runs out of the picture is narrower


def has_two_grounds(grey: np.ndarray) -> bool:
    """Whether, along one side of a picture (H, W), a long stretch has another tone than most of the rim."""
    rim = max(3, round(max(grey.shape) * RIM))
    sides = [np.median(part, axis=0) for part in (grey[:rim], grey[-rim:], grey[:, :rim].T, grey[:, -rim:].T)]
    level = np.median(np.concatenate(sides))
    return any(_longest_run(np.abs(side - level) > 0.06) > LONG_RUN * len(side) for side in sides)


def even_out(pixels: np.ndarray) -> np.ndarray:
    """How far each pixel is from its ground, as a share of the brighter of the two: float (H, W, C) in 0..1 -> -1..1,
    above 0 where it is ink.

    The ground is the picture without all that is narrower than THICKEST_STROKE and darker, or lighter where that is the
    ink (a morphological closing, or opening). Unlike a blurred ground it has the edges of shadows and of the paper where
    the picture has them.
    """
    size = int(max(pixels.shape[:2]) * THICKEST_STROKE) | 1
    smooth = ndimage.gaussian_filter(pixels, (1, 1, 0), mode="nearest")  # or single noisy pixels would be the ground
    evened = {}
    for sign, first, then in ((-1, ndimage.maximum_filter, ndimage.minimum_filter),
                              (1, ndimage.minimum_filter, ndimage.maximum_filter)):  # fmt: skip
        margins = ((size, size), (size, size), (0, 0))
        ground = then(first(np.pad(smooth, margins, mode="edge"), (size, size, 1)), (size, size, 1))
        ground = ground[size:-size, size:-size]
        share = (pixels - ground) / (np.maximum(pixels, ground) + DARKEST)
        evened[sign] = sign * (share - np.median(share, axis=(0, 1)))  # noise alone shifts a ground
    return max(evened.values(), key=lambda share: (share**3).sum())  # strokes are few and strong


def _longest_run(marked: np.ndarray) -> int:
    labels, count = ndimage.label(marked)
    return int(np.bincount(labels)[1:].max()) if count else 0
