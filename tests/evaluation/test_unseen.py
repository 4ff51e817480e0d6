"""Distances of few classes, as those of other classes would be: against loops, and against classes that are drawn."""

import itertools
import math

import numpy as np
import pytest
import torch
from pair_loops import random_embeddings
from scipy.special import ndtri

from siamese.config import Calibration
from siamese.evaluation import unseen
from siamese.evaluation.metrics import pair_distances
from siamese.evaluation.unseen import (
    SLOPES_WEIGHT,
    THRESHOLD_WEIGHT,
    TRAINING_SHARE,
    USUAL_SLOPES,
    USUAL_SPREAD,
    USUAL_THRESHOLD,
    USUAL_WEIGHT,
    as_of_unseen_classes,
    towards_usual,
)  # fmt: skip


def looped_share(embeddings: torch.Tensor, labels: torch.Tensor, is_same: bool) -> float:
    """The deviation of the logarithms of the mean distances of classes, or of two classes each, with the usual one added."""
    by_unit = {}
    for i, j in itertools.combinations(range(len(labels)), 2):
        if bool(labels[i] == labels[j]) == is_same:
            unit = tuple(sorted((int(labels[i]), int(labels[j]))))
            by_unit.setdefault(unit, []).append(math.dist(embeddings[i].tolist(), embeddings[j].tolist()))
    logarithms = [math.log(np.mean(distances)) for distances in by_unit.values()]
    squares = sum((value - np.mean(logarithms)) ** 2 for value in logarithms)
    return math.sqrt((USUAL_WEIGHT * USUAL_SPREAD**2 + squares) / (USUAL_WEIGHT + len(logarithms) - 1))


@pytest.mark.parametrize("classes", [2, 3, 12])
@pytest.mark.parametrize("rows_at_a_time", [1000, 7])
def test_each_distance_is_spread_by_what_its_kind_lacks(classes, rows_at_a_time, monkeypatch):
    monkeypatch.setattr(unseen, "ROWS", rows_at_a_time)
    embeddings, labels = random_embeddings(4, count=60, classes=classes)
    pairs = pair_distances(embeddings, labels)
    found = as_of_unseen_classes(pairs, embeddings, 3 * labels + 1)  # what the classes are called does not matter
    for name, is_same, units in (("same", True, classes), ("different", False, classes / 2)):
        share = looped_share(embeddings, labels, is_same) / math.sqrt(units)
        nodes = [ndtri((number + 0.5) / 9) for number in range(9)]
        expected = sorted(distance * math.exp(share * node) for distance in getattr(pairs, name) for node in nodes)
        np.testing.assert_allclose(getattr(found, name), expected, rtol=1e-5)


def test_many_classes_are_hardly_changed():
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(300).repeat_interleave(4)
    embeddings = torch.randn(300, 16, generator=generator)[labels] + 0.5 * torch.randn(1200, 16, generator=generator)
    pairs = pair_distances(embeddings, labels)
    found = as_of_unseen_classes(pairs, embeddings, labels)
    for name in ("same", "different"):
        before, after = (np.quantile(getattr(each, name), [0.01, 0.25, 0.5, 0.75, 0.99]) for each in (pairs, found))
        np.testing.assert_allclose(after, before, rtol=0.02)
    assert found.steady_threshold() == pytest.approx(pairs.steady_threshold(), rel=0.02)


def test_classes_without_a_pair_and_copies_are_no_obstacle():
    embeddings, labels = torch.zeros(4, 3), torch.tensor([0, 0, 1, 2])
    found = as_of_unseen_classes(pair_distances(embeddings, labels), embeddings, labels)
    assert (found.same == 0).all()
    assert (found.different == 0).all()


# ---- What is usual ----


@pytest.mark.parametrize("classes", [2, 6, 50])
def test_few_classes_are_drawn_towards_what_is_usual(classes):
    """Geometric means, by hand; in units of the distances to and within the training."""
    embeddings, _ = random_embeddings(1, count=20, classes=classes)
    training, labels = random_embeddings(2, count=30, classes=5)
    found = towards_usual(Calibration(0.8, 9.0, 4.0, 0.01), embeddings, classes, training, labels)
    across = [math.dist(a, b) for a in embeddings.tolist() for b in training.tolist()]
    points = list(zip(training.tolist(), labels.tolist(), strict=True))
    within = [math.dist(a, b) for (a, i), (b, j) in itertools.combinations(points, 2) if i == j]
    usual = USUAL_THRESHOLD * np.median(across) ** (1 - TRAINING_SHARE) * np.median(within) ** TRAINING_SHARE
    own = classes / (classes + THRESHOLD_WEIGHT)
    assert found.threshold == pytest.approx(0.8**own * usual ** (1 - own), rel=1e-2)
    own = classes / (classes + SLOPES_WEIGHT)
    for name, slope, usual_slope in zip(("same_slope", "different_slope"), (9.0, 4.0), USUAL_SLOPES, strict=True):
        slope *= 0.8 / found.threshold  # as steep in units of the threshold
        usual = usual_slope / np.std(across)
        assert getattr(found, name) == pytest.approx(slope**own * usual ** (1 - own), rel=1e-2)
    assert found.doubt == 0.01


def test_the_scale_of_distances_does_not_matter():
    embeddings, _ = random_embeddings(1, count=20, classes=2)
    training, labels = random_embeddings(2, count=30, classes=5)
    once = towards_usual(Calibration(0.8, 9.0, 4.0), embeddings, 2, training, labels)
    again = towards_usual(Calibration(8.0, 0.9, 0.4), 10 * embeddings, 2, 10 * training, labels)
    assert (again.threshold, again.same_slope) == pytest.approx((10 * once.threshold, once.same_slope / 10), rel=1e-3)


def test_many_classes_say_it_themselves():
    embeddings, _ = random_embeddings(1, count=20, classes=2)
    training, labels = random_embeddings(2, count=30, classes=5)
    found = towards_usual(Calibration(0.8, 9.0, 4.0), embeddings, 10_000, training, labels)
    assert (found.threshold, found.same_slope, found.different_slope) == pytest.approx((0.8, 9.0, 4.0), rel=0.01)


@pytest.mark.parametrize("labels", [[0, 0, 0, 0], [0, 1, 2, 3], [0, 0, 1, 1]], ids=["one class", "single", "copies"])
def test_where_the_training_says_nothing_the_calibration_stays(labels):
    calibration = Calibration(0.8, 9.0, 4.0)
    assert towards_usual(calibration, torch.zeros(3, 2), 2, torch.zeros(4, 2), torch.tensor(labels)) == calibration
