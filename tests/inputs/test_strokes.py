"""What a pen draws becomes the columns of a model, or a sentence."""

import json

import numpy as np
import pytest

from siamese.config import EncoderConfig, NumbersConfig, PreprocessConfig
from siamese.inputs import INPUTS
from siamese.inputs.strokes import MOST_POINTS, as_sequence, columns_of_pen, read_strokes

ONE, TWO = [[10, 10, 0], [20, 15, 8], [30, 40, 16]], [[50, 50, 100], [60, 50, 120]]
STROKES = [np.array(ONE, float), np.array(TWO, float)]


def numbers(*names: str, **changes) -> NumbersConfig:
    zeros, ones = (0.0,) * len(names), (1.0,) * len(names)
    return NumbersConfig(names, zeros, ones, **({"length": 16, "normalise": "shape"} | changes))


@pytest.mark.parametrize(
    ("names", "changes", "found"),
    [
        (("x", "y"), {}, {"x": "x", "y": "y"}),
        (("Y", "X", "Pen_Down"), {"normalise": "each"}, {"x": "X", "y": "Y", "pen": "Pen_Down"}),
        (("x", "y", "pressure"), {}, None),
        (("x", "pen"), {}, None),
        (("x", "y", "X"), {}, None),
        (("x", "y"), {"normalise": "columns"}, None),
    ],
)
def test_x_and_y_and_the_pen_can_be_drawn_where_a_drawing_is_normalised_by_itself(names, changes, found):
    assert columns_of_pen(numbers(*names, **changes)) == found


def test_strokes_become_the_columns_that_a_model_has():
    values = as_sequence(STROKES, numbers("Y", "X", "down", time_column="t"))
    assert values["X"].tolist() == [10, 20, 30, 50, 60]
    assert values["Y"].tolist() == [10, 15, 40, 50, 50]
    assert values["down"].tolist() == [1, 1, 0, 1, 0]
    assert values["t"].tolist() == [0, 8, 16, 100, 120]
    assert set(as_sequence(STROKES, numbers("x", "y"))) == {"x", "y"}


def test_the_network_sees_a_drawing_as_the_file_of_the_same_points(tmp_path):
    own = numbers("x", "y", "pen", flags=("pen",), time_column="t")
    preprocess, encoder = PreprocessConfig("sequences", numbers=own), EncoderConfig("gru", shape=(16, 4))
    rows = [(*point, int(place < len(stroke) - 1)) for stroke in (ONE, TWO) for place, point in enumerate(stroke)]
    text = "x,y,t,pen\n" + "\n".join(",".join(map(str, row)) for row in rows)
    (tmp_path / "a.csv").write_text(text)
    seen = [
        INPUTS["sequences"].read(source, preprocess, encoder)[0]
        for source in (as_sequence(STROKES, own), tmp_path / "a.csv", text.encode())
    ]
    assert np.array_equal(seen[0], seen[1])
    assert np.array_equal(seen[0], seen[2])
    moved = [stroke * [3, 3, 1] + [40, -7, 0] for stroke in STROKES]  # elsewhere, and larger
    again = INPUTS["sequences"].read(as_sequence(moved, own), preprocess, encoder)[0]
    assert np.allclose(again, seen[0], atol=1e-5)


def test_what_a_page_sends_is_read_and_all_else_is_refused():
    assert [each.tolist() for each in read_strokes(json.dumps([ONE, TWO]))] == [ONE, TWO]
    assert read_strokes("[]") == []
    wrong = ["", "{", "7", "null", "[7]", "[[]]", "[[[1, 2]]]", '[[["a", 1, 2]]]', "[[[1, 2, 1e999]]]", "[[[1,2,3],[1]]]"]
    for text in [*wrong, json.dumps([[[1, 2, 3]] * (MOST_POINTS + 1)]), "[" * 100_000]:
        with pytest.raises(ValueError, match="these are no strokes, allowed: a list for each stroke"):
            read_strokes(text)
    with pytest.raises(ValueError, match="the strokes have 400,001 characters, allowed: 400,000"):
        read_strokes(" " * 400_001)


def test_a_dot_is_no_line():
    with pytest.raises(ValueError, match="the drawing is a dot, allowed: at least one line"):
        as_sequence([np.array([[5, 5, 0.0]]), np.array([[5, 5, 9.0]])], numbers("x", "y"))


def test_the_pad_is_offered_by_the_columns_alone():
    for own, ways in ((numbers("x", "y"), ("draw", "upload", "paste")), (numbers("a", "b"), ("upload", "paste"))):
        assert INPUTS["sequences"].ways(PreprocessConfig("sequences", numbers=own)) == ways
