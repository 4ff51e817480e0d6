"""What a pen draws, as a sequence: where it is, when, and where it is lifted, in the columns that a model has for them."""

from collections.abc import Sequence

import numpy as np

from siamese.config import NumbersConfig
from siamese.strict import parse_json

X, Y, PEN = "x", "y", "pen"  # what a column may hold; y grows downwards, as on screens
PENS = (PEN, "pen_down", "down")  # names of a column with 1, and 0 at the last point before the pen is lifted
MOST_POINTS = 10_000  # of a drawing: a minute and more
LONGEST = 40 * MOST_POINTS  # characters of a drawing as JSON


def columns_of_pen(numbers: NumbersConfig) -> dict[str, str] | None:
    """The column of a model for X, for Y and, where it has one, for PEN; None where what it reads cannot be drawn.

    That is where a column is of something else; and where columns are normalised by the training data, since nobody knows
    how large its drawings were.
    """
    of_names = {PEN if name.lower() in PENS else name.lower(): name for name in numbers.columns}
    has_others = len(of_names) < len(numbers.columns) or set(of_names) - {X, Y, PEN}
    return None if has_others or not {X, Y} <= set(of_names) or numbers.normalise == "columns" else of_names


def read_strokes(text: str) -> list[np.ndarray]:
    """Strokes from JSON, a list of points [x, y, ms] for each: float64 (T, 3), T >= 1. Raises ValueError for all else."""
    allowed = f"a list for each stroke, of points [x, y, ms], at most {MOST_POINTS:,} of them"
    if len(text) > LONGEST:
        raise ValueError(f"the strokes have {len(text):,} characters, allowed: {LONGEST:,}")
    try:
        strokes = [np.array(stroke, np.float64) for stroke in parse_json(text)]
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"these are no strokes, allowed: {allowed}") from error
    are_points = all(each.ndim == 2 and each.shape[1] == 3 and np.isfinite(each).all() for each in strokes)
    if not are_points or sum(map(len, strokes)) > MOST_POINTS:
        raise ValueError(f"these are no strokes, allowed: {allowed}")
    return strokes


def as_sequence(strokes: Sequence[np.ndarray], numbers: NumbersConfig) -> dict[str, np.ndarray]:
    """Strokes (T, 3) of x, y and ms in the columns that a model has: what siamese.inputs.sequences reads.

    Raises ValueError where the pen has not moved.
    """
    points = np.concatenate(strokes)
    if len(np.unique(points[:, :2], axis=0)) < 2:
        raise ValueError("the drawing is a dot, allowed: at least one line")
    is_last = np.concatenate([np.arange(len(stroke)) == len(stroke) - 1 for stroke in strokes])
    held = {X: points[:, 0], Y: points[:, 1], PEN: np.where(is_last, 0.0, 1.0)}
    found = {column: held[role] for role, column in (columns_of_pen(numbers) or {}).items()}
    return found | ({numbers.time_column: points[:, 2]} if numbers.time_column else {})
