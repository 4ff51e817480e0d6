"""Rows and sequences of one's own, with their classes, as they come: nothing is normalised yet.

What is wrong with one of them, the rest is used, and it is named with the reason.
"""

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from siamese.config import NumbersConfig, counted, readable, shorten
from siamese.data.class_lists import PART_NUMBERS, part_of
from siamese.data.class_tree import find_classes, read_tree
from siamese.data.number_columns import column_of, is_text, labels_of, numbers_of, others_beside, parts_of
from siamese.data.own_numbers import ROWS, NumberChoices, OwnNumbers
from siamese.data.pairs import image_files
from siamese.inputs import INPUTS
from siamese.inputs.cells import matrix_of, read_file, steps_of
from siamese.inputs.sequences import in_order


@dataclass(frozen=True)
class ReadNumbers:
    """The usable rows or sequences, and what became of the others."""

    columns: tuple[str, ...]
    values: tuple[np.ndarray, ...]  # of each one: float64 (F,) or (T, F), NaN where a number is missing
    times: tuple[np.ndarray | None, ...]  # float64 (T,) of each one; None where there are none
    labels: np.ndarray  # int64 (N,), indices of `names`
    names: tuple[str, ...]  # of the classes
    sources: tuple[str, ...]  # where each one is from: "row 7", a series, a file
    left_out: tuple[tuple[Path, str], ...]  # which, and the reason
    remarks: tuple[str, ...]
    first: np.ndarray  # int64 (N,), the first of those with the same numbers, which may be itself
    part: np.ndarray | None = None  # int64 (N,), as of siamese.data.folders.FolderImages
    noun: str = "row"

    @property
    def sizes(self) -> dict[str, int]:
        """How many there are of each class."""
        return dict(zip(self.names, np.bincount(self.labels, minlength=len(self.names)).tolist(), strict=True))


def sources_of_classes(own: OwnNumbers) -> dict[str, list[Path | str]]:
    """What a Verifier reads of each class: FILE#ROW, or files of sequences. Raises ValueError of a long table."""
    if not own.is_table:
        return find_classes(own.place, own.layout)
    if own.is_long:
        raise ValueError(f"{own.called} holds sequences in a long table, allowed here: class folders, a file for each")
    classes: dict[str, list[Path | str]] = {}
    found = read_numbers(own, least=0)
    for label, source in zip(found.labels.tolist(), found.sources, strict=True):
        classes.setdefault(found.names[label], []).append(f"{own.place}#{source.removeprefix('row ')}")
    return classes


@dataclass
class _Found:
    """What is being read, one after the other."""

    values: list[np.ndarray] = dataclasses.field(default_factory=list)
    times: list[np.ndarray | None] = dataclasses.field(default_factory=list)
    labels: list[str] = dataclasses.field(default_factory=list)
    sources: list[str] = dataclasses.field(default_factory=list)
    parts: list[str] = dataclasses.field(default_factory=list)
    left_out: list[tuple[Path, str]] = dataclasses.field(default_factory=list)
    remarks: list[str] = dataclasses.field(default_factory=list)
    columns: tuple[str, ...] = ()
    other_parts: set[str] = dataclasses.field(default_factory=set)  # than the one that is wanted

    def is_in(self, part: str, choices: NumberChoices) -> bool:
        """Whether what is of this part is wanted."""
        if choices.part in (None, part):
            return True
        self.other_parts.add(part)
        return False

    def add(self, values: np.ndarray, times: np.ndarray | None, label: str, source: str, part: str = "") -> None:
        self.values.append(values)
        self.times.append(times)
        self.labels.append(label)
        self.sources.append(source)
        self.parts.append(part)


def read_numbers(own: OwnNumbers, known: NumbersConfig | None = None, least: int = 2) -> ReadNumbers:
    """All usable rows or sequences, by the columns that a model knows, or else by all that hold numbers.

    Classes of which fewer than `least` remain are left out; with 0, there need be no classes. Raises ValueError where there
    is no column of numbers or of classes, or too little remains.
    """
    if own.mode == ROWS:
        found = _read_rows(own, known, least)
    elif own.is_long:
        found = _read_long_table(own, known, least)
    elif own.is_table:
        found = _read_lists(own, known, least)
    else:
        found = _read_files(own, known)
    return _finished(found, own, least)


