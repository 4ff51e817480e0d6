"""Numbers from files and objects of many kinds, as columns: what there is, and in which place it is wrong."""

import contextlib
import functools
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np

from siamese.config import counted, one_line, parse_json, shorten
from siamese.inputs.parquet import Lists, read_columns
from siamese.spreadsheets import cells_of, read_cells

MOST_BYTES = 1_000_000_000  # of a file
MOST_SENT = 5_000_000  # bytes of what is no file: as CSV it takes about ten times as much memory
MOST_KEPT = 20_000_000  # bytes of a file whose numbers stay in memory until another is read
MOST_NUMBERS = 50_000_000  # cells, of a file: 400 MB
LARGEST = 1e30  # so that squares and sums of such numbers stay finite
MISSING = {"", "na", "n/a", "#n/a", "nan", "null", "none", "nil", "?", "-", "."}  # words for no number, in lower case
SENT = "what was sent"  # what to call bytes
ALLOWED = f"a number from -{LARGEST:.0e} to {LARGEST:.0e}, or nothing where it is missing"
NAMES = (".csv", ".tsv", ".parquet", ".json", ".npy")  # how files of numbers end
NPY = b"\x93NUMPY"  # how .npy files begin
NOT_NPY = (ValueError, SyntaxError, TokenError, MemoryError)  # what numpy raises at a damaged one, or one that only says so


@dataclass(frozen=True)
class Table:
    """Columns of equal length, each of numbers (float64, NaN: missing), of texts, or of lists of numbers."""

    names: tuple[str, ...]  # of the columns; "1", "2", ... where they have none
    columns: tuple[np.ndarray | list[str] | Lists, ...]
    are_named: bool = True
    uneven: dict[int, str] = field(default_factory=dict)  # row, from 0 -> what is wrong with its number of cells

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.columns[0])

    @property
    def lists(self) -> tuple[str, ...]:
        """The columns of lists of numbers."""
        return tuple(name for name, column in zip(self.names, self.columns, strict=True) if isinstance(column, tuple))

    def texts(self, name: str) -> list[str]:
        """A column as texts, whole numbers without a point; "" where nothing is. Raises ValueError of lists."""
        column = self.columns[self.names.index(name)]
        if isinstance(column, list):
            return column
        if isinstance(column, tuple):
            raise ValueError(f"column {shorten(name)} holds lists, allowed: a number or a text in each cell")
        return ["" if np.isnan(value) else f"{value:.17g}" for value in column.tolist()]

    def numbers(self, name: str) -> tuple[np.ndarray, dict[int, str]]:
        """A column as float64 (N,), NaN where it is missing or wrong; and the rows, from 0, where it is wrong: how."""
        column = self.columns[self.names.index(name)]
        if isinstance(column, tuple):
            column = ["a list"] * len(column)
        values, wrong = (column, {}) if isinstance(column, np.ndarray) else _parse(column)
        too_large = np.flatnonzero(np.abs(values) > LARGEST)
        wrong |= {int(row): str(values[row]) for row in too_large}
        if len(too_large):
            values = values.copy()
            values[too_large] = np.nan
        return values, {row: f"column {shorten(name)} is {text}, allowed: {ALLOWED}" for row, text in wrong.items()}

    def check_even(self, what: str) -> None:
        """Raise ValueError where a row has another number of cells than the first."""
        for row, problem in self.uneven.items():
            raise ValueError(f"{what}: row {row + 1} {problem}")


def matrix_of(table: Table, names: Sequence[str], what: str) -> np.ndarray:
    """The columns of these names: float64 (N, F), NaN where a number is missing.

    By their places, of which there must be as many, where the table has no names, or `names` are but places ("1", "2", ...).
    `what` names the source in errors. Raises ValueError where a column is not there, or a cell holds something else.
    """
    table.check_even(what)
    by_name = table.are_named and list(names) != [str(place + 1) for place in range(len(names))]
    if by_name:
        if missing := [name for name in names if name not in table.names]:
            raise ValueError(
                f"{what} has no {'column' if len(missing) == 1 else 'columns'} {shorten(', '.join(missing))[1:-1]}; it has "
                f"{shorten(', '.join(table.names))[1:-1]}"
            )
    elif len(table.names) != len(names):
        raise ValueError(f"{what} has {counted(len(table.names), 'column')}, allowed: {len(names)}, as in training")
    columns = []
    for name in names if by_name else table.names:
        values, wrong = table.numbers(name)
        for row, problem in sorted(wrong.items())[:1]:
            raise ValueError(f"{what}: in row {row + 1}, {problem}")
        columns.append(values)
    return np.stack(columns, axis=1)


def steps_of(table: Table, row: int) -> Table:
    """The sequence that the lists in a row, from 0, are: a table of its steps. Lists of lists become columns "NAME 1", ...

    Raises ValueError where they are empty, or of several lengths.
    """
    columns, lengths = {}, {}
    for name in table.lists:
        values = table.columns[table.names.index(name)][row]
        if isinstance(values, str):
            raise ValueError(values)
        if not len(values):
            raise ValueError("it has no steps")
        lengths[name] = len(values)
        columns |= {name: values} if values.ndim == 1 else {f"{name} {i}": column for i, column in enumerate(values.T, 1)}
    if len(set(lengths.values())) > 1:
        each = ", ".join(f"{name} {length:,}" for name, length in lengths.items())
        raise ValueError(f"its lists have different lengths: {one_line(each, 100)}; allowed: the same length")
    return Table(tuple(columns), tuple(columns.values()))


