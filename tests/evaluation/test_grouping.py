"""Groups by a threshold: those of a literal average linkage, whatever the order, and parts that no pair connects apart."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from siamese.evaluation import grouping
from siamese.evaluation.grouping import METHODS, centre_and_width, groups


def literally(points: np.ndarray, threshold: float, method: str) -> set[frozenset[int]]:
    """Join the two nearest groups until none are within the threshold."""
    far = {"single": np.min, "complete": np.max, "average": np.mean}[method]
    found = [frozenset([number]) for number in range(len(points))]
    distances = cdist(points, points)
    while len(found) > 1:
        apart = {
            (a, b): far(distances[np.ix_(list(a), list(b))]) for place, a in enumerate(found) for b in found[place + 1 :]
        }
        nearest = min(apart, key=apart.get)
        if apart[nearest] > threshold:
            break
        found = [group for group in found if group not in nearest] + [nearest[0] | nearest[1]]
    return set(found)


def as_sets(numbers: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(numbers == number).tolist()) for number in range(numbers.max() + 1)}


@pytest.mark.parametrize("method", METHODS)
def test_groups_are_those_of_a_literal_linkage(method, bundled, digits, monkeypatch):
    monkeypatch.setattr(grouping, "ROWS", 7)
    points = bundled.embed(list(digits[0][:40]))
    for threshold in (0.05, 0.12, 0.3, bundled.config.calibration.threshold):
        assert as_sets(groups(points, threshold, method)) == literally(points.astype(float), threshold, method)


def test_real_digits_fall_into_their_classes_at_the_threshold_of_the_model(bundled, digits):
    found = groups(bundled.embed(list(digits[0][:200])), bundled.config.calibration.threshold)
    labels = digits[1][:200]
    right = sum(np.bincount(labels[found == number]).max() for number in range(found.max() + 1))
    assert right >= 196
    assert 10 <= found.max() + 1 <= 13


def test_the_largest_group_comes_first_and_then_the_one_that_begins_first():
    points = np.array([[0.0], [9.0], [5.0], [9.1], [5.1], [9.2]], np.float32)
    assert groups(points, 0.5).tolist() == [2, 0, 1, 0, 1, 0]
    assert groups(points[:1], 0.5).tolist() == [0]
    assert groups(points[:0], 0.5).tolist() == []


def test_what_is_too_much_for_the_memory_is_refused(monkeypatch):
    monkeypatch.setattr(grouping, "MOST_TOGETHER", 4)
    points = np.zeros((5, 2), np.float32)
    with pytest.raises(ValueError, match=r"5 images are connected .* allowed: at most 4; try a lower --threshold"):
        groups(points, 0.5)
    assert groups(np.float32([[0, 0], [9, 9], [0, 0], [9, 9], [0, 0], [9, 9]]), 0.5).tolist() == [0, 1, 0, 1, 0, 1]


def test_the_centre_is_nearest_to_the_others_and_the_width_is_between_the_farthest():
    assert centre_and_width(np.float32([[0], [4], [1], [10], [1.5]])) == (4, 10.0)
    assert centre_and_width(np.float32([[3]])) == (0, 0.0)
