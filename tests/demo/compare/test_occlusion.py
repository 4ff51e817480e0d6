"""What drives a distance: against a loop that hides one place after another, and what hiding must do to plain pictures."""

import numpy as np
import pytest

from siamese.demo.compare.comparison import compare
from siamese.demo.compare.occlusion import GRID, distance_drivers


def test_each_place_is_hidden_in_turn_by_what_is_at_the_rim(verifier, digits):
    first, second = digits[0][:2]
    effects = distance_drivers(verifier, first, second)
    assert [effect.shape for effect in effects] == [(GRID, GRID)] * 2
    distance = verifier.verify_embeddings(*verifier.embed_canonical(np.stack([first, second]))).distance
    cell = 28 // GRID
    for row, column in ((0, 0), (3, 2), (6, 6), (2, 5)):
        hidden = first.copy()
        top, left = row * cell + cell // 2 - cell, column * cell + cell // 2 - cell
        hidden[max(top, 0) : top + 2 * cell, max(left, 0) : left + 2 * cell] = 0
        a, b = verifier.embed_canonical(np.stack([hidden, second]))
        assert effects[0][row, column] == pytest.approx(distance - np.linalg.norm(a - b), abs=1e-4)


def test_hiding_nothing_changes_nothing_and_the_two_images_may_change_places(verifier, digits):
    bar = np.zeros((28, 28), np.uint8)
    bar[4:24, 12:16] = 255
    on_bar, on_digit = distance_drivers(verifier, bar, digits[0][0])
    assert np.abs(on_bar[:, 0]).max() < 1e-5  # the bar is far from there
    assert np.abs(on_bar[:, 3]).max() > 1e-3
    swapped = distance_drivers(verifier, digits[0][0], bar)
    assert swapped[1] == pytest.approx(on_bar, abs=1e-5)
    assert swapped[0] == pytest.approx(on_digit, abs=1e-5)


def test_a_pair_says_what_is_missing_or_wrong_and_else_what_verify_says(verifier, digits, tmp_path):
    first, second = digits[0][:2]
    blank = np.zeros((28, 28), np.uint8)
    cases = {
        "Draw or upload two images.": [None, None],
        "Draw or upload a second image.": [first, None],
        "Draw or upload a first image.": [None, second],
    }
    for message, images in cases.items():
        pair = compare(verifier, images)
        assert (pair.message, pair.is_problem, pair.verdict(0.5), pair.drivers()) == (message, False, None, None)
    pair = compare(verifier, [first, blank])
    assert pair.message.startswith("Second image: the image is blank")
    assert pair.is_problem
    assert pair.seen[1] is None
    pair = compare(verifier, [first, second])
    assert not pair.message
    assert pair.verdict(0.7) == verifier.verify(first, second, 0.7)
