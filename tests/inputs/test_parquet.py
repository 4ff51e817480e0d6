"""Parquet files as columns, against what pandas and numpy put there."""

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from siamese.inputs.parquet import NO_NUMBER, depth_of, is_number, is_plain, list_columns, read_columns

LISTS, DEEP = pa.list_(pa.float32()), pa.list_(pa.list_(pa.int16()))


@pytest.mark.parametrize(
    ("kind", "depth", "number", "plain"),
    [
        (pa.int8(), 0, True, True),
        (pa.bool_(), 0, True, True),
        (pa.string(), 0, False, True),
        (pa.date32(), 0, False, True),
        (pa.binary(), 0, False, False),
        (pa.struct([("x", pa.int8())]), 0, False, False),
        (LISTS, 1, False, False),
        (pa.large_list(pa.float64()), 1, False, False),
        (pa.list_(pa.float64(), 3), 1, False, False),
        (DEEP, 2, False, False),
        (pa.list_(DEEP), 0, False, False),
        (pa.list_(pa.string()), 0, False, False),
    ],
)
def test_kinds_of_columns(kind, depth, number, plain):
    assert (depth_of(kind), is_number(kind), is_plain(kind)) == (depth, number, plain)


def test_columns_are_what_was_written(tmp_path):
    path = tmp_path / "table.parquet"
    rows = {
        "number": pa.array([1, None, 3], pa.int64()),
        "text": pa.array(["a", None, "c"]),
        "lists": pa.array([[1.5, None], None, []], LISTS),
        "deep": pa.array([[[1, 2], [3, 4]], [[5, 6], [7]], [[8, 9]]], DEEP),
        "fixed": pa.array([[1, 2], [3, 4], [5, 6]], pa.list_(pa.float32(), 2)),
        "bytes": pa.array([b"x", b"y", None]),
    }
    parquet.write_table(pa.table(rows), path)
    names, (number, text, lists, deep, fixed, some_bytes) = read_columns(path, "it", most=100)
    assert names == list(rows)
    assert list_columns(path) == ["lists", "deep", "fixed"]
    assert np.array_equal(number, [1, np.nan, 3], equal_nan=True)
    assert text == ["a", "", "c"]
    assert np.array_equal(lists[0], [1.5, np.nan], equal_nan=True)
    assert len(lists[1]) == len(lists[2]) == 0
    assert np.array_equal(deep[0], [[1, 2], [3, 4]])
    assert deep[1] == "its steps have 1 to 2 numbers, allowed: as many in each"
    assert np.array_equal(deep[2], [[8, 9]])
    assert np.array_equal(np.stack(fixed), [[1, 2], [3, 4], [5, 6]])
    assert some_bytes == [NO_NUMBER] * 3


def test_what_is_too_large_or_no_parquet_is_said(tmp_path):
    path = tmp_path / "table.parquet"
    parquet.write_table(pa.table({"lists": pa.array([[1.0] * 60, [2.0] * 60])}), path)
    with pytest.raises(ValueError, match="it has 120 cells, allowed: at most 100"):
        read_columns(path, "it", most=100)
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="it is not a Parquet file"):
        read_columns(path, "it", most=100)
    assert list_columns(path) == []