def table_of(source: Any, one_row: bool) -> tuple[Table, str]:
    """The numbers of a file, an array, or a mapping of names to numbers or to lists of them; and what to call the source.

    Bytes are what stands in a file: .npy, JSON, or else CSV. `one_row`: a list of numbers is a row; else it is a column.
    Raises ValueError for anything else.
    """
    if isinstance(source, bytes):
        return _of_bytes(source, one_row), SENT
    if isinstance(source, str | os.PathLike):
        return read_file(source), repr(os.fspath(source))
    if hasattr(source, "keys"):  # a dict, and also what pandas makes
        return _of_mapping(source, "the mapping"), "the mapping"
    what = "the array"
    try:
        array = np.asarray(source)
    except ValueError as error:
        raise ValueError(f"{what} is ragged, allowed: rows of one length") from error
    return _of_array(array, what, one_row), what


def _of_bytes(content: bytes, one_row: bool) -> Table:
    if len(content) > MOST_SENT:
        raise ValueError(f"{SENT} has {len(content):,} bytes, allowed: at most {MOST_SENT:,}")
    if content.startswith(NPY):
        try:
            array = np.load(io.BytesIO(content), allow_pickle=False)
        except NOT_NPY as error:
            raise ValueError(f"{SENT} is not .npy: {one_line(str(error))}") from error
        return _of_array(array, SENT, one_row)
    try:
        text = content.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise ValueError(f"{SENT} is not of a kind that is known, allowed: CSV or JSON in UTF-8, .npy") from error
    if not text:
        raise ValueError(f"{SENT} is empty")
    if text[0] in "[{":
        found = _parsed(text, SENT)
        is_row = one_row and isinstance(found, list) and not any(isinstance(each, list | dict) for each in found)
        table = _of_json([found] if is_row else found, SENT)
    else:
        table = _of_cells(*cells_of(io.StringIO(text, newline=""), SENT), SENT)
    if not table.columns or not len(table):
        raise ValueError(f"{SENT} has no rows of numbers")
    return table


def read_file(path: str | os.PathLike) -> Table:
    """The columns of a file that ends as one of NAMES. Raises ValueError where it is none, empty, too large or damaged."""
    path, what = Path(path), repr(os.fspath(path))
    if path.suffix.lower() not in READERS:
        raise ValueError(f"{what} is no file of numbers by its name, allowed: {', '.join(NAMES)}")
    try:
        if not path.is_file():
            raise ValueError(f"{what} is not there, or no file")
        found = path.stat()
        if not found.st_size:
            raise ValueError(f"{what} is empty")
        if found.st_size > MOST_BYTES:
            raise ValueError(f"{what} has {found.st_size:,} bytes, allowed: at most {MOST_BYTES:,}")
        read = _read_again if found.st_size <= MOST_KEPT else _read_again.__wrapped__
        table = read(path, found.st_size, found.st_mtime_ns)
    except (OSError, EOFError) as error:
        raise ValueError(f"{what} cannot be read: {one_line(getattr(error, 'strerror', None) or str(error))}") from error
    if not table.columns or not len(table):
        raise ValueError(f"{what} has no rows of numbers")
    return table


@functools.lru_cache(maxsize=1)  # who asks for one row after the other need not wait for all of them each time
def _read_again(path: Path, size: int, changed: int) -> Table:
    return READERS[path.suffix.lower()](path, repr(str(path)))


def _check_size(what: str, rows: int, columns: int) -> None:
    if rows * columns > MOST_NUMBERS:
        raise ValueError(
            f"{what} has {rows:,} rows and {counted(columns, 'column')}, allowed: at most {MOST_NUMBERS:,} numbers together"
        )


def _read_csv(path: Path, what: str) -> Table:
    return _of_cells(*read_cells(path), what)


def _of_cells(names: list[str], rows: Iterator[tuple[int, list[str]]], what: str) -> Table:
    are_named = not all(_is_number(name) for name in names)
    width = len(names)
    names, first = (names, []) if are_named else ([str(place + 1) for place in range(width)], [names])
    columns: list[list[str]] = [[] for _ in names]
    uneven = {}
    for row, cells in enumerate(_after(first, rows)):
        if len(cells) != width and not (len(cells) > width and not any(cells[width:])):
            uneven[row] = f"has {counted(len(cells), 'cell')}, the first line has {width}"
        _check_size(what, row + 1, width)
        for column, cell in zip(columns, [*cells, *[""] * (width - len(cells))], strict=False):
            column.append(cell)
    return Table(_distinct(names, what), tuple(columns), are_named, uneven)


def _after(first: list, rows: Iterator[tuple[int, list[str]]]) -> Iterator[list[str]]:
    yield from first
    for _, cells in rows:
        yield cells


