"""Where numbers of one's own lie: a table of rows or of sequences, class folders of sequences, pairs of any of them."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from siamese.config import NUMBER_MODES, readable
from siamese.data.class_lists import Layout
from siamese.data.class_tree import find_classes
from siamese.data.pairs import COLUMNS, image_files
from siamese.images.formats import SUFFIXES
from siamese.inputs.cells import NAMES
from siamese.spreadsheets import read_table

TABLES = (".csv", ".tsv", ".parquet")  # which files are tables
ROWS, SEQUENCES = NUMBER_MODES


@dataclass(frozen=True)
class NumberChoices:
    """Which columns mean what; what is None is found out, or not there."""

    label_column: str | None = None  # of the classes
    series_column: str | None = None  # which sequence a row of a table belongs to: makes it a table of sequences
    time_column: str | None = None  # by which the steps of a sequence are ordered and spaced
    part: str | None = None  # take this part of the data alone, see siamese.data.class_lists.Layout
    names: str | None = None  # of files: see Layout
    normalise: str | None = None  # see siamese.config.NumbersConfig: what it cannot be done with is left out


@dataclass(frozen=True)
class OwnNumbers:
    """Rows or sequences that a training, a check or a measurement reads."""

    place: Path  # a table, or a folder of files of sequences
    name: str  # in records: its own name
    mode: str  # of preprocessing: one of NUMBER_MODES
    choices: NumberChoices
    pairs: Path | None = None  # a CSV file of labelled pairs of them, whose rows (counted from 1) or files it names
    commit: str = ""  # none is of the Hub

    @property
    def are_pairs(self) -> bool:
        """Whether they are labelled pairs."""
        return self.pairs is not None

    @property
    def is_table(self) -> bool:
        """Whether one file holds all of them."""
        return not self.place.is_dir()

    @property
    def layout(self) -> Layout:
        """How a folder says which classes they are of."""
        return Layout(part=self.choices.part, names=self.choices.names, suffixes=NAMES)

    def files(self) -> list[Path]:
        """All files that are read. Raises ValueError where there are none."""
        if self.pairs:
            return [self.pairs, *([self.place] if self.is_table else image_files(self.pairs))]
        return (
            [self.place]
            if self.is_table
            else [file for files in find_classes(self.place, self.layout).values() for file in files]
        )


def own_numbers(dataset: str | Path, pairs: str | Path | None, choices: NumberChoices) -> OwnNumbers | None:
    """The numbers that a dataset, or the files of labelled pairs, are; None where they are images, or nothing here."""
    place, pairs = Path(dataset), pairs and Path(pairs)
    is_table = place.suffix.lower() in TABLES and os.path.isfile(place)
    if is_table and not pairs and _first_of_pairs(place):
        return own_numbers("", place, choices)
    if is_table:
        return OwnNumbers(place, _name(pairs or place), SEQUENCES if choices.series_column else ROWS, choices, pairs)
    if pairs:
        are_sequences = _first_of_pairs(pairs).lower().endswith(NAMES)
        return OwnNumbers(pairs.parent, _name(pairs), SEQUENCES, choices, pairs) if are_sequences else None
    if place.is_dir() and _holds_sequences(place):
        return OwnNumbers(place, _name(place), SEQUENCES, choices)
    return None


def _name(place: Path) -> str:
    return readable(place.resolve().name)  # the rest of the path is nobody's business


def _first_of_pairs(file: Path) -> str:
    """The first file that a file of pairs names; "" where there is none, of which whoever reads it will say more."""
    try:
        _, rows = read_table(file, COLUMNS)
        return next(rows, (0, {}))[1].get(COLUMNS[0], "")
    except ValueError:
        return ""


def _holds_sequences(folder: Path) -> bool:
    """Whether there are files of numbers in folders of this one, and no images: the first one decides."""
    found = False
    for name in _names(folder):
        if name.endswith(SUFFIXES):
            return False
        found |= name.endswith(NAMES)
    return found


def _names(folder: Path) -> Iterator[str]:
    for place, folders, names in os.walk(folder):
        folders[:] = [each for each in folders if not each.startswith(".")]
        yield from (name.lower() for name in names if not name.startswith(".") and place != str(folder))
    yield from (name.lower() for name in os.listdir(folder) if name.lower().endswith(SUFFIXES))  # images lie there too
