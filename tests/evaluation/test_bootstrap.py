"""Bootstrap intervals against loops over the pairs of the same draws."""

import itertools
import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from pair_loops import looped_pairs, random_embeddings

from siamese.config import SPLITS, Metrics
from siamese.evaluation import bootstrap
from siamese.evaluation.bootstrap import (
    Intervals,
    bootstrap_intervals,
    bootstrap_intervals_over_classes,
    bootstrap_intervals_over_pairs,
    interval_in_words,
)
from siamese.evaluation.metrics import pair_distances


@pytest.mark.parametrize("rows_at_a_time", [1000, 7])
def test_interval_is_that_of_a_looped_bootstrap_with_the_same_draws(rows_at_a_time, monkeypatch):
    monkeypatch.setattr(bootstrap, "ROWS", rows_at_a_time)
    embeddings, labels = random_embeddings(1, count=18, classes=3)
    threshold, replicates, seed = 1.3, 20, 5
    distance = {(i, j): d for kind in looped_pairs(embeddings, labels).values() for d, i, j in kind}
    rates = []
    for drawn in np.random.default_rng(seed).multinomial(18, np.full(18, 1 / 18), size=replicates):
        # multinomial counts how often each image was drawn; it counts them in the order of the classes.
        by_class = torch.from_numpy(drawn)
        times = torch.empty_like(by_class)
        times[labels.argsort()] = by_class
        drawn_images = [image for image in range(18) for _ in range(int(times[image]))]
        right = {True: [], False: []}
        for i, j in itertools.combinations(drawn_images, 2):
            if i != j:  # an image drawn twice is not a pair with itself
                is_same = bool(labels[i] == labels[j])
                right[is_same].append((distance[min(i, j), max(i, j)] <= threshold) == is_same)
        wrongly_rejected, wrongly_accepted = 1 - np.mean(right[True]), 1 - np.mean(right[False])
        rates.append([1 - (wrongly_rejected + wrongly_accepted) / 2, wrongly_accepted, wrongly_rejected])
    expected = np.quantile(rates, [0.025, 0.975], axis=0).T
    measured = bootstrap_intervals(embeddings, labels, threshold, replicates, seed)
    np.testing.assert_allclose(measured, expected, rtol=1e-6)


def test_interval_holds_the_accuracy_and_does_not_change_from_run_to_run():
    embeddings, labels = random_embeddings(2, count=200)
    pairs = pair_distances(embeddings, labels)
    intervals = bootstrap_intervals(embeddings, labels, 1.3)
    for name in ("balanced_accuracy", "false_accept_rate"):
        low, high = getattr(intervals, name)
        assert low < getattr(pairs, name)(1.3) < high
    assert intervals.false_reject_rate[0] < 1 - pairs.true_accept_rate(1.3) < intervals.false_reject_rate[1]
    assert intervals == bootstrap_intervals(embeddings, labels, 1.3)


@pytest.mark.parametrize(("rows_at_a_time", "count", "classes"), [(5, 24, 5), (1000, 24, 5), (50, 120, 60)])
def test_interval_over_classes_is_that_of_a_looped_bootstrap_with_the_same_draws(
    rows_at_a_time, count, classes, monkeypatch
):
    monkeypatch.setattr(bootstrap, "ROWS", rows_at_a_time)
    embeddings, labels = random_embeddings(3, count=count, classes=classes)
    labels = 2 * labels + 1  # what the classes are called does not matter
    classes = sorted(set(labels.tolist()))
    threshold, replicates, seed = 1.3, 40, 5
    accepted = {(i, j): math.dist(embeddings[i], embeddings[j]) <= threshold for i in range(count) for j in range(count)}
    members = [[i for i in range(count) if labels[i] == label] for label in classes]
    rates = []
    for drawn in np.random.default_rng(seed).multinomial(len(classes), np.full(len(classes), 1 / len(classes)), replicates):
        copies = [number for number, times in enumerate(drawn) for _ in range(times)]
        same = [accepted[i, j] for number in copies for i, j in itertools.combinations(members[number], 2)]
        different = [
            accepted[i, j]
            for first, second in itertools.combinations(copies, 2)
            if first != second
            for i in members[first]
            for j in members[second]
        ]
        if same and different:
            rejected, wrongly = 1 - np.mean(same), np.mean(different)
            rates.append([1 - (rejected + wrongly) / 2, wrongly, rejected])
    expected = np.quantile(rates, [0.025, 0.975], axis=0).T
    measured = bootstrap_intervals_over_classes(embeddings, labels, threshold, replicates, seed)
    np.testing.assert_allclose(measured, expected, rtol=1e-6)