def _distinct(names: Sequence[str], what: str) -> tuple[str, ...]:
    names = tuple(name or str(place + 1) for place, name in enumerate(names))
    for place, name in enumerate(names):
        if name in names[:place]:
            raise ValueError(f"{what} has two columns called {shorten(name)}, allowed: a name of its own for each")
    return names


def _read_npy(path: Path, what: str) -> Table:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except NOT_NPY as error:
        raise ValueError(f"{what} is not a .npy file of numbers: {one_line(str(error))}") from error
    return _of_array(array, what, one_row=False)


def _read_json(path: Path, what: str) -> Table:
    return _of_json(_parsed(path.read_bytes(), what), what)


def _parsed(content: str | bytes, what: str) -> Any:
    try:
        return parse_json(content)
    except ValueError as error:
        raise ValueError(f"{what} is not JSON: {one_line(str(error))}") from error


def _of_json(found: Any, what: str) -> Table:
    if isinstance(found, dict):
        return _of_mapping(found, what)
    if isinstance(found, list) and found and all(isinstance(row, dict) for row in found):
        names = list(dict.fromkeys(name for row in found for name in row))
        return _of_mapping({name: [row.get(name) for row in found] for name in names}, what)
    if isinstance(found, list) and found:
        rows = [row if isinstance(row, list) else [row] for row in found]
        for place, row in enumerate(rows):
            if len(row) != len(rows[0]):
                raise ValueError(f"{what}: row {place + 1} has {counted(len(row), 'number')}, the first one {len(rows[0])}")
        columns = [_column([row[place] for row in rows], what) for place in range(len(rows[0]))]
        return Table(tuple(str(place + 1) for place in range(len(columns))), tuple(columns), are_named=False)
    raise ValueError(f"{what} is {shorten(found)}, allowed: a list of numbers, of lists or of objects, or an object")


def _read_parquet(path: Path, what: str) -> Table:
    names, columns = read_columns(path, what, MOST_NUMBERS)
    return Table(_distinct(names, what), tuple(columns))


READERS = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".parquet": _read_parquet,
    ".json": _read_json,
    ".npy": _read_npy,
}


def _of_array(array: np.ndarray, what: str, one_row: bool) -> Table:
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{what} holds {array.dtype}, allowed: whole or real numbers")
    if array.ndim not in (1, 2) or not array.size:
        raise ValueError(f"{what} has shape {array.shape}, allowed: numbers in one or two dimensions")
    array = array if array.ndim == 2 else array[None] if one_row else array[:, None]
    _check_size(what, *array.shape)
    columns = np.array(array.T, np.float64)
    return Table(tuple(str(place + 1) for place in range(len(columns))), tuple(columns), are_named=False)


def _of_mapping(found: Any, what: str) -> Table:
    names = [str(name) for name in found.keys()]  # noqa: SIM118 - what pandas makes iterates over values
    columns = [found[name] for name in found.keys()]  # noqa: SIM118
    columns = [list(column) if isinstance(column, list) or np.ndim(column) else [column] for column in columns]
    lengths = {len(column) for column in columns}
    if len(lengths) > 1:
        each = ", ".join(f"{name} {len(column)}" for name, column in zip(names, columns, strict=True))
        raise ValueError(f"{what} has columns of different lengths: {one_line(each, 100)}; allowed: the same length")
    if not columns or lengths == {0}:
        raise ValueError(f"{what} is empty")
    _check_size(what, *lengths, len(columns))
    return Table(_distinct(names, what), tuple(_column(column, what) for column in columns))


def _column(values: list, what: str) -> np.ndarray | list[str]:
    """A list of numbers, texts and nothings as a column."""
    for value in values:
        if not (value is None or isinstance(value, str | int | float | np.number | np.bool_)):
            raise ValueError(f"{what} holds {shorten(value)}, allowed: numbers")
    if any(isinstance(value, str) for value in values):
        return ["" if value is None else str(value) for value in values]
    with contextlib.suppress(OverflowError):
        return np.array([np.nan if value is None else value for value in values], np.float64)
    return [str(value) for value in values]  # whole numbers of hundreds of digits


def _is_number(text: str) -> bool:
    return text.lower() not in MISSING and not np.isnan(_number(text))


def _number(text: str) -> float:
    """NaN where it is none; a comma may stand for the point, as in much of Europe."""
    for each in (text, text.replace(",", ".")):
        with contextlib.suppress(ValueError):
            return float(each)
    return {"true": 1.0, "false": 0.0}.get(text.lower(), np.nan)


def _parse(texts: list[str]) -> tuple[np.ndarray, dict[int, str]]:
    """Texts as numbers, and those rows that hold something else."""
    with contextlib.suppress(ValueError):
        return np.array([text or "nan" for text in texts], dtype=np.float64), {}
    values = np.array([np.nan if text.lower() in MISSING else _number(text) for text in texts])
    wrong = {int(row): shorten(texts[row]) for row in np.flatnonzero(np.isnan(values)) if texts[row].lower() not in MISSING}
    return values, wrong
