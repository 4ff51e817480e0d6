"""Evening out light: what a picture would be without shadows, and without what lies beside the paper."""

import numpy as np
from scipy import ndimage

THICKEST_STROKE = 1 / 7  # of the longer side: what is wider all over is a shadow, a table, another sheet
DARKEST = 0.05  # of the full range, added to tones that are divided by: there, noise is as strong as light
RIM = 0.03  # of the longer side: thicker than two lines of ruled paper
COARSE_SIDE = 80  # px: enough to tell whether the ink is darker or lighter than its ground
LONG_RUN = 0.15  # of a side: a stroke that runs out of the picture is narrower


def has_two_grounds(grey: np.ndarray) -> bool:
    """Whether, along one side of a picture (H, W), a long stretch has another tone than most of the rim."""
    rim = max(3, round(max(grey.shape) * RIM))
    sides = [np.median(part, axis=0) for part in (grey[:rim], grey[-rim:], grey[:, :rim].T, grey[:, -rim:].T)]
    level = np.median(np.concatenate(sides))
    return any(_longest_run(np.abs(side - level) > 0.06) > LONG_RUN * len(side) for side in sides)


def even_out(pixels: np.ndarray) -> np.ndarray:
    """How far each pixel is from its ground, as a share of the brighter of the two: float (H, W, C) in 0..1 -> (H, W)
    in -1..1, above 0 where it is ink.

    The ground is the picture without all that is narrower than THICKEST_STROKE and darker, or lighter where that is the
    ink (a morphological closing, or opening). Unlike a blurred ground it has the edges of shadows and of the paper where
    the picture has them. Which of the two it is, and in which colours the ink is clearest, a coarse copy tells.
    """
    coarse = _shrink(pixels, max(1, max(pixels.shape[:2]) // COARSE_SIDE))
    shares = {sign: _share(coarse, sign) for sign in (-1, 1)}
    sign = max(shares, key=lambda sign: _cubes(shares[sign]))  # strokes are few and strong
    weights = strongest_tone(shares[sign])
    if (weights >= 0).all():
        return _share((pixels @ weights)[..., None], sign)[..., 0]
    return _share(pixels, sign) @ weights


def strongest_tone(deviation: np.ndarray) -> np.ndarray:
    """Weights (C,) of the channels along the direction in which colours differ most from 0, for (H, W, C)."""
    flat = deviation.reshape(-1, deviation.shape[2])
    _, directions = np.linalg.eigh(flat.T @ flat)
    direction = directions[:, -1]
    direction = direction if direction.sum() >= 0 else -direction
    return direction / np.abs(direction).sum()


def _share(pixels: np.ndarray, sign: int) -> np.ndarray:
    """As `even_out`, of each channel, for ink that is darker (sign -1) or lighter (1) than its ground: (H, W, C)."""
    size = int(max(pixels.shape[:2]) * THICKEST_STROKE) | 1
    half, window = size // 2, (1, size, size)
    planes = np.ascontiguousarray(np.moveaxis(sign * pixels, 2, 0))  # (C, H, W) is filtered faster than (H, W, C)
    smooth = ndimage.gaussian_filter(planes, (0, 1, 1), mode="nearest")  # or single noisy pixels would be the ground
    padded = np.pad(smooth, ((0, 0), (half, half), (half, half)), mode="edge")
    ground = ndimage.maximum_filter(ndimage.minimum_filter(padded, window, mode="nearest"), window)
    ground = ground[:, half:-half, half:-half]
    share = (planes - ground) / (np.maximum(sign * planes, sign * ground) + DARKEST)
    share -= np.median(share[:, ::3, ::3], axis=(1, 2), keepdims=True)  # noise alone shifts a ground
    return np.moveaxis(share, 0, 2)


def _cubes(values: np.ndarray) -> float:
    return float((values * values * values).sum())  # far faster than ** 3


def _shrink(pixels: np.ndarray, step: int) -> np.ndarray:
    """Means of blocks of step x step px."""
    height, width = (side // step * step for side in pixels.shape[:2])
    return pixels[:height, :width].reshape(height // step, step, width // step, step, -1).mean(axis=(1, 3))


def _longest_run(marked: np.ndarray) -> int:
    labels, count = ndimage.label(marked)
    return int(np.bincount(labels)[1:].max()) if count else 0
