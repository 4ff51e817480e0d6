"""Tables of text, against Python's own reader of CSV, in what spreadsheets write."""

import csv

import pytest

from siamese.spreadsheets import place_of, read_table

ROWS = [["file", "label"], ["a.png", "Birch, silver"], ["b.png", 'an "oak"'], ["c.png", "über\nzwei Zeilen"]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_rows_are_those_of_pythons_reader(tmp_path, encoding, delimiter):
    with (tmp_path / "table.csv").open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows([*ROWS, ["", ""]])
    for known in ((), ("label",)):
        header, rows = read_table(tmp_path / "table.csv", known)
        assert header == ROWS[0]
        assert [list(row.values()) for _, row in rows] == ROWS[1:]


def test_lines_are_those_of_an_editor(tmp_path):
    (tmp_path / "table.csv").write_text("sep=;\nFile; Label\na;1\n\nb;2\n")
    header, rows = read_table(tmp_path / "table.csv")
    assert header == ["file", "label"]
    assert list(rows) == [(3, {"file": "a", "label": "1"}), (5, {"file": "b", "label": "2"})]


def test_what_is_no_table_is_refused(tmp_path):
    with pytest.raises(ValueError, match="cannot be read"):
        read_table(tmp_path / "none.csv")
    (tmp_path / "binary.csv").write_bytes(b"\x89PNG\0\0\xff\xfe")
    with pytest.raises(ValueError, match="is not a CSV file"):
        read_table(tmp_path / "binary.csv")


def test_names_with_slashes_of_another_system_are_found(tmp_path):
    (tmp_path / "cats").mkdir()
    (tmp_path / "cats" / "1.png").touch()
    assert place_of(tmp_path, r"cats\1.png") == tmp_path / "cats" / "1.png" == place_of(tmp_path, "./cats/1.png")
