"""What the tab for numbers says of two sides, as `verify` does."""

import pytest
from number_files import WINE, wine_table
from number_models import model_of_rows, model_of_strokes
from page_elements import Elements

from siamese.demo.numbers.tab import looked_at, told

ROWS, STROKES = model_of_rows(), model_of_strokes()
EMPTY = ("upload", "", None, 1, "")


def test_the_verdict_is_that_of_verify(tmp_path):
    table = str(wine_table(tmp_path / "wine.csv"))
    found = looked_at(ROWS, ("upload", "", table, 1, ""), ("upload", "", table, 100, ""))
    verdict = ROWS.verify(WINE.data[0], WINE.data[99])
    panel, numbers, standing = told(ROWS, found, 7)
    elements = Elements(panel)
    assert f"{verdict.distance:.3f}" in elements.text
    assert ("Same" if verdict.is_same else "Different") in elements.text
    assert 'data-turn="7"' in panel
    pictures = [attributes["alt"] for tag, attributes in elements.elements if tag == "img"]
    assert pictures == ["What the network sees of the first row", "What the network sees of the second row"]
    assert "alcohol" in numbers
    assert "does not say how its test pairs were spread" in standing


@pytest.mark.parametrize(
    ("model", "second", "sentence"),
    [
        (ROWS, EMPTY, "Upload or paste two rows."),
        (STROKES, EMPTY, "Draw, upload or paste two sequences."),
        (STROKES, ("draw", "[[[1, 1, 0]]]", None, 1, ""), "Second sequence: the drawing is a dot"),
        (STROKES, ("draw", "what", None, 1, ""), "Second sequence: these are no strokes"),
        (ROWS, ("paste", "", None, 1, "1,2"), "Second row: what was sent has 2 columns, allowed: 13"),
    ],
)
def test_what_is_missing_or_wrong_is_a_sentence(model, second, sentence):
    panel, _, _ = told(model, looked_at(model, EMPTY, second), 0)
    assert sentence in Elements(panel).text


def test_a_file_is_called_as_its_visitor_calls_it(tmp_path):
    (tmp_path / "mine.csv").write_text("alcohol\n1\n")
    found = looked_at(ROWS, ("upload", "", str(tmp_path / "mine.csv"), 1, ""), EMPTY)
    assert found.message.startswith("First row: 'mine.csv' has no columns malic_acid")
    assert str(tmp_path) not in found.message
