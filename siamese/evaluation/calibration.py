"""Threshold and probability, fitted on the distances of validation pairs.

The threshold is the middle of those of about the highest balanced accuracy; where same and different pairs are equally
frequent, that is where the two are equally likely, so it is also where the probability must be 0.5. The log-odds fall
linearly with the distance from there, with one slope for each side (Platt 1999, in two pieces that meet at the threshold):
same pairs crowd near 0 and different pairs spread wide, so one slope cannot fit both tails.

Few pairs allow modest confidence only. The slopes are fitted to Platt's smoothed targets (Lin, Lin and Weng 2007): n same
pairs without an exception say (n + 1) / (n + 2), not certainty. And no probability is nearer to 0 or 1 than `doubt`, half
a pair in n + 1 where n of the pairs are independent, since nothing rarer could have been seen.
"""

from typing import TYPE_CHECKING

import numpy as np

from siamese.config import Calibration, DistanceCurve, Metrics

if TYPE_CHECKING:  # these bring torch, for which what only asks for a probability need not wait
    from siamese.evaluation.bootstrap import Intervals
    from siamese.evaluation.metrics import PairDistances

CURVE_BINS = 200  # of what a model folder records of its test pairs
HISTOGRAM_BINS = 4096  # the slopes are fitted to counts in these bins: millions of pairs at the cost of thousands
CORRELATION = 0.02  # of pairs that share a class or an image, see independent_pairs


def independent_pairs(pairs: int, units: float) -> float:
    """How many independent pairs say as much as `pairs` that share `units`, such as classes, in groups of equal size.

    Pairs of a unit agree more than others do; with the correlation r between m of them, they count for m / (1 + (m - 1) r)
    (Kish 1965). So a unit counts for at most 1 / r, however many pairs it has.
    """
    return pairs / (1 + max(pairs / units - 1, 0) * CORRELATION)


def fit_calibration(
    pairs: "PairDistances", counts: tuple[int, int] | None = None, independent: tuple[float, float] | None = None
) -> Calibration:
    """Calibration that makes `probability_same` fit these pairs, same and different ones weighing half each.

    `counts` says how many same and different pairs were measured; as many as there are if None. `independent` says as how
    many independent ones they count; as all of them if None.
    """
    from scipy.optimize import minimize_scalar  # takes a while, for which what only asks for a probability need not wait

    counts = counts or (len(pairs.same), len(pairs.different))
    doubt = float(0.5 / (min(independent or counts) + 1))
    targets = 1 - 1 / (counts[0] + 2), 1 / (counts[1] + 2)  # of the probability of same and of different pairs
    threshold = pairs.steady_threshold()
    edges = np.linspace(0, max(pairs.same[-1], pairs.different[-1]), HISTOGRAM_BINS + 1)
    middle = (edges[:-1] + edges[1:]) / 2
    masses = [np.histogram(kind, edges)[0] / len(kind) for kind in (pairs.same, pairs.different)]
    as_same = sum(mass * target for mass, target in zip(masses, targets, strict=True))
    as_different = sum(masses) - as_same

    def slope(side: np.ndarray) -> float:
        gap, same_mass, different_mass = threshold - middle[side], as_same[side], as_different[side]

        def negative_log_likelihood(log_slope: float) -> float:
            logit = _with_doubt(np.exp(log_slope) * gap, doubt)
            return float(same_mass @ np.logaddexp(0, -logit) + different_mass @ np.logaddexp(0, logit))

        # Pairs that a side separates perfectly would ask for a very large slope: bounded, in units of the threshold.
        low, high = np.log(0.1 / threshold), np.log(1000 / threshold)
        return float(np.exp(minimize_scalar(negative_log_likelihood, bounds=(low, high), method="bounded").x))

    return Calibration(threshold, slope(middle <= threshold), slope(middle > threshold), doubt)


