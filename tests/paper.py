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


# A digit, uint8 (28, 28), -> a picture of it.
PICTURES = {
    "as it is": lambda digit: digit,
    "dark on light, 28 px": lambda digit: 255 - digit,
    "off-centre, small": lambda digit: np.pad(digit, ((20, 12), (5, 27))),
    "dark on light": lambda digit: grey(1 - strokes(digit)),
    "light on dark": lambda digit: grey(strokes(digit)),
    "in a corner": lambda digit: grey(1 - strokes(digit, 120, left=270, top=10)),
    "very wide": lambda digit: grey(1 - np.pad(strokes(digit, 150, 200, 25, 25), ((0, 0), (500, 300)))),
    "red on green": lambda digit: np.stack([grey(strokes(digit) * 0.6 + 0.1), grey(0.45 - strokes(digit) * 0.3)] * 2, 2)[
        ..., :3
    ],
    "dark on transparent": lambda digit: np.dstack([np.zeros((400, 400, 3), np.uint8), grey(strokes(digit))]),
    "light on transparent": lambda digit: np.dstack([np.full((400, 400, 3), 255, np.uint8), grey(strokes(digit))]),
    "faint pencil, uneven light": lambda digit: photograph(strokes(digit), dark=0.55, shade=SLOPE),
    "chalk, uneven light": lambda digit: 255 - photograph(strokes(digit), shade=SLOPE),
    "uneven light": lambda digit: photograph(strokes(digit), shade=SLOPE),
    "half in a shadow": lambda digit: photograph(strokes(digit), shade=SHADOW),
    "noisy": lambda digit: photograph(strokes(digit), noise=0.08),
    "ruled paper": lambda digit: ruled(digit, 40),
    "ruled paper, askew, uneven light": lambda digit: ruled(digit, 40, slope=0.03, shade=SLOPE),
    "squared paper": lambda digit: ruled(digit, 40, squared=True),
    "phone": lambda digit: np.asarray(Image.fromarray(photograph(strokes(digit), shade=SLOPE)).resize((3000, 3000))),
}


def photo(seed: int, size: tuple[int, int] = (60, 40), mode: str = "RGB") -> Image.Image:
    """Smooth colours all over, and nothing that repeats."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).convert(mode)
