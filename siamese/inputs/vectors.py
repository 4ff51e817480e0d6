"""Rows of numbers as an input: each column by its mean and deviation among training rows; what is missing is at the mean."""

import os
import re
from typing import Any

import numpy as np

from siamese.config import EncoderConfig, NumbersConfig, PreprocessConfig, counted
from siamese.inputs.cells import NAMES, matrix_of, table_of
from siamese.inputs.drawing import SIDE, draw_bars

FURTHEST = 10.0  # deviations from the mean: what lies beyond counts as that far
ROW = re.compile(r"(.+)#(\d+)")  # FILE#ROW: a row of a file that holds several, counted from 1


class Vectors:
    """Rows: an array (F,), a mapping of the columns' names to numbers, a file of one row or its bytes, or FILE#ROW."""

    noun = "row"
    kind = "vectors"
    suffixes = NAMES
    examples = ("table.csv#1", "table.csv#2")
    page = "numbers"
    has_rows = True

    def read(self, source: Any, preprocess: PreprocessConfig, encoder: EncoderConfig) -> tuple[np.ndarray, str]:
        numbers = preprocess.numbers
        source, row = row_of(source)
        table, what = table_of(source, one_row=True)
        rows = matrix_of(table, numbers.columns, what)  # (N, F)
        if isinstance(source, bytes) and len(rows) > 1:
            raise ValueError(f"{what} has {len(rows):,} rows, allowed: one")
        values = rows[place_of_row(row, len(rows), what)]
        check_row(values, what)
        return standardise(values, numbers), ""

    def draw(self, array: np.ndarray, preprocess: PreprocessConfig, side: int = SIDE) -> np.ndarray:
        return draw_bars(array, side)

    def describe(self, preprocess: PreprocessConfig, encoder: EncoderConfig) -> str:
        return f"rows of {counted(len(preprocess.numbers.columns), 'number')}"

    def ways(self, preprocess: PreprocessConfig) -> tuple[str, ...]:
        return "upload", "paste"

    def facts(self, array: np.ndarray, preprocess: PreprocessConfig) -> dict[str, str]:
        numbers = preprocess.numbers
        # As they came, but for what is beyond FURTHEST.
        values = array * np.array(numbers.deviation) + np.array(numbers.mean)
        return {name: f"{value:.5g}" for name, value in zip(numbers.columns, values.tolist(), strict=True)}

    def colours(self, preprocess: PreprocessConfig) -> dict[str, tuple[int, int, int]]:
        return {}


def row_of(source: Any) -> tuple[Any, int | None]:
    """FILE#ROW -> the file and the row, counted from 1; of all else, what it is and None."""
    if isinstance(source, str | os.PathLike) and (found := ROW.fullmatch(os.fspath(source))):
        return found[1], int(found[2])
    return source, None


def place_of_row(row: int | None, count: int, what: str) -> int:
    """The place, from 0, of a row among `count`. Raises ValueError where it is not there, or there are several to choose."""
    if row is None and count > 1:
        raise ValueError(f"{what} has {count:,} rows; say which, as {what.strip(chr(39))}#1, up to #{count}")
    if row is not None and not 1 <= row <= count:
        raise ValueError(f"{what} has {counted(count, 'row')}, and not number {row}; allowed: 1 to {count}")
    return (row or 1) - 1


def check_row(values: np.ndarray, what: str) -> None:
    """Raise ValueError where nothing of a row (F,) is known."""
    if np.isnan(values).all():
        raise ValueError(f"{what} is blank: every number of the row is missing")


def standardise(values: np.ndarray, numbers: NumbersConfig) -> np.ndarray:
    """Rows (..., F), NaN where a number is missing -> the canonical array: float32 (..., F), within +-FURTHEST."""
    scaled = (values - np.array(numbers.mean)) / np.array(numbers.deviation)
    return np.clip(np.nan_to_num(scaled), -FURTHEST, FURTHEST).astype(np.float32)
