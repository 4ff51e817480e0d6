"""Metrics against scikit-learn and against loops over pairs, ties and unequal class sizes included."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pair_loops import looped_pairs, random_embeddings
from sklearn.metrics import balanced_accuracy_score, roc_auc_score, roc_curve

from siamese.evaluation import metrics
from siamese.evaluation.metrics import PairDistances, hardest_pairs, pair_distances


def sorted_distances(values) -> np.ndarray:
    return np.sort(np.asarray(values, dtype=np.float32))


# Few values, so that ties within and between the kinds are common; or any distances at all.
tied = arrays(np.float32, st.integers(1, 40), elements=st.sampled_from([0, 0.25, 0.5, 0.75, 1, 1.5, 2]))
untied = arrays(np.float32, st.integers(1, 40), elements=st.floats(0, 100, width=32, allow_subnormal=False))
distances = (tied | untied).map(sorted_distances)
pairs_of_both_kinds = st.builds(PairDistances, distances, distances)


def truth_and_score(pairs: PairDistances) -> tuple[np.ndarray, np.ndarray]:
    """As scikit-learn wants it: 1 for same, and a score that grows with the likelihood of same."""
    is_same = np.concatenate([np.ones(len(pairs.same), int), np.zeros(len(pairs.different), int)])
    return is_same, -np.concatenate([pairs.same, pairs.different]).astype(np.float64)


@pytest.fixture(scope="module")
def pixel_pairs(digits) -> PairDistances:
    """Real distances: between the pixels of 400 digits."""
    images, labels = digits
    return pair_distances(torch.from_numpy(images[:400]).flatten(1).float() / 255, torch.from_numpy(labels[:400]))


# ---- Rates ----


@given(pairs=pairs_of_both_kinds, data=st.data())
def test_rates_count_the_pairs_within_the_threshold(pairs, data):
    own = st.sampled_from([*pairs.same.tolist(), *pairs.different.tolist()])
    threshold = data.draw(own | own.map(lambda value: math.nextafter(value, 0)) | st.floats(0, 100))
    accepted = [distance <= threshold for distance in pairs.same.tolist()]
    wrongly = [distance <= threshold for distance in pairs.different.tolist()]
    assert pairs.true_accept_rate(threshold) == pytest.approx(sum(accepted) / len(accepted))
    assert pairs.false_accept_rate(threshold) == pytest.approx(sum(wrongly) / len(wrongly))
    truth = [True] * len(accepted) + [False] * len(wrongly)
    assert pairs.balanced_accuracy(threshold) == pytest.approx(balanced_accuracy_score(truth, accepted + wrongly))


@given(pairs_of_both_kinds)
def test_auc_is_that_of_scikit_learn(pairs):
    assert pairs.roc_auc() == pytest.approx(roc_auc_score(*truth_and_score(pairs)))


@given(pairs_of_both_kinds)
def test_equal_error_rate_is_where_the_roc_curve_crosses_the_diagonal(pairs):
    far, tar, _ = roc_curve(*truth_and_score(pairs), drop_intermediate=False)
    excess = far - (1 - tar)  # from -1 to 1, growing at every step of the curve
    assert pairs.equal_error_rate() == pytest.approx(np.interp(0, excess, far))


@given(pairs_of_both_kinds, st.sampled_from([0.0, 0.001, 0.01, 0.1, 0.25, 0.5, 1.0]))
def test_tar_at_far_is_the_highest_point_of_the_roc_curve_up_to_that_far(pairs, allowed):
    far, tar, _ = roc_curve(*truth_and_score(pairs), drop_intermediate=False)
    assert pairs.tar_at_far(allowed) == pytest.approx(tar[far <= allowed + 1e-12].max())
    assert pairs.false_accept_rate(pairs.threshold_at_far(allowed)) <= allowed + 1e-12


def test_rates_on_real_digits_are_those_of_scikit_learn(pixel_pairs):
    truth, score = truth_and_score(pixel_pairs)
    far, tar, _ = roc_curve(truth, score, drop_intermediate=False)
    assert pixel_pairs.roc_auc() == pytest.approx(roc_auc_score(truth, score), abs=1e-12)
    assert pixel_pairs.equal_error_rate() == pytest.approx(np.interp(0, far - (1 - tar), far), abs=1e-9)
    for allowed in (0.01, 0.001):
        assert pixel_pairs.tar_at_far(allowed) == tar[far <= allowed].max()


@pytest.mark.parametrize(("count", "far", "expected"), [(1000, 0.01, True), (999, 0.01, False), (9999, 0.001, False)])
def test_a_share_of_false_accepts_needs_ten_of_them(count, far, expected):
    pairs = PairDistances(np.zeros(1, np.float32), np.arange(count, dtype=np.float32))
    assert pairs.supports_far(far) is expected
    allowed = (pairs.different <= pairs.threshold_at_far(far)).sum()
    assert bool(allowed >= 10) is expected


# ---- Calibration error ----


def literal_calibration_error(pairs: PairDistances, probability_same, bins: int) -> float:
    """Each pair weighs 1 / (2 * number of its kind); bins end where the weights reach k / bins, ties staying together."""
    rows = [(distance, True, 0.5 / len(pairs.same)) for distance in pairs.same.tolist()]
    rows += [(distance, False, 0.5 / len(pairs.different)) for distance in pairs.different.tolist()]
    rows.sort()
    cumulative, ends = 0.0, []
    for (distance, _, weight), after in itertools.zip_longest(rows, rows[1:]):
        cumulative += weight
        if after is None or (after[0] > distance and cumulative >= (len(ends) + 1) / bins):
            while cumulative >= (len(ends) + 1) / bins and len(ends) < bins - 1:
                ends.append(distance)
    groups = {}
    for distance, is_same, weight in rows:
        groups.setdefault(sum(distance > end for end in ends), []).append(
            (float(probability_same(distance)), is_same, weight)
        )
    error = 0.0
    for group in groups.values():
        mass = sum(weight for _, _, weight in group)
        predicted = sum(weight * probability for probability, _, weight in group) / mass
        observed = sum(weight for _, is_same, weight in group if is_same) / mass
        error += mass * abs(predicted - observed)
    return error


def falling(distance):
    """A probability that does not fit the pairs of these tests."""
    return 1 / (1 + np.exp(3 * (np.asarray(distance, dtype=np.float64) - 0.8)))


# The two counts have no factor in common with the bins, so that no bin ends exactly between two pairs.
@pytest.mark.parametrize("values", ["tied", "untied"])
@pytest.mark.parametrize("seed", range(3))
def test_calibration_error_is_that_of_its_definition(seed, values):
    generator = np.random.default_rng(seed)
    same, different = generator.gamma(2, 0.3, 101), generator.gamma(6, 0.3, 211)
    if values == "tied":
        same, different = same.round(1), different.round(1)
    pairs = PairDistances(sorted_distances(same), sorted_distances(different))
    assert pairs.calibration_error(falling) == pytest.approx(literal_calibration_error(pairs, falling, 15), abs=1e-9)
    predicted, observed, mass = pairs.reliability(falling)
    assert mass.sum() == pytest.approx(1)
    assert mass @ observed == pytest.approx(0.5)  # same and different pairs weigh half each
    balanced_mean = (falling(pairs.same).mean() + falling(pairs.different).mean()) / 2
    assert mass @ predicted == pytest.approx(balanced_mean)


def test_calibration_error_of_real_digits_is_that_of_its_definition(digits):
    images, labels = digits
    pairs = pair_distances(torch.from_numpy(images[:53]).flatten(1).float() / 2550, torch.from_numpy(labels[:53]))
    assert pairs.calibration_error(falling) == pytest.approx(literal_calibration_error(pairs, falling, 15), abs=1e-6)


# ---- Pairs of embeddings ----


@pytest.mark.parametrize("rows_at_a_time", [1000, 7])
@pytest.mark.parametrize("seed", range(3))
def test_every_pair_is_measured_once(seed, rows_at_a_time, monkeypatch):
    monkeypatch.setattr(metrics, "ROWS", rows_at_a_time)
    embeddings, labels = random_embeddings(seed)
    labels[0] = 9  # a class of one, and unused numbers between the classes
    pairs, looped = pair_distances(embeddings, labels), looped_pairs(embeddings, labels)
    for kind, is_same in ((pairs.same, True), (pairs.different, False)):
        expected = sorted(distance for distance, _, _ in looped[is_same])
        np.testing.assert_allclose(kind, expected, rtol=1e-4, atol=1e-3)
        assert (np.diff(kind) >= 0).all()
        assert kind.dtype == np.float32


@pytest.mark.parametrize("labels", [[0, 0, 0], [0, 1, 2]], ids=["one class", "no two alike"])
def test_one_kind_of_pairs_alone_is_refused(labels):
    with pytest.raises(ValueError, match="allowed: at least 1 of each"):
        pair_distances(torch.eye(3), torch.tensor(labels))


def test_too_many_images_are_refused():
    count = metrics.MAX_IMAGES + 1
    with pytest.raises(ValueError, match=f"{count} images, allowed: at most {metrics.MAX_IMAGES}"):
        pair_distances(torch.zeros(count, 1), torch.zeros(count, dtype=torch.long))


@pytest.mark.parametrize("is_same", [True, False])
@given(seed=st.integers(0, 2**32 - 1), images=st.integers(4, 14), classes=st.integers(1, 14), count=st.integers(1, 5))
def test_hardest_pairs_are_taken_one_by_one_each_image_once(is_same, seed, images, classes, count):
    embeddings, labels = random_embeddings(seed, images, classes)
    remaining = sorted(looped_pairs(embeddings, labels)[is_same], reverse=is_same)
    expected = []
    while remaining and len(expected) < count:
        distance, a, b = remaining[0]
        expected.append(distance)
        remaining = [pair for pair in remaining if not {a, b} & {pair[1], pair[2]}]
    found = hardest_pairs(embeddings, labels, is_same, count)
    assert [distance for _, _, distance in found] == pytest.approx(expected, abs=1e-3)
    for a, b, distance in found:
        assert bool(labels[a] == labels[b]) == is_same
        assert distance == pytest.approx(math.dist(embeddings[a].tolist(), embeddings[b].tolist()), abs=1e-3)
    used = [image for a, b, _ in found for image in (a, b)]
    assert len(used) == len(set(used))


def test_hardest_pairs_go_on_where_the_nearest_images_are_taken():
    embeddings = torch.tensor([[0.0], [1.0], [1.1], [3.0]])  # 1 and 2 pair first, and both are nearer to 0 than 3 is
    found = hardest_pairs(embeddings, torch.arange(4), is_same=False, count=2)
    assert [(a, b) for a, b, _ in found] == [(1, 2), (0, 3)]
