"""Embeddings with the names of their files, as a table that other programs read: .npz, .csv or .parquet."""

import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import numpy as np

from siamese.config import readable
from siamese.model_folder.files import write_file

ROWS_AT_ONCE = 4096


def check_kind(output: str) -> None:
    """Raise ValueError for a file of another kind, and for one that needs a library which is not there."""
    if output != "-" and Path(output).suffix not in WRITERS:
        raise ValueError(
            f"--output is {output!r}, allowed: a file that ends with {', '.join(WRITERS)}, or - for CSV on stdout"
        )
    if output.endswith(".parquet"):
        _pyarrow()


def write_table(output: str, files: Sequence[str], embeddings: np.ndarray) -> None:
    """Write embeddings (N, D) and the names of their files (N,) to a file of the kind that its name says, or to stdout.

    `.npz` holds the arrays `embeddings` and `files`; `.csv` a line of names, then the file and its D numbers; `.parquet` the
    columns `file` and `embedding`. An earlier file is replaced once this one is whole. Raises WriteError.
    """
    files = list(map(readable, files))
    if output == "-":
        _write_rows(sys.stdout, files, embeddings)
        return
    write_file(Path(output), lambda place: WRITERS[Path(output).suffix](place, files, embeddings))


def _npz(place: Path, files: list[str], embeddings: np.ndarray) -> None:
    with place.open("wb") as opened:
        np.savez(opened, embeddings=embeddings, files=np.array(files, dtype=str))


def _csv(place: Path, files: list[str], embeddings: np.ndarray) -> None:
    with place.open("w", encoding="utf-8", newline="") as opened:
        _write_rows(opened, files, embeddings)


def _write_rows(opened: TextIO, files: list[str], embeddings: np.ndarray) -> None:
    table = csv.writer(opened, lineterminator="\n")
    table.writerow(["file", *(f"e{number}" for number in range(embeddings.shape[1]))])
    for file, row in zip(files, embeddings, strict=True):
        table.writerow([file, *map(str, row)])  # of a float32, the shortest digits that are read as the same one


def _parquet(place: Path, files: list[str], embeddings: np.ndarray) -> None:
    arrow = _pyarrow()
    from pyarrow.parquet import ParquetWriter

    dim = embeddings.shape[1]
    kind = arrow.list_(arrow.float32(), dim)
    schema = arrow.schema([("file", arrow.string()), ("embedding", kind)])
    with ParquetWriter(place, schema) as writer:
        for start in range(0, len(files), ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            numbers = arrow.FixedSizeListArray.from_arrays(arrow.array(np.ravel(embeddings[part])), type=kind)
            writer.write_table(arrow.Table.from_arrays([arrow.array(files[part], arrow.string()), numbers], schema=schema))


def _pyarrow():
    try:
        import pyarrow
    except ImportError as error:
        raise ValueError(
            "--output that ends with .parquet needs the library pyarrow: pip install pyarrow, which is the extra "
            "siamese[parquet] of this project; .npz and .csv need none"
        ) from error
    return pyarrow


WRITERS = {".npz": _npz, ".csv": _csv, ".parquet": _parquet}
