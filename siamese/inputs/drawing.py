"""Numbers as small pictures for people: bars for a row, lines for a signal, the way of the pen for x and y."""

import itertools

import numpy as np
from PIL import Image, ImageDraw

from siamese.config import NumbersConfig
from siamese.inputs.strokes import PENS, X, Y

SIDE, FINER = 96, 3  # px, and how many times finer it is drawn, so that lines are smooth
MARGIN, LINE = 1 / 16, 1 / 48  # of the side
REACH = 3.0  # deviations that bars reach to; of lines, what there is
GROUND, AXIS = (255, 255, 255), (187, 187, 187)
# The palette of Okabe and Ito: told apart in all common kinds of colour blindness.
COLOURS = ((0, 114, 178), (230, 159, 0), (0, 158, 115), (204, 121, 167), (213, 94, 0), (86, 180, 233))


def draw_bars(array: np.ndarray, side: int = SIDE) -> np.ndarray:
    """A canonical row (F,) as bars from its middle line, above for more than the mean: uint8 (side, side, 3)."""
    image, pen = _canvas(side)
    width, middle, reach = image.width / len(array), image.height / 2, image.height * (1 / 2 - MARGIN)
    pen.line([(0, middle), (image.width, middle)], AXIS, FINER)
    for place, value in enumerate(np.clip(array, -REACH, REACH) / REACH):
        ends = sorted((middle, middle - float(value) * reach))
        pen.rectangle(
            [place * width + width / 8, ends[0], (place + 1) * width - width / 8, ends[1]], COLOURS[int(value < 0)]
        )
    return _shrunk(image)


def draw_lines(array: np.ndarray, numbers: NumbersConfig, side: int = SIDE) -> np.ndarray:
    """A canonical sequence (T, F + 1) as a line for each column, or, where two are x and y, as what a pen drew.

    uint8 (side, side, 3).
    """
    steps = array[array[:, -1] > 0.5, :-1]
    lower = _lower(numbers)
    image, pen = _canvas(side)
    if _is_pen(lower):
        x, y = (steps[:, lower.index(name)] for name in (X, Y))
        lifts = [np.flatnonzero(steps[:, lower.index(name)] < 0.5) for name in PENS if name in lower]
        size = max(np.ptp(x), np.ptp(y), 1e-6)
        points = np.stack([x - (x.max() + x.min()) / 2, y - (y.max() + y.min()) / 2], axis=1) / size + 0.5
        _draw(pen, image.width, points, COLOURS[0], set(lifts[0].tolist()) if lifts else set())
        return _shrunk(image)
    low, high = float(steps.min()), float(steps.max())
    for column, colour in zip(steps.T, line_colours(numbers).values(), strict=True):
        points = np.stack([np.linspace(0, 1, len(column)), (high - column) / max(high - low, 1e-6)], axis=1)
        _draw(pen, image.width, points, colour, set())
    return _shrunk(image)


def line_colours(numbers: NumbersConfig) -> dict[str, tuple[int, int, int]]:
    """The colour of each column's line; {} where `draw_lines` draws what a pen drew."""
    if _is_pen(_lower(numbers)):
        return {}
    return {name: COLOURS[number % len(COLOURS)] for number, name in enumerate(numbers.columns)}


def _lower(numbers: NumbersConfig) -> list[str]:
    return [name.lower() for name in numbers.columns]


def _is_pen(names: list[str]) -> bool:
    return X in names and Y in names


def _draw(pen: ImageDraw.ImageDraw, side: int, points: np.ndarray, colour: tuple[int, int, int], lifted: set[int]) -> None:
    """A line through points (T, 2) in 0..1; none from where the pen is lifted."""
    places = (side * (points * (1 - 2 * MARGIN) + MARGIN)).tolist()
    for step, (start, end) in enumerate(itertools.pairwise(places)):
        if step not in lifted:
            pen.line([*start, *end], colour, round(side * LINE))


def _canvas(side: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (side * FINER, side * FINER), GROUND)
    return image, ImageDraw.Draw(image)


def _shrunk(image: Image.Image) -> np.ndarray:
    return np.array(image.reduce(FINER))