MANY_CLASSES = """
import resource
import numpy as np, torch
from siamese.evaluation.bootstrap import bootstrap_intervals_over_classes, bootstrap_intervals
generator = torch.Generator().manual_seed(0)
labels = torch.arange(10_000).repeat_interleave(2)
centres = torch.randn(10_000, 4, generator=generator)
embeddings = centres[labels] + 0.1 * torch.randn(20_000, 4, generator=generator)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
both = bootstrap_intervals_over_classes, bootstrap_intervals
intervals = [over(embeddings, labels, 0.3, replicates=20) for over in both]
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
assert all(low < high for kind in intervals for low, high in kind), intervals
"""


@pytest.mark.slow
@pytest.mark.exhaustive
def test_ten_thousand_classes_take_no_matrix_of_all_classes(root):
    """One of them would be 800 MB, and a column for each class of 20,000 images 1,600 MB."""
    command = [sys.executable, "-c", MANY_CLASSES]
    finished = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300)
    assert finished.returncode == 0, finished.stderr
    assert float(finished.stdout) < 600


# ---- Too little behind an interval ----


@pytest.mark.parametrize("classes", [2, 3, 4])
def test_few_classes_give_no_interval(classes):
    """Two of them would give the rate itself, twice: every draw that has both is the same."""
    embeddings, labels = random_embeddings(3, count=40, classes=classes)
    assert bootstrap_intervals_over_classes(embeddings, labels, 1.3) == Intervals(None, None, None)
    assert None not in bootstrap_intervals(embeddings, labels, 1.3)


def test_few_images_and_few_groups_of_pairs_give_no_interval():
    embeddings, labels = random_embeddings(3, count=4, classes=2)
    assert bootstrap_intervals(embeddings, labels, 1.3) == Intervals()
    distances, is_same = np.float32([0.1, 2, 1, 0.5]), np.array([True, True, False, False])
    few, enough = np.array([[0, 0], [1, 1], [2, 2], [3, 3]]), np.array([[0, 1], [2, 3], [4, 5], [6, 7]])
    assert bootstrap_intervals_over_pairs(distances, is_same, few, 0.7) == Intervals()
    assert bootstrap_intervals_over_pairs(distances, is_same, enough, 0.7) == Intervals()  # a draw in two lacks a kind
    many = np.repeat(np.arange(40), 2).reshape(-1, 2)
    low, high = bootstrap_intervals_over_pairs(np.tile(distances, 10), np.tile(is_same, 10), many, 0.7).balanced_accuracy
    assert low < 0.5 < high


def test_same_pairs_of_one_class_give_no_interval():
    """A third of all draws of five classes lack it, and the rest would all have the same share of its pairs accepted."""
    embeddings, _ = random_embeddings(3, count=10)
    labels = torch.tensor([0] * 6 + [1, 2, 3, 4])
    assert bootstrap_intervals_over_classes(embeddings, labels, 1.3) == Intervals()


def test_a_rate_without_an_error_has_no_interval():
    """Draws from pairs that are all judged rightly never show how often pairs are not."""
    embeddings, labels = random_embeddings(2, count=60, classes=10)
    for over in (bootstrap_intervals, bootstrap_intervals_over_classes):
        intervals = over(embeddings, labels, 1e-6)  # nothing is called the same
        assert intervals == Intervals(None, None, None)
        just_below = float(np.nextafter(pair_distances(embeddings, labels).different[0], np.float32(0)))
        some_rejected = over(embeddings, labels, just_below)
        assert some_rejected.false_accept_rate is None
        assert some_rejected.false_reject_rate is not None


@pytest.mark.parametrize("split", SPLITS)
def test_an_interval_is_put_in_words_and_so_is_what_is_missing(split):
    metrics = Metrics(balanced_accuracy=81.11, balanced_accuracy_low=70.126, balanced_accuracy_high=92)
    assert interval_in_words(metrics, "balanced_accuracy", 2, split, "%") == "70.13 to 92.00%"
    few = Metrics(balanced_accuracy=81.11, balanced_accuracy_low=None, balanced_accuracy_high=None)
    words = interval_in_words(few, "balanced_accuracy", 2, split)
    assert words.startswith("no interval: too few ")
    assert ("class" in words) == (split in ("classes", "groups"))
    flawless = Metrics(balanced_accuracy=100, balanced_accuracy_low=None, balanced_accuracy_high=None)
    assert interval_in_words(flawless, "balanced_accuracy", 2, split) == "no interval: all pairs are judged rightly"
