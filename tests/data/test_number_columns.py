"""Which columns of real tables mean what."""

import numpy as np
import pytest
from number_files import WINE, wine_table

from siamese.data.number_columns import column_of, label_column, labels_of, numbers_of, others_beside, parts_of
from siamese.data.own_numbers import NumberChoices
from siamese.inputs.cells import Table, read_file

ANY = NumberChoices()


def test_classes_numbers_and_parts_are_found(tmp_path):
    table = read_file(wine_table(tmp_path / "wine.csv", split=["train"] * 100 + ["test"] * 78))
    assert label_column(table, ANY, "it") == "class"
    assert labels_of(table, ANY, "it", least=2) == WINE.target_names[WINE.target].tolist()
    assert parts_of(table, ANY).count("test") == 78
    values, wrong, names, remarks = numbers_of(table, None, ANY, "it")
    assert names == tuple(WINE.feature_names)
    assert np.allclose(values, WINE.data)
    assert not wrong
    assert not remarks


def test_a_column_is_found_whatever_its_case_and_else_asked_for(tmp_path):
    table = read_file(wine_table(tmp_path / "wine.csv"))
    assert column_of(table, "ALCOHOL", "--time-column", "it") == "alcohol"
    with pytest.raises(ValueError, match=r"it has no column 'time' \(--time-column\), allowed: alcohol"):
        column_of(table, "time", "--time-column", "it")
    with pytest.raises(ValueError, match=r"it has no column 'nothing' \(--label-column\), allowed: alcohol"):
        labels_of(table, NumberChoices(label_column="nothing"), "it", least=2)


def test_what_lies_beside_lists_is_named():
    table = Table(("x", "label", "age"), ((np.zeros(3),) * 2, ["a", "b"], np.ones(2)))
    assert others_beside(table, ANY) == ["1 column beside lists of numbers, not used: age"]
    assert others_beside(table, NumberChoices(label_column="age")) == ["1 column beside lists of numbers, not used: label"]
