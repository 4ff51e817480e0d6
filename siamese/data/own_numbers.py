"""Where numbers of one's own lie: a table of rows or of sequences, class folders of sequences, pairs of any of them."""

import dataclasses
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from siamese.config import NUMBER_MODES
from siamese.data.class_lists import Layout
from siamese.data.class_tree import find_classes
from siamese.data.own_images import ANYTHING, LABEL_FILE, TABLE_FILE, HubChoices, fetched_dataset, is_public
from siamese.data.pairs import COLUMNS, image_files
from siamese.images.formats import SUFFIXES
from siamese.inputs.cells import NAMES
from siamese.inputs.parquet import list_columns
from siamese.spreadsheets import read_table
from siamese.strict import folder_name

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
    commit: str = ""  # of a dataset of the Hub

    @property
    def called(self) -> str:
        """What sentences call it."""
        return self.name if self.commit else repr(str(self.place))

    @property
    def is_public(self) -> bool:
        """Whether they are a dataset of the Hub that everybody may read."""
        return bool(self.commit) and is_public(self.place.parent)

    @property
    def are_pairs(self) -> bool:
        """Whether they are labelled pairs."""
        return self.pairs is not None

    @property
    def is_table(self) -> bool:
        """Whether one file holds all of them."""
        return not self.place.is_dir()

    @property
    def is_long(self) -> bool:
        """Whether a row of a table is a step of a sequence."""
        return self.is_table and bool(self.choices.series_column)

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


def own_numbers(
    dataset: str | Path, pairs: str | Path | None, choices: NumberChoices, hub: HubChoices = ANYTHING
) -> OwnNumbers | None:
    """The numbers that a dataset, or the files of labelled pairs, are; None where they are images, or nothing here.

    `hub`: with which choices a dataset of the Hub was fetched.
    """
    place, pairs = Path(dataset), pairs and Path(pairs)
    is_table = place.suffix.lower() in TABLES and os.path.isfile(place)
    if is_table and not pairs and _first_of_pairs(place):
        return own_numbers("", place, choices)
    if is_table:
        return OwnNumbers(place, folder_name(pairs or place), _mode_of(place, choices), choices, pairs)
    if pairs:
        are_sequences = _first_of_pairs(pairs).lower().endswith(NAMES)
        return OwnNumbers(pairs.parent, folder_name(pairs), SEQUENCES, choices, pairs) if are_sequences else None
    if place.is_dir() and _holds_sequences(place):
        return OwnNumbers(place, folder_name(place), SEQUENCES, choices)
    if (found := fetched_dataset(str(dataset), hub)) and (table := found.place / TABLE_FILE).exists():
        label_column = choices.label_column or (found.place / LABEL_FILE).read_text(encoding="utf-8")
        choices = dataclasses.replace(choices, label_column=label_column, part=found.part)
        return OwnNumbers(table, found.repo_id, _mode_of(table, choices), choices, commit=found.commit)
    return None


def _mode_of(table: Path, choices: NumberChoices) -> str:
    has_lists = table.suffix.lower() == ".parquet" and bool(list_columns(table))
    return SEQUENCES if choices.series_column or has_lists else ROWS


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
