"""Intervals of the reliability diagram, against a bootstrap that draws images one by one."""

import itertools

import numpy as np
import pytest
import torch

from siamese.config import Calibration
from siamese.data.labelled_images import LabelledImages
from siamese.data.measured import reliability_intervals
from siamese.data.pairs import LabelledPairs
from siamese.evaluation import reliability
from siamese.evaluation.calibration import probability_same

CALIBRATION = Calibration(1.0, 3.0, 3.0, 0.001)


@pytest.fixture
def drawn() -> tuple[torch.Tensor, np.ndarray]:
    """Embeddings of 8 classes of 10 images each that lie partly in each other."""
    generator = np.random.default_rng(0)
    labels = np.repeat(np.arange(8), 10)
    centres = generator.normal(0, 0.6, (8, 3))
    return torch.from_numpy(centres[labels] + generator.normal(0, 0.4, (80, 3))).float(), labels


def one_by_one(embeddings, labels, units, replicates: int) -> np.ndarray:
    """The same, with copies of what is drawn: slow and plain."""
    generator, shares = np.random.default_rng(1), []
    points, count = embeddings.double().numpy(), int(units.max()) + 1
    pairs = [(a, b) for a, b in itertools.combinations(range(len(labels)), 2)]
    distances = np.array([np.linalg.norm(points[a] - points[b]) for a, b in pairs])
    first, second = np.array(pairs).T
    is_same = labels[first] == labels[second]
    bins = np.minimum((probability_same(distances, CALIBRATION) * reliability.BINS).astype(int), reliability.BINS - 1)
    for _ in range(replicates):
        copies = np.bincount(generator.choice(count, count), minlength=count)
        weight = np.array(
            [copies[units[a]] if units[a] == units[b] else copies[units[a]] * copies[units[b]] for a, b in pairs]
        )
        of_kind = [
            np.array([weight[(bins == number) & (is_same == kind)].sum() for number in range(reliability.BINS)])
            / (is_same == kind).sum()
            for kind in (True, False)
        ]
        with np.errstate(invalid="ignore"):
            shares.append(of_kind[0] / (of_kind[0] + of_kind[1]))
    return np.nanquantile(np.array(shares), [0.025, 0.975], axis=0).T


def images(labels: np.ndarray) -> LabelledImages:
    return LabelledImages(np.zeros((len(labels), 2, 2), np.uint8), labels)


@pytest.mark.parametrize(("split", "rows"), [("within", 1000), ("within", 7), ("classes", 1000)])
def test_intervals_are_those_of_drawing_one_by_one(drawn, monkeypatch, split, rows):
    embeddings, labels = drawn
    monkeypatch.setattr(reliability, "ROWS", rows)  # in one block, or in many
    found = reliability_intervals(images(labels), embeddings, CALIBRATION, split)
    expected = one_by_one(embeddings, labels, labels if split == "classes" else np.arange(80), 200)
    known = np.isfinite(found).all(axis=1)
    assert known.sum() >= 10
    assert np.abs(found - expected)[known].mean() < 0.025


def test_a_draw_of_many_pairs_stands_for_all(drawn, monkeypatch):
    embeddings, labels = drawn
    whole = reliability_intervals(images(labels), embeddings, CALIBRATION, "within")
    monkeypatch.setattr(reliability, "MOST_OF_A_BIN", 60)
    thinned = reliability_intervals(images(labels), embeddings, CALIBRATION, "within")
    assert not np.array_equal(whole, thinned, equal_nan=True)
    assert np.nanmean(np.abs(whole - thinned)) < 0.05


def test_labelled_pairs_are_drawn_by_what_they_share():
    generator = np.random.default_rng(2)
    ends, is_same = np.arange(600).reshape(300, 2), np.arange(300) % 2 == 0  # each pair is a unit of its own
    points = generator.normal(0, 0.5, (600, 2))
    points[ends[is_same, 1]] = points[ends[is_same, 0]] + generator.normal(0, 0.5, (150, 2))
    pairs = LabelledPairs(np.zeros((600, 2, 2), np.uint8), ends, is_same)
    found = reliability_intervals(pairs, torch.from_numpy(points).float(), CALIBRATION, "pairs")
    distances = np.linalg.norm(points[ends[:, 0]] - points[ends[:, 1]], axis=1)
    bins = reliability.bin_of(probability_same(distances, CALIBRATION))
    for number in range(reliability.BINS):
        n, same = (bins == number).sum(), is_same[bins == number].mean()
        if n >= 12:  # a share of n independent pairs
            assert found[number][0] <= same <= found[number][1]
            assert found[number][1] - found[number][0] == pytest.approx(4 * np.sqrt(same * (1 - same) / n), rel=0.4)


def test_too_little_gives_no_interval(drawn):
    embeddings, labels = drawn
    assert np.isnan(reliability_intervals(images(labels[:40]), embeddings[:40], CALIBRATION, "classes")).all()  # 4 classes
    rare = reliability_intervals(images(labels), embeddings, Calibration(1.0, 4000.0, 4000.0, 0.0), "within")
    assert np.isnan(rare[1:-1]).any(axis=1).sum() > 5, "bins with next to no pairs"
    assert np.isfinite(rare[[0, -1]]).all()
