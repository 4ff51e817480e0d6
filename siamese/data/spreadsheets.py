"""Tables of text as spreadsheets write them: CSV with commas, semicolons or tabs, in UTF-8, UTF-16 or a code page."""

import codecs
import csv
import io
import os
from collections.abc import Collection, Iterator
from pathlib import Path

DELIMITERS = (",", ";", "\t", "|")


def read_table(file: str | Path, known: Collection[str] = ()) -> tuple[list[str], Iterator[tuple[int, dict[str, str]]]]:
    """The names of the columns, in lower case, and each row with its line: column -> text; emptied rows are passed over.

    What divides the columns is found by the `known` names, or else by their number. Raises ValueError where the file cannot
    be read; so does the iterator.
    """
    try:
        # One line after the other, since a cell may hold a line break.
        text = io.StringIO(_decode(Path(file).read_bytes()), newline="")
    except OSError as error:
        raise ValueError(f"{str(file)!r} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{str(file)!r} is not a CSV file in UTF-8: {error}") from error
    with _explained(file):
        header, delimiter, skipped = _read_header(text, known)
    return header, _rows(file, csv.reader(text, delimiter=delimiter, skipinitialspace=True), header, skipped)


class _explained:
    """A csv.Error becomes a ValueError that names the file."""

    def __init__(self, file: str | Path) -> None:
        self.file = file

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind, error, _) -> None:
        if isinstance(error, csv.Error):
            raise ValueError(f"{str(self.file)!r} is not a CSV file in UTF-8: {error}") from error


def _rows(file: str | Path, reader, header: list[str], skipped: int) -> Iterator[tuple[int, dict[str, str]]]:
    with _explained(file):
        for cells in reader:
            if any(cell.strip() for cell in cells):
                row = {name: cell.strip() for name, cell in zip(header, cells, strict=False)}
                yield skipped + reader.line_num, row


def _decode(content: bytes) -> str:
    """The text of a CSV file, by its byte order mark; without one UTF-8, or else what Excel on Windows calls CSV."""
    for mark, encoding in ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if content.startswith(mark):
            return content.decode(encoding)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        if b"\0" in content:
            raise
        return content.decode("cp1252")


def _read_header(text: io.StringIO, known: Collection[str]) -> tuple[list[str], str, int]:
    """The names of the columns, what divides them, and how many lines that took."""
    line, skipped = text.readline(), 1
    if line.lower().startswith("sep="):  # which Excel wants to read, and hides
        line, skipped = text.readline(), 2

    def names(delimiter: str) -> list[str]:
        return [name.strip().lower() for name in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])]

    delimiter = max(DELIMITERS, key=lambda delimiter: (len(set(known) & set(names(delimiter))), len(names(delimiter))))
    return names(delimiter), delimiter, skipped


def place_of(folder: Path, name: str) -> Path:
    """The file that a cell names, with the slashes of any system."""
    path = Path(os.path.normpath(folder / name))
    return path if "\\" not in name or path.exists() else Path(os.path.normpath(folder / name.replace("\\", "/")))
