"""The table of what the network sees: every number of both, and names are text."""

import dataclasses

import numpy as np
from number_files import WINE
from number_models import model_of_rows, model_of_strokes
from page_elements import HOSTILE, Elements

from siamese.demo.numbers import view
from siamese.demo.numbers.view import seen_in_numbers

ROWS, STROKES = model_of_rows(), model_of_strokes()


def test_the_table_holds_the_numbers_of_both():
    shown = seen_in_numbers(ROWS.config, [ROWS.canonical(WINE.data[0]), ROWS.canonical(WINE.data[99])])
    text = Elements(shown).text
    assert "It takes rows of 13 numbers." in text
    for name, first, second in zip(WINE.feature_names, WINE.data[0], WINE.data[99], strict=True):
        assert f"{name}{first:.5g}{second:.5g}" in text


def test_one_that_is_missing_leaves_its_column_empty():
    seen = STROKES.canonical({"x": [1, 2], "y": [3, 5], "pen": [1, 0], "time": [0, 1]})
    for pair, empty in (([seen, None], 2), ([None, seen], 1)):
        found = seen_in_numbers(STROKES.config, pair)
        rows = [row.split("<td>")[1:] for row in found.split("<tr>")[2:]]
        assert len(rows) == 4
        assert all(row[empty - 1].startswith("</td>") for row in rows)
    assert "<table>" not in seen_in_numbers(STROKES.config, [None, None])


def test_names_are_text_and_lines_have_keys_and_there_are_not_too_many(monkeypatch):
    numbers = dataclasses.replace(STROKES.config.preprocess.numbers, columns=(HOSTILE, "b", "pen"))
    config = dataclasses.replace(STROKES.config, preprocess=dataclasses.replace(STROKES.config.preprocess, numbers=numbers))
    seen = np.ones((32, 4), np.float32)
    shown = seen_in_numbers(config, [seen, seen])
    assert HOSTILE in Elements(shown).text
    assert shown.count("background: rgb(") == 3
    monkeypatch.setattr(view, "MOST_SHOWN", 2)
    assert "and 2 more columns" in seen_in_numbers(config, [seen, seen])
