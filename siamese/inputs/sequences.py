"""Sequences of rows of numbers, T x F, as an input: signals, gestures, the way of a pen.

A gap in a column is bridged by a straight line. Then numbers are normalised, and the sequence is brought to `length` steps:
"resample" takes as many at equal distances, of time where there is a column of it; "pad" keeps the steps and fills up behind
them, and resamples only what is longer. The last column of the canonical array is the mask: 1 at steps that are there.
"""

from typing import Any

import numpy as np

from siamese.config import EncoderConfig, NumbersConfig, PreprocessConfig, counted
from siamese.inputs.cells import NAMES, matrix_of, steps_of, table_of
from siamese.inputs.drawing import SIDE, draw_lines, line_colours
from siamese.inputs.strokes import columns_of_pen
from siamese.inputs.vectors import FURTHEST, place_of_row, row_of

LEAST_STEPS, MOST_READ = 2, 1_000_000  # steps of a sequence as it comes


class Sequences:
    """Sequences: an array (T, F), or (T,) for one column; a mapping of the columns' names to lists; a file or its bytes.

    Or FILE#ROW of a Parquet file with lists of numbers in its rows.
    """

    noun = "sequence"
    kind = "sequences"
    suffixes = NAMES
    examples = ("a.csv", "b.csv")
    page = "numbers"
    has_rows = False

    def read(self, source: Any, preprocess: PreprocessConfig, encoder: EncoderConfig) -> tuple[np.ndarray, str]:
        numbers = preprocess.numbers
        source, row = row_of(source)
        table, what = table_of(source, one_row=False)
        if table.lists:
            table, what = steps_of(table, place_of_row(row, len(table), what)), f"{what}, row {row or 1}"
        elif row is not None:
            raise ValueError(f"{what} has no lists, and so no sequence in row {row}: leave #{row} out")
        times = None
        if numbers.time_column in table.names:
            times = matrix_of(table, (numbers.time_column,), what)[:, 0]
        return canonical_sequence(matrix_of(table, numbers.columns, what), times, numbers, what), ""

    def draw(self, array: np.ndarray, preprocess: PreprocessConfig, side: int = SIDE) -> np.ndarray:
        return draw_lines(array, preprocess.numbers, side)

    def describe(self, preprocess: PreprocessConfig, encoder: EncoderConfig) -> str:
        numbers = preprocess.numbers
        how = {"resample": "resampled to", "pad": "filled up to"}[numbers.fit]
        normal = {
            "columns": "by mean and deviation of each column",
            "each": "each column by its own mean and deviation",
            "shape": "by their own mean and size",
        }[numbers.normalise]
        columns = counted(len(numbers.columns), "column")
        return f"sequences of {columns}, {how} {numbers.length} steps, normalised {normal}"

    def ways(self, preprocess: PreprocessConfig) -> tuple[str, ...]:
        return ("draw",) * bool(columns_of_pen(preprocess.numbers)) + ("upload", "paste")

    def facts(self, array: np.ndarray, preprocess: PreprocessConfig) -> dict[str, str]:
        steps = array[array[:, -1] > 0.5, :-1]
        ranges = zip(preprocess.numbers.columns, steps.min(axis=0), steps.max(axis=0), strict=True)
        return {"number of steps": f"{len(steps):,}"} | {name: f"{low:.3g} to {high:.3g}" for name, low, high in ranges}

    def colours(self, preprocess: PreprocessConfig) -> dict[str, tuple[int, int, int]]:
        return line_colours(preprocess.numbers)


def canonical_sequence(values: np.ndarray, times: np.ndarray | None, numbers: NumbersConfig, what: str) -> np.ndarray:
    """Steps (T', F), NaN where a number is missing, at `times` (T',), None: at equal ones -> float32 (length, F + 1).

    `what` names the source in errors. Raises ValueError where it is too short or too long, a time is missing, or a sequence
    that is to be normalised by itself has one value everywhere.
    """
    values, times = in_order(values, times, what)
    known = _without_gaps(values, numbers)
    is_flag = np.isin(numbers.columns, numbers.flags)
    scaled = np.where(is_flag, known, _normalised(known, is_flag, numbers, what))
    count = len(scaled)
    if numbers.fit == "pad" and count <= numbers.length:
        filled = np.zeros((numbers.length, scaled.shape[1] + 1), np.float32)
        filled[:count, :-1], filled[:count, -1] = np.clip(scaled, -FURTHEST, FURTHEST), 1
        return filled
    wanted = np.linspace(times[0], times[-1], numbers.length)
    resampled = [np.interp(wanted, times, column) for column in scaled.T]
    resampled = np.where(is_flag[:, None], np.round(resampled), resampled)  # yes or no, and nothing between
    return np.concatenate([np.clip(resampled, -FURTHEST, FURTHEST).T, np.ones((numbers.length, 1))], axis=1).astype(
        np.float32
    )


def in_order(values: np.ndarray, times: np.ndarray | None, what: str) -> tuple[np.ndarray, np.ndarray]:
    """The steps in the order of their times, and these, from 0; of steps of one time the last one. Raises ValueError."""
    if not LEAST_STEPS <= len(values) <= MOST_READ:
        raise ValueError(f"{what} has {counted(len(values), 'step')}, allowed: {LEAST_STEPS} to {MOST_READ:,}")
    if np.isnan(values).all():
        raise ValueError(f"{what} is blank: every number is missing")
    if times is None:
        return values, np.arange(len(values), dtype=np.float64)
    if np.isnan(times).any():
        raise ValueError(f"{what}: the time of row {int(np.isnan(times).argmax()) + 1} is missing")
    order = np.argsort(times, kind="stable")
    values, times = values[order], times[order]
    is_last = np.append(np.diff(times) > 0, True)
    values, times = values[is_last], times[is_last]
    if len(times) < LEAST_STEPS:
        raise ValueError(f"{what} has but one time, {times[0]:g}, allowed: at least {LEAST_STEPS}")
    return values, times - times[0]


def _without_gaps(values: np.ndarray, numbers: NumbersConfig) -> np.ndarray:
    """Gaps bridged by straight lines; a column that is missing whole becomes the mean of the training data."""
    if not np.isnan(values).any():
        return values
    bridged, steps = values.copy(), np.arange(len(values))
    for place, column in enumerate(bridged.T):
        is_known = ~np.isnan(column)
        if not is_known.any():
            column[:] = numbers.mean[place]
        else:
            column[:] = np.interp(steps, steps[is_known], column[is_known])
    return bridged


def _normalised(values: np.ndarray, is_flag: np.ndarray, numbers: NumbersConfig, what: str) -> np.ndarray:
    """Steps (T, F) as `normalise` says; what it makes of flags does not count."""
    if numbers.normalise == "columns":
        return (values - np.array(numbers.mean)) / np.array(numbers.deviation)
    centred = values - values.mean(axis=0)
    deviation = np.sqrt(np.square(centred).mean(axis=0))  # (F,)
    if not (deviation[~is_flag] > 1e-12 * np.abs(values).max(axis=0)[~is_flag]).any():
        raise ValueError(f"{what} is blank: it has the same value everywhere, and so no {numbers.normalise} of its own")
    if numbers.normalise == "shape":
        deviation = np.sqrt(np.square(centred[:, ~is_flag]).mean())
    return centred / np.where(deviation > 0, deviation, 1)
