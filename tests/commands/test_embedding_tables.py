"""Tables of embeddings: what other libraries read of them has the same bits, and a failure leaves the earlier file."""

import csv
import sys

import numpy as np
import pytest

from siamese.commands.embedding_tables import check_kind, write_table
from siamese.model_folder.files import WriteError

FILES = ["a, b.png", 'quote".png', "line\nbreak.png", "bytes \udcff.png"]
READABLE = [*FILES[:3], "bytes \\xff.png"]


@pytest.fixture
def embeddings() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((4, 7)).astype(np.float32)


def read_csv(text: str) -> tuple[list[str], np.ndarray]:
    header, *rows = csv.reader(text.splitlines(keepends=True))
    assert header == ["file", *(f"e{number}" for number in range(7))]
    return [row[0] for row in rows], np.array([row[1:] for row in rows], dtype=np.float32)


def test_csv_has_the_same_bits(embeddings, tmp_path, capsys):
    write_table(str(tmp_path / "new" / "a.csv"), FILES, embeddings)
    files, read = read_csv((tmp_path / "new" / "a.csv").read_text(encoding="utf-8"))
    assert files == READABLE
    np.testing.assert_array_equal(read, embeddings)
    write_table("-", FILES, embeddings)
    files, read = read_csv(capsys.readouterr().out)
    np.testing.assert_array_equal(read, embeddings)


def test_npz_has_the_same_bits_and_needs_no_pickle(embeddings, tmp_path):
    write_table(str(tmp_path / "a.npz"), FILES, embeddings)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as stored:
        assert stored["files"].tolist() == READABLE
        np.testing.assert_array_equal(stored["embeddings"], embeddings)


def test_parquet_has_the_same_bits(embeddings, tmp_path, monkeypatch):
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr("siamese.commands.embedding_tables.ROWS_AT_ONCE", 3)
    write_table(str(tmp_path / "a.parquet"), FILES, embeddings)
    table = parquet.read_table(tmp_path / "a.parquet")
    assert table.column("file").to_pylist() == READABLE
    np.testing.assert_array_equal(np.array(table.column("embedding").to_pylist(), np.float32), embeddings)
    assert table.schema.field("embedding").type.list_size == 7


def test_another_kind_or_a_missing_library_is_refused_in_one_sentence(monkeypatch):
    with pytest.raises(ValueError, match=r"--output is 'a.txt', allowed: a file that ends with .npz, .csv, .parquet"):
        check_kind("a.txt")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ValueError, match=r"needs the library pyarrow: pip install pyarrow"):
        check_kind("a.parquet")
    for name in ("a.npz", "a.csv", "-"):
        check_kind(name)


def test_a_place_that_cannot_be_written_leaves_what_was_there(embeddings, tmp_path):
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(WriteError):
        write_table(str(tmp_path / "a.csv"), FILES, embeddings)
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]