def _finished(found: _Found, own: OwnNumbers, least: int) -> ReadNumbers:
    noun = INPUTS[own.mode].noun
    if found.other_parts and not found.values:
        allowed = ", ".join(sorted(filter(None, found.other_parts))) or "none"
        raise ValueError(f"{own.called} has no {noun}s in a part {shorten(own.choices.part)}, allowed: {allowed}")
    counts = Counter(found.labels)
    is_in = [counts[label] >= least for label in found.labels]
    found.left_out += [
        (Path(source), f"the only usable {noun} of its class")
        for source, inside in zip(found.sources, is_in, strict=True)
        if not inside
    ]
    kept = [place for place, inside in enumerate(is_in) if inside]
    if not kept:
        why = f"; {found.left_out[0][0]}: {found.left_out[0][1]}" if found.left_out else ""
        what = f"class with two usable {noun}s" if least == 2 else f"usable {noun}"
        raise ValueError(f"{own.called} has no {what}{why}")
    names = tuple(sorted({found.labels[place] for place in kept}))
    numbers = {name: number for number, name in enumerate(names)}
    labels = np.array([numbers[found.labels[place]] for place in kept], np.int64)
    first = _first_of_each([found.values[place] for place in kept])
    remarks = list(found.remarks)
    if copies := int((first != np.arange(len(kept))).sum()):
        across = int((labels[first] != labels).sum())
        of_others = f", {across:,} of them of another class" if across else ""
        remarks.append(
            f"{counted(copies, noun)} with the numbers of an earlier one{of_others}, kept in the same part of the split"
        )
    sizes = np.bincount(labels)
    if max(sizes) > 10 * min(sizes):
        remarks.append(f"classes are uneven, with {min(sizes):,} to {max(sizes):,} {noun}s: larger classes count for more")
    shapes = [found.values[place].shape for place in kept]
    if 2 * sum(len(shape) == 2 and shape[0] < shape[1] for shape in shapes) > len(kept):
        steps, columns = next(shape for shape in shapes if shape[0] < shape[1])
        remarks.append(
            f"sequences of {steps} steps with {columns} numbers each: if it is the other way round, turn them over"
        )
    parts = [found.parts[place] for place in kept]
    part = np.array([PART_NUMBERS[part_of(each)] for each in parts], np.int64) if any(parts) else None
    return ReadNumbers(
        found.columns, tuple(found.values[place] for place in kept), tuple(found.times[place] for place in kept), labels,
        tuple(map(readable, names)), tuple(found.sources[place] for place in kept), tuple(found.left_out), tuple(remarks),
        first, part, noun,
    )  # fmt: skip


def _first_of_each(values: Sequence[np.ndarray]) -> np.ndarray:
    seen: dict[bytes, int] = {}
    digests = (hashlib.blake2b(each.tobytes() + str(each.shape).encode(), digest_size=16).digest() for each in values)
    return np.array([seen.setdefault(digest, place) for place, digest in enumerate(digests)], np.int64)


def _read_rows(own: OwnNumbers, known: NumbersConfig | None, least: int) -> _Found:
    table, what = read_file(own.place), own.called
    labels = labels_of(table, own.choices, what, least)
    found, parts = _Found(), parts_of(table, own.choices)
    values, wrong, found.columns, found.remarks = numbers_of(table, known, own.choices, what)  # (N, F)
    for row in range(len(table)):
        source, problem = f"row {row + 1}", table.uneven.get(row) or wrong.get(row)
        if not problem and least and not labels[row]:
            problem = "it has no class"
        if not problem and np.isnan(values[row]).all():
            problem = "it is blank: every number is missing"
        if problem:
            found.left_out.append((Path(source), problem))
        elif found.is_in(parts[row], own.choices):
            found.add(values[row], None, labels[row], source, parts[row])
    return found


def _read_long_table(own: OwnNumbers, known: NumbersConfig | None, least: int) -> _Found:
    """A row for each step, whose sequence the series column names."""
    table, choices, what = read_file(own.place), own.choices, own.called
    labels, parts, found = labels_of(table, choices, what, least), parts_of(table, choices), _Found()
    series = table.texts(column_of(table, choices.series_column, "--series-column", what))
    times, wrong_times = None, {}
    if time_column := choices.time_column or (known.time_column if known else None):
        times, wrong_times = table.numbers(column_of(table, time_column, "--time-column", what))
    values, wrong, found.columns, found.remarks = numbers_of(table, known, choices, what)
    rows_of: dict[str, list[int]] = {}
    for row, name in enumerate(series):
        rows_of.setdefault(name, []).append(row)
    if "" in rows_of:
        found.remarks.append(f"{counted(len(rows_of.pop('')), 'row')} of no series, left out")
    for name, rows in rows_of.items():
        problems = (f"row {row + 1}: {text}" for row in rows if (text := _problem(row, table.uneven, wrong, wrong_times)))
        problem = next(problems, "")
        of = {labels[row] for row in rows}
        if not problem and len(of) > 1:
            problem = f"its rows are of several classes: {shorten(', '.join(sorted(of)))}"
        if not problem and least and of == {""}:
            problem = "it has no class"
        if problem:
            found.left_out.append((Path(name), problem))
        elif found.is_in(parts[rows[0]], choices):
            of_steps = values[rows], None if times is None else times[rows]
            _add_sequence(found, *of_steps, labels[rows[0]], name, parts[rows[0]], choices, known)
    return found


