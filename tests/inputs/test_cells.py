"""Numbers from files and objects: against numpy and pandas, and what is said of twenty kinds of bad ones."""

import io
import json

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_wine

from siamese.inputs import cells
from siamese.inputs.cells import Table, matrix_of, read_file, table_of

WINE = load_wine()
FRAME = pd.DataFrame(WINE.data, columns=WINE.feature_names)


def numbers(table) -> np.ndarray:
    return matrix_of(table, table.names, "it")


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".json", ".npy"])
def test_a_file_holds_what_was_written(tmp_path, suffix):
    path = tmp_path / f"wine{suffix}"
    if suffix == ".npy":
        np.save(path, WINE.data)
    elif suffix == ".json":
        FRAME.to_json(path, orient="records", double_precision=15)
    elif suffix == ".parquet":
        FRAME.to_parquet(path)
    else:
        FRAME.to_csv(path, index=False, sep="," if suffix == ".csv" else "\t")
    table = read_file(path)
    assert np.allclose(numbers(table), WINE.data, rtol=1e-12)
    assert table.are_named == (suffix != ".npy")
    assert not table.are_named or list(table.names) == WINE.feature_names


@pytest.mark.parametrize(
    "text",
    ["x;y\n1,5;2\n3;4,25\n", "sep=;\nx;y\n1,5;2\n3;4,25\n", "x,y\n1.5,2.0\n3,4.25\n\n", "x,y,\n1.5,2,\n3,4.25,\n"],
    ids=["decimal commas", "for Excel", "an empty line", "a comma at each end"],
)
def test_csv_may_be_as_spreadsheets_write_it(tmp_path, text):
    (tmp_path / "a.csv").write_text(text)
    table = read_file(tmp_path / "a.csv")
    assert np.array_equal(matrix_of(table, ("x", "y"), "it"), [[1.5, 2], [3, 4.25]])


def test_a_table_without_names_has_numbers_for_names_and_goes_by_place(tmp_path):
    (tmp_path / "a.csv").write_text("1,2\n3,4\n")
    table = read_file(tmp_path / "a.csv")
    assert table.names == ("1", "2")
    assert np.array_equal(matrix_of(table, ("x", "y"), "it"), [[1, 2], [3, 4]])


@pytest.mark.parametrize("word", ["", "NA", "nan", "null", "?", "-"])
def test_words_for_nothing_are_nothing(tmp_path, word):
    (tmp_path / "a.csv").write_text(f"x,y\n1,{word}\n2,3\n")
    values = matrix_of(read_file(tmp_path / "a.csv"), ("y",), "it")
    assert np.isnan(values[0, 0])
    assert values[1, 0] == 3


@pytest.mark.parametrize("found", [[[1, 2], [3, 4]], [{"x": 1, "y": 2}, {"x": 3, "y": 4}], {"x": [1, 3], "y": [2, 4]}])
def test_json_may_be_of_rows_objects_or_columns(tmp_path, found):
    (tmp_path / "a.json").write_text(json.dumps(found))
    assert np.array_equal(numbers(read_file(tmp_path / "a.json")), [[1, 2], [3, 4]])


@pytest.mark.parametrize("source", [FRAME, FRAME.iloc[0], FRAME.to_dict("list")], ids=["frame", "series", "dict"])
def test_names_count_and_not_the_order(source):
    names = WINE.feature_names[::-1]
    values = matrix_of(table_of(source, one_row=True)[0], names, "it")
    assert np.array_equal(values[0], WINE.data[0, ::-1])


def test_a_changed_file_is_read_again(tmp_path):
    path = tmp_path / "a.csv"
    for value in (1, 22):
        path.write_text(f"x,y\n{value},2\n")
        assert numbers(read_file(path))[0, 0] == value


# Each with how it is written, and the sentence.
BAD_FILES = {
    "nothing there": ("a.csv", None, "is not there"),
    "empty": ("a.csv", b"", "is empty"),
    "a name of something else": ("a.mat", b"1", "is no file of numbers by its name, allowed: .csv"),
    "names alone": ("a.csv", b"x,y\n", "has no rows of numbers"),
    "a picture": ("a.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\xff\xfe", "is not a CSV file"),
    "ragged": ("a.csv", b"x,y\n1,2\n3\n", "row 2 has 1 cell, the first line has 2"),
    "text in a cell": ("a.csv", b"x,y\n1,2\n3,four\n", "row 2, column 'y' is 'four', allowed: a number"),
    "an infinity": ("a.csv", b"x,y\n1,inf\n", "row 1, column 'y' is inf, allowed: a number from"),
    "a number too large for any use": ("a.csv", b"x,y\n1,1e300\n", "column 'y' is 1e.300"),
    "one name twice": ("a.csv", b"x,x\n1,2\n", "two columns called 'x'"),
    "another column": ("a.csv", b"x,z\n1,2\n", "has no column y; it has x, z"),
    "json that is cut": ("a.json", b"[[1, 2], [3", "is not JSON"),
    "two lengths": ("a.json", b'{"x": [1, 2], "y": [1]}', "different lengths: x 2, y 1"),
    "ragged json": ("a.json", b"[[1, 2], [3]]", "row 2 has 1 number, the first one 2"),
    "json of words": ("a.json", b'{"x": {"y": 1}}', "allowed: numbers"),
    "a json number": ("a.json", b"7", "allowed: a list of numbers"),
    "npy that is cut": ("a.npy", b"\x93NUMPY\x01\0", "cannot be read|is not a .npy file"),
    "npy of objects": ("a.npy", np.array([{}], object), "is not a .npy file of numbers|cannot be read"),
    "npy of complex numbers": ("a.npy", np.array([1j, 2]), "holds complex128, allowed: whole or real"),
    "npy of three dimensions": ("a.npy", np.zeros((2, 2, 2)), "shape .2, 2, 2., allowed: numbers in one or two"),
    "parquet that is none": ("a.parquet", b"PAR1 and then nothing", "is not a Parquet file"),
}


