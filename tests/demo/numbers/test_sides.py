"""What the sides of the tab for numbers hold, as the model reads it."""

import json

import numpy as np
import pytest
from number_files import WINE, wine_table
from number_models import model_of_rows, model_of_strokes

from siamese.demo.numbers.sides import source_of
from siamese.inputs.cells import MOST_SENT

ROWS, STROKES = model_of_rows(), model_of_strokes()
LINE = json.dumps([[[10, 10, 0], [20, 40, 30]], [[5, 5, 60], [9, 9, 80]]])


def test_an_empty_side_holds_nothing():
    for active in ("draw", "upload", "paste"):
        assert source_of(STROKES.config, active, "", None, 1, "") is None
    assert source_of(STROKES.config, "draw", "[]", None, 1, "") is None
    assert source_of(ROWS.config, "paste", "", None, 1, " \n") is None
    assert source_of(ROWS.config, "upload", "", None, None, "1,2") is None


def test_all_ways_of_one_row_are_one(tmp_path):
    table, row = wine_table(tmp_path / "wine.csv"), WINE.data[6]
    text = ",".join(WINE.feature_names) + "\n" + ",".join(map(repr, row.tolist()))
    np.save(tmp_path / "one.npy", row[None])
    sources = [
        source_of(ROWS.config, "upload", "", str(table), 7, ""),
        source_of(ROWS.config, "upload", "", str(tmp_path / "one.npy"), None, ""),
        source_of(ROWS.config, "paste", "", None, 1, text),
    ]
    for source in sources:
        assert ROWS.verify(source, row).distance == 0


def test_strokes_are_what_a_file_of_them_would_be():
    source = source_of(STROKES.config, "draw", LINE, None, 1, "")
    assert source["pen"].tolist() == [1, 0, 1, 0]
    text = "x,y,pen,time\n10,10,1,0\n20,40,0,30\n5,5,1,60\n9,9,0,80"
    assert STROKES.verify(source, source_of(STROKES.config, "paste", "", None, 1, text)).distance == 0


def test_files_that_may_take_too_much_are_refused(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"1," * MOST_SENT)
    with pytest.raises(ValueError, match=r"^'gone.csv' is no longer here: choose it again"):
        source_of(ROWS.config, "upload", "", str(tmp_path / "gone.csv"), 1, "")
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    for name, sentence in (("a.csv", "allowed here: at most 5,000,000"), ("a.parquet", "allowed here: .csv, .json, .npy")):
        with pytest.raises(ValueError, match=f"^'{name}' .*{sentence}"):
            source_of(ROWS.config, "upload", "", str(tmp_path / name), 1, "")
