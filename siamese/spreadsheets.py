"""Tables of text as spreadsheets write them: CSV with commas, semicolons or tabs, in UTF-8, UTF-16 or a code page."""

import codecs
import csv
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TextIO

DELIMITERS = (",", ";", "\t", "|")
AT_ONCE = 1 << 20  # bytes


def read_table(file: str | Path, known: Collection[str] = ()) -> tuple[list[str], Iterator[tuple[int, dict[str, str]]]]:
    """The names of the columns, in lower case, and each row with its line: column -> text. Raises as `read_cells` does."""
    names, rows = read_cells(file, known)
    header = [name.lower() for name in names]
    return header, ((line, dict(zip(header, cells, strict=False))) for line, cells in rows)


def read_cells(file: str | Path, known: Collection[str] = ()) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """The first row, and each other row that is not empty, with its line.

    What divides the columns is found by the `known` names, in lower case, or else by their number. Raises ValueError where
    the file cannot be read; so does the iterator.
    """
    try:
        # One line after the other, since a cell may hold a line break.
        text = Path(file).open(encoding=_encoding(Path(file)), newline="")  # noqa: SIM115 - the rows close it
    except OSError as error:
        raise ValueError(f"{str(file)!r} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{str(file)!r} is not a CSV file in UTF-8: {error}") from error
    return cells_of(text, file, known)


def cells_of(
    text: TextIO, name: str | Path, known: Collection[str] = ()
) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """As `read_cells`, of an open text, which errors call `name`."""
    with _explained(name):
        header, delimiter, skipped = _read_header(text, known)
    return header, _rows(name, text, delimiter, skipped)


class _explained:
    """A csv.Error becomes a ValueError that names the file."""

    def __init__(self, file: str | Path) -> None:
        self.file = file

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind, error, _) -> None:
        if isinstance(error, csv.Error | UnicodeError):
            raise ValueError(f"{str(self.file)!r} is not a CSV file in UTF-8: {error}") from error


def _rows(file: str | Path, text: TextIO, delimiter: str, skipped: int) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(text, delimiter=delimiter, skipinitialspace=True)
    with text, _explained(file):
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield skipped + reader.line_num, [cell.strip() for cell in cells]


def _encoding(file: Path) -> str:
    """The encoding of a CSV file, by its byte order mark; without one UTF-8, or else what Excel on Windows calls CSV."""
    decoder, has_nothing = codecs.getincrementaldecoder("utf-8")(), False
    with file.open("rb") as opened:
        start = opened.read(4)
        opened.seek(0)
        for mark, encoding in (
            (codecs.BOM_UTF8, "utf-8-sig"),
            (codecs.BOM_UTF16_LE, "utf-16"),
            (codecs.BOM_UTF16_BE, "utf-16"),
        ):
            if start.startswith(mark):
                return encoding
        error = None
        while chunk := opened.read(AT_ONCE):
            has_nothing |= b"\0" in chunk
            try:
                if error is None:
                    decoder.decode(chunk, final=len(chunk) < AT_ONCE)
            except UnicodeDecodeError as found:
                error = found
    if error is None:
        return "utf-8"
    if has_nothing:
        raise error
    return "cp1252"


def _read_header(text: TextIO, known: Collection[str]) -> tuple[list[str], str, int]:
    """The names of the columns, what divides them, and how many lines that took."""
    line, skipped = text.readline(), 1
    if line.lower().startswith("sep="):  # which Excel wants to read, and hides
        line, skipped = text.readline(), 2

    def names(delimiter: str) -> list[str]:
        return [name.strip() for name in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])]

    def fit(delimiter: str) -> tuple[int, int]:
        found = names(delimiter)
        return len(set(known) & set(map(str.lower, found))), len(found)

    delimiter = max(DELIMITERS, key=fit)
    return names(delimiter), delimiter, skipped


def place_of(folder: Path, name: str) -> Path:
    """The file that a cell names, with the slashes of any system."""
    path = Path(os.path.normpath(folder / name))
    return path if "\\" not in name or path.exists() else Path(os.path.normpath(folder / name.replace("\\", "/")))