@pytest.mark.parametrize(("name", "content", "sentence"), BAD_FILES.values(), ids=BAD_FILES)
def test_what_is_wrong_with_a_file_is_said_in_a_sentence(tmp_path, name, content, sentence):
    path = tmp_path / name
    if isinstance(content, np.ndarray):
        np.save(path, content, allow_pickle=True)
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=sentence) as caught:
        matrix_of(read_file(path), ("x", "y"), repr(str(path)))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300 + len(str(path))


def test_a_billion_rows_by_name_only_are_refused_by_their_header(tmp_path):
    header = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000, 3), }".ljust(117) + "\n"
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\x01\0" + len(header).to_bytes(2, "little") + header.encode())
    with pytest.raises(ValueError, match=r"is not a .npy file|at most"):
        read_file(tmp_path / "a.npy")


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npy"])
def test_more_numbers_than_a_machine_should_hold_are_refused(tmp_path, suffix, monkeypatch):
    monkeypatch.setattr(cells, "MOST_NUMBERS", 1000)
    path = tmp_path / f"wine{suffix}"
    {".csv": FRAME.to_csv, ".parquet": FRAME.to_parquet, ".npy": lambda path: np.save(path, WINE.data)}[suffix](path)
    with pytest.raises(ValueError, match="allowed: at most 1,000 numbers together"):
        read_file(path)


def test_a_file_of_too_many_bytes_is_not_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(cells, "MOST_BYTES", 10)
    (tmp_path / "a.csv").write_text("x,y\n" + "1,2\n" * 10)
    with pytest.raises(ValueError, match="has 44 bytes, allowed: at most 10"):
        read_file(tmp_path / "a.csv")


@pytest.mark.parametrize("source", [[[1, 2], [3]], np.array(["a"]), np.zeros((2, 2, 2)), np.zeros(0), {}, {"x": object()}])
def test_arrays_that_are_none_are_refused(source):
    with pytest.raises(ValueError, match=r"^the (array|mapping) "):
        table_of(source, one_row=True)


def npy(values: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.save(content, values)
    return content.getvalue()


ROW = WINE.data[3].tolist()
CONTENTS = {
    "csv": ",".join(map(repr, ROW)).encode(),
    "csv with names and semicolons": (";".join(WINE.feature_names) + "\n" + ";".join(map(repr, ROW))).encode(),
    "json": json.dumps(ROW).encode(),
    "json by name": json.dumps(dict(zip(WINE.feature_names, ROW, strict=True))).encode(),
    "npy": npy(WINE.data[3]),
}


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_bytes_are_what_stands_in_a_file(content):
    values = matrix_of(table_of(content, one_row=True)[0], WINE.feature_names, "it")
    assert values.tolist() == [ROW]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"), (b" \n", "is empty"), (b"\xff\xfe\x00", "is not of a kind that is known"),
        (b"[1,", "is not JSON"), (b"[]", "has no rows"), (b"[[]]", "has no rows"), (b"{}", "is empty"),
        (b"PAR1" + bytes(range(200, 256)), "is not of a kind"),
        (cells.NPY + b"\x01", "is not .npy"), (npy(np.array(["a"])), "holds <U1"), (b"a,b\n", "has no rows of numbers"),
        (b"[" * 100_000, "nested too deeply"), (b'{"a": [[1], [1, 2]]}', "holds"), (b"[[1], [1, 2]]", "row 2 has 2"),
        (npy(np.zeros(3)).replace(b"(3,)", b"(3, "), "is not .npy"),
        (npy(np.zeros(3)).replace(b"(3,), }" + 13 * b" ", b"(10000000000000,), }"), "is not .npy"),
        (npy(np.array([{}], object)), "is not .npy"), (b"1," * 3_000_000, "has 6,000,000 bytes, allowed: at most 5,000,000"),
    ],
)  # fmt: skip
def test_bytes_of_anything_else_are_refused_in_a_sentence(content, sentence):
    with pytest.raises(ValueError, match=f"^what was sent.*{sentence}"):
        table_of(content, one_row=True)


def test_columns_that_were_never_named_are_taken_by_place():
    table = Table(("y", "x"), (np.array([1.0]), np.array([2.0])))
    assert matrix_of(table, ("x", "y"), "it").tolist() == [[2, 1]]
    assert matrix_of(table, ("1", "2"), "it").tolist() == [[1, 2]]
    with pytest.raises(ValueError, match="it has 2 columns, allowed: 3, as in training"):
        matrix_of(table, ("1", "2", "3"), "it")
