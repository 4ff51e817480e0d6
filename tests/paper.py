"""Digits as they are drawn, written and photographed on paper; and photographs."""

import numpy as np
from PIL import Image


def strokes(digit: np.ndarray, size: int = 300, canvas: int = 400, left: int = 50, top: int = 50) -> np.ndarray:
    """A digit enlarged on a canvas: float (canvas, canvas), 1 ink, 0 paper."""
    field = Image.new("L", (canvas, canvas))
    field.paste(Image.fromarray(digit).resize((size, size), Image.Resampling.BICUBIC), (left, top))
    return np.asarray(field) / 255


def grey(values: np.ndarray) -> np.ndarray:
    return np.clip(255 * values, 0, 255).astype(np.uint8)


def photograph(ink: np.ndarray, light: float = 0.85, dark: float = 0.15, noise: float = 0.02, shade=1.0) -> np.ndarray:
    """Ink on paper under a light that `shade` dims, with the noise of a camera."""
    picture = (light * (1 - ink) + dark * ink) * shade
    return grey(picture + np.random.default_rng(0).normal(0, noise, ink.shape))


def ruled(digit: np.ndarray, spacing: int, slope=0.0, squared=False, shade=1.0, line=0.55) -> np.ndarray:
    row, column = np.mgrid[0:400, 0:400]
    paper = np.full((400, 400), 0.85)
    paper[(row - slope * column) % spacing < 2] = line
    if squared:
        paper[column % spacing < 2] = line
    return photograph(strokes(digit), light=paper, shade=shade)


SLOPE = 1 - 0.6 * np.mgrid[0:400, 0:400][1] / 400  # light that falls off to the right
SHADOW = np.where(np.add(*np.mgrid[0:400, 0:400]) > 500, 0.6, 1.0)  # of a hand over one corner


def photo(seed: int, size: tuple[int, int] = (60, 40), mode: str = "RGB") -> Image.Image:
    """Smooth colours all over, and nothing that repeats."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).convert(mode)