def _read_lists(own: OwnNumbers, known: NumbersConfig | None, least: int) -> _Found:
    """A row for each sequence, whose columns are lists."""
    table, choices, what = read_file(own.place), own.choices, own.called
    labels, parts, found = labels_of(table, choices, what, least), parts_of(table, choices), _Found()
    found.remarks += others_beside(table, choices)
    time_column = known.time_column if known else choices.time_column
    if time_column:
        time_column = column_of(table, time_column, "--time-column", what)
    columns = known.columns if known else ()
    for row, (label, part) in enumerate(zip(labels, parts, strict=True)):
        source, times = f"row {row + 1}", None
        try:
            steps = steps_of(table, row)
            if least and not label:
                raise ValueError("it has no class")
            if time_column:
                times = matrix_of(steps, (time_column,), "it")[:, 0]
            columns = columns or tuple(name for name in steps.names if name != time_column)
            values = matrix_of(steps, columns, "it")
        except ValueError as error:
            found.left_out.append((Path(source), str(error)))
        else:
            if found.is_in(part, choices):
                _add_sequence(found, values, times, label, source, part, choices, known)
    found.columns = columns
    return found


def _problem(row: int, *problems: dict[int, str]) -> str:
    return next((each[row] for each in problems if row in each), "")


def _read_files(own: OwnNumbers, known: NumbersConfig | None) -> _Found:
    """A file for each sequence, in class folders, or anywhere where pairs name them."""
    found = _Found(columns=known.columns if known else ())
    if own.pairs:
        files = [(file, "", "") for file in image_files(own.pairs)]
    else:
        tree = read_tree(own.place, own.layout)
        parts = {name: tree.parts.get(name) or [""] * len(files) for name, files in tree.classes.items()}
        files = [
            (file, name, part) for name, each in tree.classes.items() for file, part in zip(each, parts[name], strict=True)
        ]
        found.left_out += tree.unread
        found.remarks += tree.remarks
    time_column = known.time_column if known else own.choices.time_column
    for file, label, part in files:
        try:
            table, what = read_file(file), repr(str(file))
            times = None
            if time_column in table.names:
                times = matrix_of(table, (time_column,), what)[:, 0]
            if not found.columns:
                found.columns = tuple(
                    name for name in table.names if name != time_column and not is_text(table, table.numbers(name)[1])
                )
                if not found.columns:
                    raise ValueError(f"{what} has no column of numbers")
            values = matrix_of(table, found.columns, what)
            _add_sequence(found, values, times, label, str(file), part, own.choices, known)
        except ValueError as error:
            found.left_out.append((file, str(error).replace(repr(str(file)), "it", 1)))
    return found


def _add_sequence(
    found: _Found,
    values: np.ndarray,
    times: np.ndarray | None,
    label: str,
    source: str,
    part: str,
    choices: NumberChoices,
    known: NumbersConfig | None,
) -> None:
    normalise = known.normalise if known else choices.normalise or "columns"
    try:
        in_order(values, times, "it")
        if normalise != "columns" and _is_constant(values):
            raise ValueError(f"it is blank: it has the same value everywhere, and so no {normalise} of its own")
    except ValueError as error:
        found.left_out.append((Path(source), str(error)))
    else:
        found.add(values, times, label, source, part)


def _is_constant(values: np.ndarray) -> bool:
    """Whether no column of steps (T, F) changes, those aside that only say yes or no."""
    is_flag = ((values == 0) | (values == 1) | np.isnan(values)).all(axis=0)
    low, high = (
        each(np.where(np.isnan(values), fill, values), axis=0) for each, fill in ((np.min, np.inf), (np.max, -np.inf))
    )
    return not ((high > low) & ~is_flag).any()
