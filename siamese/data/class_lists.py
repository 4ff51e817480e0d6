"""Files that list images with their classes: labels.csv, and metadata.csv or metadata.jsonl of an image folder.

They go before the folders that the images lie in. What is listed and cannot be used is named, and so is what is not listed.
"""

import json
import os
import re
import sys
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from siamese.config import counted, one_line, shorten
from siamese.images.formats import SUFFIXES
from siamese.spreadsheets import place_of, read_table

LISTS = ("labels.csv", "metadata.csv", "metadata.jsonl")
FILE_COLUMNS = ("file_name", "file", "filename", "file_path", "filepath", "path", "image_path", "image")
LABEL_COLUMNS = (
    "label", "labels", "class", "classes", "class_name", "classname", "label_name", "category", "target", "species",
    "identity", "person",
)  # fmt: skip
PART_COLUMN = "split"
PARTS = {
    "training": re.compile(r"train(ing)?([ _-]?(set|data|images|split))?", re.IGNORECASE),
    "validation": re.compile(r"(val(id(ation)?)?|dev)([ _-]?(set|data|images|split))?", re.IGNORECASE),
    "test": re.compile(r"(test(ing)?|eval(uation)?|hold[ _-]?out)([ _-]?(set|data|images|split))?", re.IGNORECASE),
}
PART_NUMBERS = {name: number for number, name in enumerate((*PARTS, ""))}  # as siamese.data.given_parts has them


@dataclass(frozen=True)
class Layout:
    """How images say of which class they are, where their folders do not; what is None is found out."""

    label_column: str | None = None  # of a list of images
    image_column: str | None = None  # the names of the files
    part: str | None = None  # only images of this part: the name of a folder at the top, or what the column `split` says
    names: str | None = None  # a regular expression: its first group, in a file's name without suffix, is the class
    suffixes: tuple[str, ...] = SUFFIXES  # of the files that are meant; where they are no images, no list is looked for


BY_FOLDERS = Layout()


@dataclass(frozen=True)
class Listed:
    """What the lists of a folder say."""

    classes: dict[str, list[Path]]  # name -> image files, both sorted
    parts: dict[str, list[str]]  # name -> of each file, its part of the dataset, as it is called; "": none
    unread: tuple[tuple[Path, str], ...]
    remarks: tuple[str, ...]


def part_of(name: str) -> str:
    """Which part of a dataset is called so: "training", "validation", "test", or "" for none of them."""
    return next((part for part, pattern in PARTS.items() if pattern.fullmatch(name)), "")


def find_lists(folder: Path) -> list[Path]:
    """The lists of images in a folder: at its top, or else in the folders there."""
    for pattern in ("", "*/"):
        for name in LISTS:
            if found := sorted(file for file in folder.glob(f"{pattern}{name}") if not file.parent.name.startswith(".")):
                return found
    return []


def read_lists(folder: Path, files: list[Path], layout: Layout) -> Listed:
    """What the lists `files` below `folder` say.

    Raises ValueError where one cannot be read, where it is not clear which columns are meant, or nothing is listed.
    """
    entries: dict[str, set[tuple[str, str]]] = {}  # names below the folder: a path takes several times their memory
    unread, outside, unlabelled, others = [], 0, 0, Counter()
    for file in files:
        own_part = file.parent.name if file.parent != folder else ""
        for name, label, part in _read_list(file, layout):
            place, part = os.path.relpath(place_of(file.parent, name), folder), sys.intern(part or own_part)
            if layout.part and part != layout.part:
                others[part] += 1
            elif not label:
                unlabelled += 1
            elif place.startswith(os.pardir):
                outside += 1
            elif not os.path.isfile(folder / place):
                unread.append((folder / place, f"it is listed in {file.name} and not there"))
            else:
                entries.setdefault(label, set()).add((place, part))
    what = files[0].name
    if not entries:
        if others:
            allowed = ", ".join(sorted(filter(None, others))) or "none"
            raise ValueError(f"{str(folder)!r} has no images in a part {shorten(layout.part)}, allowed: {allowed}")
        raise ValueError(f"{str(files[0])!r} lists no image with a class that is there")
    rows = {label: sorted(entries.pop(label), key=lambda row: row[0].split(os.sep)) for label in sorted(entries)}
    remarks = [f"the classes are those of {what}" + f", column {layout.label_column}" * bool(layout.label_column)]
    remarks += [
        f"{counted(count, 'row')} of {what} {text}"
        for count, text in ((unlabelled, "without a class, left out"), (outside, "with files of other folders, left out"))
        if count
    ]
    listed = sum(map(len, rows.values())) + len(unread) + outside + unlabelled + others.total()
    if (missing := _count_images(folder) - listed) > 0:
        remarks.append(f"{counted(missing, 'image')} not listed in {what}, left out")
    return Listed(
        {label: [folder / place for place, _ in each] for label, each in rows.items()},
        {label: [part for _, part in each] for label, each in rows.items()},
        tuple(unread),
        tuple(remarks),
    )


def _count_images(folder: Path) -> int:
    return sum(name.lower().endswith(SUFFIXES) for _, _, names in os.walk(folder) for name in names if name[0] != ".")


def _read_list(file: Path, layout: Layout) -> Iterator[tuple[str, str, str]]:
    """File, class and part of each row that names a file."""
    header, rows = _json_rows(file) if file.suffix == ".jsonl" else read_table(file, (*FILE_COLUMNS, *LABEL_COLUMNS))
    image = _chosen(file, header, layout.image_column, "the file", "--image-column", FILE_COLUMNS, first=True)
    others = [name for name in header if name not in (image, PART_COLUMN)]
    label = _chosen(file, others, layout.label_column, "the class", "--label-column", LABEL_COLUMNS)
    for _, row in rows:
        if name := row.get(image, ""):
            yield name, row.get(label, ""), row.get(PART_COLUMN, "")


def _chosen(
    file: Path, header: list[str], given: str | None, what: str, option: str, usual: Collection[str], first: bool = False
) -> str:
    """The name of a column: the one given, the only usual one (or the first of them), or the only one there is.

    Raises ValueError that names the option.
    """
    names = ", ".join(header) or "none"
    if given:
        if given.lower() in header:
            return given.lower()
        raise ValueError(f"{str(file)!r} has no column {shorten(given)} ({option}), allowed: {names}")
    found = [name for name in usual if name in header] or (header if len(header) == 1 else [])
    if len(found) == 1 or (found and first):
        return found[0]
    why = "several columns may be" if found else "no column is called as"
    raise ValueError(f"{str(file)!r}: {why} {what}; name one with {option}, allowed: {', '.join(found) or names}")


def _json_rows(file: Path) -> tuple[list[str], Iterator[tuple[int, dict[str, str]]]]:
    """As `read_table`, of a file with a JSON object a line."""

    def read() -> Iterator[tuple[int, dict[str, str]]]:
        try:
            with file.open(encoding="utf-8-sig") as lines:
                for number, line in enumerate(lines, 1):
                    if not line.strip():
                        continue
                    row = json.loads(line)
                    if not isinstance(row, dict):
                        raise ValueError("it is no object")
                    plain = {key.lower(): value for key, value in row.items() if isinstance(value, str | int | float)}
                    yield number, {key: str(value).strip() for key, value in plain.items()}
        except OSError as error:
            raise ValueError(f"{str(file)!r} cannot be read: {error.strerror}") from error
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{str(file)!r} is not a file of JSON, an object a line: {one_line(str(error))}") from error

    _, first = next(read(), (0, {}))
    return list(first), read()
