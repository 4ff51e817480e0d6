"""Bootstrap intervals against loops over the pairs of the same draws."""

import itertools
import math

import numpy as np
import pytest
import torch
from pair_loops import looped_pairs, random_embeddings

from siamese.evaluation import bootstrap
from siamese.evaluation.bootstrap import bootstrap_intervals, bootstrap_intervals_over_classes
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


@pytest.mark.parametrize("rows_at_a_time", [5, 1000])
def test_interval_over_classes_is_that_of_a_looped_bootstrap_with_the_same_draws(rows_at_a_time, monkeypatch):
    monkeypatch.setattr(bootstrap, "ROWS", rows_at_a_time)
    embeddings, labels = random_embeddings(3, count=24, classes=5)
    labels = 2 * labels + 1  # what the classes are called does not matter
    classes = sorted(set(labels.tolist()))
    threshold, replicates, seed = 1.3, 40, 5
    accepted = {(i, j): math.dist(embeddings[i], embeddings[j]) <= threshold for i in range(24) for j in range(24)}
    members = [[i for i in range(24) if labels[i] == label] for label in classes]
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
