"""Parquet files as columns of numbers, of texts, and of lists of numbers: with such lists, each row holds a sequence."""

import os
from pathlib import Path

import numpy as np

from siamese.config import one_line

NO_NUMBER = "(no number)"  # what stands in a cell that is neither a number, nor a text, nor lists of numbers
Lists = tuple[np.ndarray | str, ...]  # of each row float64 (T,) or (T, F), NaN where a number is missing; or what is wrong


def list_columns(path: str | os.PathLike) -> list[str]:
    """The columns of lists of numbers of a Parquet file; [] where there are none, or nothing can be read."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        return []
    try:
        with parquet.ParquetFile(path) as file:
            return [field.name for field in file.schema_arrow if depth_of(field.type)]
    except (OSError, pyarrow.ArrowException):  # whoever reads it will say more
        return []


def depth_of(kind) -> int:
    """Of a type of Arrow: 1 of lists of numbers, 2 of lists of such lists, else 0."""
    from pyarrow import types

    checks = (types.is_list, types.is_large_list, types.is_fixed_size_list)
    depth = 0
    while depth < 2 and any(check(kind) for check in checks):
        kind, depth = kind.value_type, depth + 1
    return depth if is_number(kind) else 0


def is_number(kind) -> bool:
    """Whether a type of Arrow is of numbers, or of yes and no."""
    from pyarrow import types

    checks = (types.is_integer, types.is_floating, types.is_decimal, types.is_boolean)
    return any(check(kind) for check in checks)


def is_plain(kind) -> bool:
    """Whether a cell of a type of Arrow can be written as a short text."""
    from pyarrow import types

    checks = (types.is_nested, types.is_binary, types.is_large_binary, types.is_fixed_size_binary)
    return not (any(check(kind) for check in checks) or hasattr(kind, "storage_type"))


def read_columns(path: Path, what: str, most: int) -> tuple[list[str], list[np.ndarray | list[str] | Lists]]:
    """The names and the columns of a Parquet file of at most so many cells. Raises ValueError, which calls it `what`."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise ValueError(f"{what} takes the library pyarrow: pip install 'siamese[parquet]'") from error
    try:
        with parquet.ParquetFile(path) as file:
            schema, metadata = file.schema_arrow, file.metadata
            read = [field.name for field in schema if is_plain(field.type) or depth_of(field.type)]
            groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
            is_read = [metadata.schema.column(place).path.split(".")[0] in read for place in range(metadata.num_columns)]
            count = sum(group.column(place).num_values for group in groups for place in np.flatnonzero(is_read).tolist())
            if count > most:
                raise ValueError(f"{what} has {count:,} cells, allowed: at most {most:,} numbers together")
            found, rows = file.read(read), metadata.num_rows
            columns = [_column(found.column(name)) if name in read else [NO_NUMBER] * rows for name in schema.names]
    except pyarrow.ArrowException as error:
        raise ValueError(f"{what} is not a Parquet file: {one_line(str(error))}") from error
    return schema.names, columns


def _column(column) -> np.ndarray | list[str] | Lists:
    if depth := depth_of(column.type):
        return tuple(_lists(column.combine_chunks(), depth))
    if is_number(column.type):
        return _numbers(column)
    return ["" if value is None else str(value) for value in column.to_pylist()]


def _numbers(column) -> np.ndarray:
    import pyarrow

    return column.cast(pyarrow.float64(), safe=False).to_numpy(zero_copy_only=False).astype(np.float64)


def _lists(column, depth: int) -> list[np.ndarray | str]:
    """Lists, each as an array; nothing, as an empty one."""
    import pyarrow

    if pyarrow.types.is_fixed_size_list(column.type):
        column = column.cast(pyarrow.list_(column.type.value_type))
    lengths = np.nan_to_num(column.value_lengths().to_numpy(zero_copy_only=False)).astype(np.int64)
    ends = np.cumsum(lengths)
    inner = column.flatten()
    if depth == 1:
        values = _numbers(inner)
        return [values[end - length : end] for end, length in zip(ends.tolist(), lengths.tolist(), strict=True)]
    steps = _lists(inner, 1)
    return [_stacked(steps[end - length : end]) for end, length in zip(ends.tolist(), lengths.tolist(), strict=True)]


def _stacked(steps: list[np.ndarray]) -> np.ndarray | str:
    widths = {len(step) for step in steps} or {0}
    if len(widths) > 1:
        return f"its steps have {min(widths)} to {max(widths)} numbers, allowed: as many in each"
    return np.array(steps, np.float64).reshape(len(steps), *widths)
