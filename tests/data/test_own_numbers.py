"""What is taken for a table, for sequences, and for neither."""

import numpy as np
import pytest
from number_files import class_folders, list_table, wine_table
from PIL import Image

from siamese.data.own_numbers import NumberChoices, own_numbers

ANY = NumberChoices()


def test_a_table_is_of_rows_or_by_a_series_column_of_sequences(tmp_path):
    table = wine_table(tmp_path / "wine.csv")
    assert own_numbers(table, None, ANY).mode == "vectors"
    assert own_numbers(table, None, NumberChoices(series_column="id")).mode == "sequences"
    assert own_numbers(table, None, ANY).files() == [table]


def test_a_table_with_lists_in_its_rows_is_of_sequences(tmp_path):
    own = own_numbers(list_table(tmp_path / "lists.parquet", 20), None, ANY)
    assert (own.mode, own.is_table, own.is_long) == ("sequences", True, False)
    assert own.called == repr(str(own.place))
    assert not own.is_public


def test_a_folder_of_sequences_is_one_and_a_folder_with_an_image_is_none(tmp_path):
    class_folders(tmp_path, 12)
    own = own_numbers(tmp_path, None, ANY)
    assert own.mode == "sequences"
    assert len(own.files()) == 12
    Image.new("L", (9, 9)).save(tmp_path / "a.png")
    assert own_numbers(tmp_path, None, ANY) is None


@pytest.mark.parametrize("name", ["mnist", "none.csv", "user/name"])
def test_what_is_not_here_is_none(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    assert own_numbers(name, None, ANY) is None


def test_pairs_are_of_rows_of_files_or_of_images(tmp_path):
    table, pairs = wine_table(tmp_path / "wine.csv"), tmp_path / "pairs.csv"
    np.save(tmp_path / "a.npy", np.zeros((3, 2)))
    pairs.write_text("image_a,image_b,is_same\na.npy,a.npy,1\n")
    for place in ("mnist", pairs):
        own = own_numbers(place, pairs if place == "mnist" else None, ANY)
        assert own.are_pairs
        assert (own.mode, own.pairs) == ("sequences", pairs)
    assert own_numbers(table, pairs, ANY).is_table
    pairs.write_text("image_a,image_b,is_same\na.png,b.png,1\n")
    assert own_numbers("mnist", pairs, ANY) is None
