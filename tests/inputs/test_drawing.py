"""Numbers as pictures: where there is ink, and of which colour."""

import numpy as np

from siamese.config import NumbersConfig
from siamese.inputs.drawing import COLOURS, SIDE, draw_bars, draw_lines, line_colours


def is_of(picture: np.ndarray, colour: int) -> np.ndarray:
    return (picture == COLOURS[colour]).all(axis=2)


def sequence(*columns) -> np.ndarray:
    return np.stack([*columns, np.ones(len(columns[0]))], axis=1).astype(np.float32)


def numbers(*names: str) -> NumbersConfig:
    return NumbersConfig(names, (0.0,) * len(names), (1.0,) * len(names), length=50)


def test_bars_stand_above_the_middle_for_more_than_the_mean_and_hang_below_it_for_less():
    picture = draw_bars(np.array([2, -2], np.float32))
    assert picture.shape == (SIDE, SIDE, 3)
    above, below = (np.argwhere(is_of(picture, colour)) for colour in (0, 1))
    assert above[:, 0].max() < SIDE / 2 + 1
    assert above[:, 1].max() < SIDE / 2
    assert below[:, 0].min() > SIDE / 2 - 1
    assert below[:, 1].min() > SIDE / 2


def test_each_column_is_a_line_that_rises_with_its_values():
    up = np.linspace(-1, 1, 50)
    picture = draw_lines(sequence(up, -up), numbers("a", "b"))
    rows, columns = np.nonzero(is_of(picture, 0))
    assert np.corrcoef(rows, columns)[0, 1] < -0.99  # row 0 is at the top
    rows, columns = np.nonzero(is_of(picture, 1))
    assert np.corrcoef(rows, columns)[0, 1] > 0.99


def test_x_and_y_are_the_way_of_a_pen_which_leaves_no_line_where_it_is_lifted():
    x, y = np.array([0, 1, 1, 0.0]), np.array([0, 0, 1, 1.0])  # three sides of a square, y downwards
    whole = draw_lines(sequence(x, y), numbers("x", "y"))
    lifted = draw_lines(sequence(x, y, np.array([1, 0, 1, 1.0])), numbers("X", "Y", "pen"))
    right = np.s_[SIDE // 3 : 2 * SIDE // 3, SIDE // 2 :]
    assert is_of(whole, 0)[right].any()
    assert not is_of(lifted, 0)[right].any()
    assert is_of(lifted, 0)[: SIDE // 4].any()


def test_what_is_padded_is_not_drawn():
    values = sequence(np.linspace(-1, 1, 50))
    padded = np.concatenate([values, np.zeros((50, 2), np.float32)])
    assert np.array_equal(draw_lines(values, numbers("a")), draw_lines(padded, numbers("a")))


def test_a_larger_picture_shows_the_same():
    row, way = np.array([2, -2, 0.5], np.float32), sequence(np.linspace(-1, 1, 50), np.linspace(1, -1, 50) ** 2)
    for names, draw in ((("a", "b"), draw_lines), (("x", "y"), draw_lines), ((), lambda _, __, side: draw_bars(row, side))):
        small, large = (draw(way, numbers(*names), side) if names else draw(row, None, side) for side in (SIDE, 3 * SIDE))
        assert large.shape == (3 * SIDE, 3 * SIDE, 3)
        again = large.reshape(SIDE, 3, SIDE, 3, 3).mean(axis=(1, 3))
        assert np.abs(again - small).mean() < 8  # of 255: lines have the same share of the side


def test_lines_have_colours_by_their_columns_and_the_way_of_a_pen_has_none():
    assert line_colours(numbers("a", "b")) == {"a": COLOURS[0], "b": COLOURS[1]}
    assert line_colours(numbers("x", "y", "a")) == {}
