"""Which columns of a table mean what: the classes, the parts of a dataset, and the numbers that are used."""

import numpy as np

from siamese.config import NumbersConfig, counted, shorten
from siamese.data.class_lists import LABEL_COLUMNS, PART_COLUMN
from siamese.data.own_numbers import NumberChoices
from siamese.inputs.cells import Table

SHOWN = 10  # columns that a remark names


def column_of(table: Table, name: str, option: str, what: str) -> str:
    """The column of this name, whatever its case. Raises ValueError that names the option."""
    for each in (name, *[each for each in table.names if each.lower() == name.lower()]):
        if each in table.names:
            return each
    raise ValueError(f"{what} has no column {shorten(name)} ({option}), allowed: {shorten(', '.join(table.names))[1:-1]}")


def labels_of(table: Table, choices: NumberChoices, what: str, least: int) -> list[str]:
    """The class of each row, "" where it has none."""
    if not least and not choices.label_column and not _usual_labels(table):
        return [""] * len(table)
    name = label_column(table, choices, what)
    labels = table.texts(name)
    count = len(set(labels) - {""})
    if least == 2 and count < 2:
        raise ValueError(
            f"{what}: column {shorten(name)} (--label-column) names {counted(count, 'class', 'classes')}, allowed: 2 or more"
        )
    if least == 2 and not choices.series_column and count == sum(map(bool, labels)):
        raise ValueError(
            f"{what}: column {shorten(name)} (--label-column) has another value in each of its {count:,} rows, and so no "
            f"class of two; the columns are {shorten(', '.join(table.names))[1:-1]}"
        )
    return labels


def label_column(table: Table, choices: NumberChoices, what: str) -> str:
    """The column of the classes: the one given, or the only usual one. Raises ValueError."""
    if choices.label_column:
        return column_of(table, choices.label_column, "--label-column", what)
    usual = _usual_labels(table)
    if len(usual) == 1:
        return usual[0]
    why = "several columns may be" if usual else "no column is called as"
    allowed = shorten(", ".join(usual or table.names))[1:-1]
    raise ValueError(f"{what}: {why} the classes; name it with --label-column, allowed: {allowed}")


def _usual_labels(table: Table) -> list[str]:
    return [name for name in table.names if name.lower() in LABEL_COLUMNS]


def parts_of(table: Table, choices: NumberChoices) -> list[str]:
    name = next((name for name in table.names if name.lower() == PART_COLUMN), None)
    return table.texts(name) if name else [""] * len(table)


def numbers_of(
    table: Table, known: NumbersConfig | None, choices: NumberChoices, what: str
) -> tuple[np.ndarray, dict[int, str], tuple[str, ...], list[str]]:
    """The columns of numbers, (N, F); the rows, from 0, where one holds something else: what; their names; and remarks."""
    if known:
        names = [column_of(table, name, "which the model was trained on", what) for name in known.columns]
    else:
        means_something = {choices.label_column, choices.series_column, choices.time_column, PART_COLUMN}
        means_something = {name.lower() for name in means_something if name}
        if not choices.label_column:
            means_something |= {name.lower() for name in _usual_labels(table)}
        names = [name for name in table.names if name.lower() not in means_something]
    columns, wrong, kept, passed_over = [], {}, [], {}
    for name in names:
        values, problems = table.numbers(name)
        why = "" if known else _why_not(table, values, problems)
        if why:
            passed_over.setdefault(why, []).append(name)
            continue
        kept.append(name)
        columns.append(values)
        for row, problem in problems.items():
            wrong.setdefault(row, problem)
    remarks = [_not_used(why, some) for why, some in passed_over.items()]
    if not columns:
        raise ValueError(
            f"{what} has no column of numbers beside its classes; its columns are {shorten(', '.join(table.names))[1:-1]}"
        )
    return np.stack(columns, axis=1), wrong, known.columns if known else tuple(kept), remarks


def others_beside(table: Table, choices: NumberChoices) -> list[str]:
    """A remark on the columns that hold no lists, in a table whose sequences are lists, and mean nothing else."""
    used = {*table.lists, choices.label_column, PART_COLUMN}
    used |= set() if choices.label_column else set(_usual_labels(table))
    others = [name for name in table.names if name not in used]
    return [_not_used("beside lists of numbers", others)] if others else []


def _not_used(why: str, names: list[str]) -> str:
    more = ", ..." if len(names) > SHOWN else ""
    return f"{counted(len(names), 'column')} {why}, not used: {', '.join(names[:SHOWN])}{more}"


def is_text(table: Table, problems: dict[int, str]) -> bool:
    return 2 * len(problems) > len(table)


def _why_not(table: Table, values: np.ndarray, problems: dict[int, str]) -> str:
    """Why a column is of no use; "" where it is."""
    if is_text(table, problems):
        return "of something else than numbers"
    if np.isnan(values).all():
        return "with every number missing"
    if len(values) > 2 and (np.diff(values) == 1).all():
        return "that count the rows"
    return ""