def log_odds_same(distance, calibration: Calibration, threshold: float | None = None):
    """Log-odds that a pair at `distance` (number or array) is the same; decreasing, and 0 just at the threshold.

    Another `threshold` than the calibrated one shifts the log-odds by a constant, so that verdict and confidence agree at
    any operating point; at any of them they stay within what `doubt` allows.
    """
    log_odds = _log_odds(distance, calibration)
    if threshold is not None and threshold != calibration.threshold:
        log_odds = log_odds - _log_odds(threshold, calibration)
    return _with_doubt(log_odds, calibration.doubt)


def probability_same(distance, calibration: Calibration, threshold: float | None = None):
    """Probability 0..1 that a pair at `distance` (number or array) is the same; >= 0.5 just where distance <= threshold."""
    threshold = calibration.threshold if threshold is None else threshold
    log_odds = np.clip(log_odds_same(distance, calibration, threshold), -700, 700)
    probability = 1 / (1 + np.exp(-log_odds))
    # Within rounding of the threshold the log-odds may come out as 0 on either side: let the distance decide.
    below_half = np.nextafter(0.5, 0)
    is_within = np.asarray(distance, dtype=np.float64) <= threshold
    return np.where(is_within, np.maximum(probability, 0.5), np.minimum(probability, below_half))


def _log_odds(distance, calibration: Calibration):
    gap = calibration.threshold - np.asarray(distance, dtype=np.float64)
    return gap * np.where(gap >= 0, calibration.same_slope, calibration.different_slope)


def _with_doubt(log_odds, doubt: float):
    """The log-odds of doubt + (1 - 2 doubt) p, where those of p are `log_odds`."""
    if not doubt:
        return log_odds
    # Each operation rounds monotonically, and so the whole decreases where the log-odds do.
    away = np.abs(log_odds)
    rest = np.exp(-away)
    return np.copysign(np.log1p((1 - 2 * doubt) * -np.expm1(-away) / (doubt + (1 - doubt) * rest)), log_odds)


def distance_curve(pairs: "PairDistances") -> DistanceCurve:
    """How the distances of these pairs are spread, and the thresholds of the usual rates of false accepts."""
    upper = max(float(np.nextafter(max(pairs.same[-1], pairs.different[-1]), np.float32(np.inf))), 1e-6)
    shares = (np.histogram(kind, CURVE_BINS, (0, upper))[0] / len(kind) for kind in (pairs.same, pairs.different))
    same, different = (tuple(float(f"{share:.4g}") for share in kind) for kind in shares)
    at_far = (pairs.threshold_at_far(far) if pairs.supports_far(far) else None for far in (0.01, 0.001))
    return DistanceCurve(upper, same, different, *at_far)


def measure(pairs: "PairDistances", calibration: Calibration, intervals: "Intervals") -> Metrics:
    """All reported numbers, at the calibrated threshold; `intervals` are those at the same threshold."""
    threshold = calibration.threshold
    ends = {}
    for name, interval in intervals._asdict().items():
        low, high = (None, None) if interval is None else (100 * end for end in interval)
        ends |= {f"{name}_low": low, f"{name}_high": high}
    return Metrics(
        same_pairs=len(pairs.same),
        different_pairs=len(pairs.different),
        balanced_accuracy=100 * pairs.balanced_accuracy(threshold),
        false_accept_rate=100 * pairs.false_accept_rate(threshold),
        false_reject_rate=100 * (1 - pairs.true_accept_rate(threshold)),
        **ends,
        equal_error_rate=100 * pairs.equal_error_rate(),
        roc_auc=pairs.roc_auc(),
        tar_at_far_1=100 * pairs.tar_at_far(0.01) if pairs.supports_far(0.01) else None,
        tar_at_far_01=100 * pairs.tar_at_far(0.001) if pairs.supports_far(0.001) else None,
        calibration_error=100 * pairs.calibration_error(lambda distance: probability_same(distance, calibration)),
    )


def percent(probability: float) -> str:
    """A probability in words that never claim certainty: "97.3%", "over 99.9%", "under 0.1%"."""
    if probability > 0.999:
        return "over 99.9%"
    return "under 0.1%" if probability < 0.001 else f"{probability:.1%}"
