"""Threshold and probability: the best there is by brute force, true to a known model, and never at odds with each other."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from siamese.config import Calibration
from siamese.evaluation.bootstrap import Intervals
from siamese.evaluation.calibration import (
    CORRELATION,
    fit_calibration,
    independent_pairs,
    log_odds_same,
    measure,
    percent,
    probability_same,
)
from siamese.evaluation.metrics import PairDistances

positive = st.floats(1e-3, 1e3)
doubts = st.just(0.0) | st.floats(1e-9, 0.49)
calibrations = st.builds(Calibration, positive, positive, positive)
doubtful = st.builds(Calibration, positive, positive, positive, doubts)
thresholds = st.none() | st.floats(1e-6, 1e6)  # None is the calibrated one


def sorted_distances(values) -> np.ndarray:
    return np.sort(np.asarray(values, dtype=np.float32))


tied = arrays(np.float32, st.integers(1, 30), elements=st.sampled_from([0, 0.25, 0.5, 0.75, 1, 1.5, 2]))
untied = arrays(np.float32, st.integers(1, 30), elements=st.floats(0, 100, width=32, allow_subnormal=False))
# Distances with no float between one and the next.
adjacent = st.lists(st.integers(0, 6), min_size=1, max_size=10).map(lambda steps: 1 + np.float32(2**-23) * np.array(steps))
pairs_of_both_kinds = st.one_of(
    st.builds(PairDistances, kind.map(sorted_distances), kind.map(sorted_distances)) for kind in (tied, untied, adjacent)
)


def draw_pairs(calibration: Calibration, count: int, seed: int) -> PairDistances:
    """Pairs whose truth is drawn with exactly the probability that `calibration` states, as many same as different."""
    generator = np.random.default_rng(seed)
    near = generator.uniform(0, calibration.threshold, count)
    far = generator.uniform(calibration.threshold, 2 * calibration.threshold, count)

    def true_probability(distance: np.ndarray) -> np.ndarray:
        gap = calibration.threshold - distance
        return 1 / (1 + np.exp(-gap * np.where(gap > 0, calibration.same_slope, calibration.different_slope)))

    # How many of the near ones it takes for half of all pairs to be same.
    same_near, same_far = true_probability(near).mean(), true_probability(far).mean()
    near = near[: round(count * min(1, (0.5 - same_far) / (same_near - 0.5)))]
    far = far[: round(count * min(1, (same_near - 0.5) / (0.5 - same_far)))]
    distance = np.concatenate([near, far])
    is_same = generator.random(len(distance)) < true_probability(distance)
    return PairDistances(sorted_distances(distance[is_same]), sorted_distances(distance[~is_same]))


# ---- Fitting ----


@given(pairs_of_both_kinds)
def test_no_threshold_is_better_than_the_one_found(pairs):
    threshold, accuracy = pairs.best_threshold()
    values = np.unique(np.concatenate([pairs.same, pairs.different])).tolist()
    candidates = [*values, *(math.nextafter(value, 0) for value in values), values[-1] + 1]

    def looped_accuracy(candidate: float) -> float:
        accepted = sum(distance <= candidate for distance in pairs.same.tolist()) / len(pairs.same)
        rejected = sum(distance > candidate for distance in pairs.different.tolist()) / len(pairs.different)
        return (accepted + rejected) / 2

    assert looped_accuracy(threshold) == pytest.approx(accuracy)
    assert accuracy == pytest.approx(max(map(looped_accuracy, candidates)))
    assert threshold > 0


@given(pairs_of_both_kinds, st.floats(0, 1))
def test_the_steady_threshold_is_about_as_good_as_the_best(pairs, slack):
    _, highest = pairs.best_threshold()
    steady = pairs.steady_threshold(slack)
    assert steady > 0
    assert 1 - pairs.balanced_accuracy(steady) <= (1 - highest) * (1 + slack) + 1e-9


def test_the_steady_threshold_lies_in_the_middle_of_the_flat_part():
    separable = PairDistances(sorted_distances([0.1, 0.2]), sorted_distances([0.8, 0.9]))
    assert separable.steady_threshold() == pytest.approx(0.5)
    generator = np.random.default_rng(0)
    same, different = generator.normal(0.4, 0.1, 100_000), generator.normal(1.0, 0.1, 100_000)
    assert PairDistances(sorted_distances(same), sorted_distances(different)).steady_threshold() == pytest.approx(
        0.7, abs=0.01
    )
    errors = []
    for a, b in zip(same.reshape(100, -1), different.reshape(100, -1), strict=True):
        pairs = PairDistances(sorted_distances(a), sorted_distances(b))
        errors.append((abs(pairs.steady_threshold() - 0.7), abs(pairs.best_threshold()[0] - 0.7)))
    steady, best = np.mean(errors, axis=0)
    assert steady < best


@pytest.mark.parametrize("counts", [None, (50, 12)])
def test_slopes_fit_platts_targets_better_than_any_others(counts):
    pairs = draw_pairs(Calibration(1.0, 6.0, 2.0), 2000, seed=3)
    fitted = fit_calibration(pairs, counts)
    same_count, different_count = counts or (len(pairs.same), len(pairs.different))
    same_target, different_target = (same_count + 1) / (same_count + 2), 1 / (different_count + 2)

    def negative_log_likelihood(same_slope: float, different_slope: float) -> float:
        calibration = Calibration(fitted.threshold, same_slope, different_slope, fitted.doubt)
        loss = 0
        for kind, target in ((pairs.same, same_target), (pairs.different, different_target)):
            probability = probability_same(kind, calibration)
            loss -= (target * np.log(probability) + (1 - target) * np.log1p(-probability)).mean()
        return loss

    best = negative_log_likelihood(fitted.same_slope, fitted.different_slope)
    others = [
        negative_log_likelihood(fitted.same_slope * a, fitted.different_slope * b)
        for a in (0.5, 0.8, 0.95, 1, 1.05, 1.2, 2)
        for b in (0.5, 0.8, 0.95, 1, 1.05, 1.2, 2)
    ]
    assert best <= min(others) + 1e-5


@pytest.mark.parametrize("true", [Calibration(1.0, 4.0, 4.0), Calibration(0.6, 20.0, 5.0), Calibration(30.0, 0.1, 0.5)])
def test_a_known_model_is_found_again(true):
    fitted = fit_calibration(draw_pairs(true, 50_000, seed=0))
    assert fitted.threshold == pytest.approx(true.threshold, rel=0.1)
    assert fitted.same_slope == pytest.approx(true.same_slope, rel=0.25)
    assert fitted.different_slope == pytest.approx(true.different_slope, rel=0.25)
    fresh = draw_pairs(true, 50_000, seed=1)
    error = fresh.calibration_error(lambda distance: probability_same(distance, fitted))
    assert error < 0.02
    overconfident = Calibration(fitted.threshold, 4 * fitted.same_slope, 4 * fitted.different_slope)
    assert fresh.calibration_error(lambda distance: probability_same(distance, overconfident)) > 3 * error


DEGENERATE = {
    "separated": ([0.1, 0.2], [1.0, 1.1]),
    "one of each": ([0.5], [0.6]),
    "all at zero": ([0.0, 0.0], [0.0, 0.0]),
    "all equal": ([0.7, 0.7], [0.7]),
    "the wrong way round": ([1.0, 1.1], [0.1, 0.2]),
    "far apart": ([1e-6], [1e6]),
}


@pytest.mark.parametrize(("same", "different"), DEGENERATE.values(), ids=DEGENERATE)
def test_degenerate_pairs_give_a_usable_calibration(same, different):
    pairs = PairDistances(sorted_distances(same), sorted_distances(different))
    calibration = fit_calibration(pairs)
    assert all(
        0 < value < math.inf for value in (calibration.threshold, calibration.same_slope, calibration.different_slope)
    )
    for distance in (*same, *different):
        assert 0 <= probability_same(distance, calibration) <= 1


# ---- Few pairs ----


def test_three_same_and_four_different_pairs_give_modest_confidence():
    """However well they are separated: they cannot show how a rarer pair would lie."""
    pairs = PairDistances(sorted_distances([0.1, 0.15, 0.2]), sorted_distances([0.9, 1.0, 1.1, 1.2]))
    fitted = fit_calibration(pairs)
    shown = probability_same(np.array([0, 0.15, 1.05, 50]), fitted)
    assert shown.tolist() == pytest.approx([0.8, 0.8, 1 / 6, 1 / 8], abs=0.06)


@given(pairs_of_both_kinds, thresholds, st.floats(0, 1e6))
def test_no_confidence_is_above_what_the_fewer_pairs_support(pairs, threshold, distance):
    """Half a pair beside them all would be wrong; at whatever threshold."""
    most = 1 - 0.5 / (min(len(pairs.same), len(pairs.different)) + 1)
    assert 1 - most - 1e-9 <= probability_same(distance, fit_calibration(pairs), threshold) <= most + 1e-9


def test_more_independent_pairs_give_more_confidence():
    pairs = PairDistances(sorted_distances(np.linspace(0.1, 0.3, 500)), sorted_distances(np.linspace(0.9, 1.5, 900)))
    confidence = [float(probability_same(0.2, fit_calibration(pairs, (count, count)))) for count in (2, 10, 100, 500)]
    assert confidence == sorted(confidence)
    expected = [(count + 1) / (count + 2) for count in (2, 10, 100, 500)]
    assert confidence == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize(("members", "units"), [(1, 9), (2, 9), (50, 9), (2000, 9)])
def test_pairs_count_as_often_as_the_spread_of_their_mean_says(members, units):
    """The variance of the mean of correlated numbers, from their whole matrix of covariances."""
    total = units * (CORRELATION * members**2 + (1 - CORRELATION) * members)
    variance = total / (units * members) ** 2
    assert independent_pairs(units * members, units) == pytest.approx(1 / variance)
    assert independent_pairs(units * members, units) < units / CORRELATION
    assert independent_pairs(3, 5) == 3


def test_images_by_the_thousand_leave_next_to_no_doubt():
    """Validation of MNIST: 6,000 images, 3,000 units of two."""
    assert 0.5 / (independent_pairs(1_800_000, 3000) + 1) < 2e-5


# ---- Probability ----


@given(doubtful, thresholds, st.floats(0, 1e3))
def test_doubt_mixes_the_probability_with_its_contrary(calibration, threshold, distance):
    certain = Calibration(calibration.threshold, calibration.same_slope, calibration.different_slope)
    expected = calibration.doubt + (1 - 2 * calibration.doubt) * float(probability_same(distance, certain, threshold))
    assert float(probability_same(distance, calibration, threshold)) == pytest.approx(expected, abs=1e-12)


@given(doubtful, thresholds, st.lists(st.floats(0, 1e6), min_size=2, max_size=20))
def test_probability_falls_with_the_distance(calibration, threshold, distances):
    distances = np.sort(distances)
    log_odds = log_odds_same(distances, calibration, threshold)
    probability = probability_same(distances, calibration, threshold)
    assert (np.diff(log_odds) <= 0).all()
    assert (np.diff(probability) <= 0).all()
    assert ((probability >= 0) & (probability <= 1)).all()
    if calibration.doubt:
        return  # it flattens the ends, in single steps of floating point even to a level
    apart = np.diff(distances) > 1e-6 * (distances[1:] + calibration.threshold + (threshold or 0))
    assert (np.diff(log_odds)[apart] < 0).all()


@given(doubtful, thresholds)
def test_probability_is_half_just_at_the_threshold(calibration, threshold):
    limit = calibration.threshold if threshold is None else threshold
    below, above = np.nextafter(limit, 0), np.nextafter(limit, np.inf)
    at_limit, just_below, just_above = (probability_same(d, calibration, threshold) for d in (limit, below, above))
    assert log_odds_same(limit, calibration, threshold) == 0
    assert at_limit == 0.5
    assert just_below >= 0.5 > just_above
    # Continuous: one step of floating point moves the log-odds by less than rounding and the slope can make of it.
    steepest = max(calibration.same_slope, calibration.different_slope)
    allowed = 4 * steepest * np.finfo(float).eps * (limit + calibration.threshold)
    assert just_below - just_above <= allowed + 1e-12


@given(doubtful, thresholds, st.floats(0, 1e6))
def test_at_least_half_is_within_the_threshold_and_only_that(calibration, threshold, distance):
    limit = calibration.threshold if threshold is None else threshold
    assert (probability_same(distance, calibration, threshold) >= 0.5) == (distance <= limit)


@given(doubtful, st.floats(1e-3, 1e3), st.floats(0, 10))
def test_verdict_is_the_same_for_single_precision_distances(calibration, threshold, share):
    distances = np.array([share * threshold, threshold], dtype=np.float32)
    distances = np.concatenate([distances, np.nextafter(distances, np.float32(np.inf))])
    within = [distance <= threshold for distance in distances.tolist()]
    assert (probability_same(distances, calibration, threshold) >= 0.5).tolist() == within


@given(calibrations, st.floats(0, 1e3))
def test_probability_is_the_logistic_function_of_the_log_odds(calibration, distance):
    gap = calibration.threshold - distance
    log_odds = gap * (calibration.same_slope if gap > 0 else calibration.different_slope)
    assert log_odds_same(distance, calibration) == pytest.approx(log_odds)
    expected = 1 / (1 + math.exp(-log_odds)) if log_odds > -700 else 0
    assert probability_same(distance, calibration) == pytest.approx(expected, abs=1e-12)


@given(calibrations, st.floats(1e-3, 1e3), st.lists(st.floats(0, 1e3), min_size=1, max_size=10))
def test_another_threshold_shifts_the_log_odds_of_all_pairs_alike(calibration, threshold, distances):
    shift = log_odds_same(np.array(distances), calibration) - log_odds_same(np.array(distances), calibration, threshold)
    assert shift == pytest.approx(float(log_odds_same(threshold, calibration)), rel=1e-6, abs=1e-6)


def test_arrays_and_numbers_give_the_same():
    calibration = Calibration(0.7, 12.0, 5.0)
    distances = np.linspace(0, 2, 41)
    for function in (log_odds_same, probability_same):
        one_by_one = [float(function(distance, calibration, 0.9)) for distance in distances.tolist()]
        assert function(distances, calibration, 0.9).tolist() == one_by_one


# ---- Reporting ----


def test_measured_numbers_are_those_of_the_pairs_in_percent():
    pairs = draw_pairs(Calibration(1.0, 4.0, 4.0), 50_000, seed=2)
    assert len(pairs.different) >= 10_000  # what the smaller rate of false accepts needs
    calibration = Calibration(0.9, 3.0, 5.0)
    measured = measure(pairs, calibration, Intervals((0.25, 0.75), (0.125, 0.5), (0.0625, 0.375)))
    wrongly_accepted = sum(distance <= 0.9 for distance in pairs.different.tolist())
    wrongly_rejected = sum(distance > 0.9 for distance in pairs.same.tolist())
    assert (measured.same_pairs, measured.different_pairs) == (len(pairs.same), len(pairs.different))
    assert measured.false_accept_rate == pytest.approx(100 * wrongly_accepted / len(pairs.different))
    assert measured.false_reject_rate == pytest.approx(100 * wrongly_rejected / len(pairs.same))
    errors = (measured.false_accept_rate + measured.false_reject_rate) / 2
    assert measured.balanced_accuracy == pytest.approx(100 - errors)
    assert (measured.balanced_accuracy_low, measured.balanced_accuracy_high) == (25, 75)
    assert (measured.false_accept_rate_low, measured.false_accept_rate_high) == (12.5, 50)
    assert (measured.false_reject_rate_low, measured.false_reject_rate_high) == (6.25, 37.5)
    assert measured.equal_error_rate == 100 * pairs.equal_error_rate()
    assert measured.roc_auc == pairs.roc_auc()
    assert (measured.tar_at_far_1, measured.tar_at_far_01) == (100 * pairs.tar_at_far(0.01), 100 * pairs.tar_at_far(0.001))
    error = pairs.calibration_error(lambda distance: probability_same(distance, calibration))
    assert measured.calibration_error == 100 * error
    few = measure(pairs, calibration, Intervals((0.25, 0.75), None, None))
    assert (few.balanced_accuracy_low, few.balanced_accuracy_high) == (25, 75)
    ends = (few.false_accept_rate_low, few.false_accept_rate_high, few.false_reject_rate_low, few.false_reject_rate_high)
    assert ends == (None,) * 4


@pytest.mark.parametrize(
    ("probability", "words"), [(1, "over 99.9%"), (0.9996, "over 99.9%"), (0.5, "50.0%"), (0, "under 0.1%")]
)
def test_no_probability_is_put_as_certainty(probability, words):
    assert percent(probability) == words
