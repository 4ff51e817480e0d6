"""95% intervals of error rates by bootstrap: over images, over classes, or over labelled pairs."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from siamese.config import Metrics
from siamese.distances import distance_matrix
from siamese.evaluation.metrics import ROWS, single_at_most

LEAST_UNITS = 5  # to draw from: fewer images, classes or groups of pairs say nothing of how others would differ
MOST_WITHOUT = 0.05  # share of the draws that may lack pairs of a kind: with more, the others are a biased choice
UNITS_IN_WORDS = {
    "given": "test images",
    "within": "test images",
    "classes": "test classes",
    "groups": "test classes",
    "pairs": "separate groups of test pairs",
}


class Intervals(NamedTuple):
    """95% confidence intervals (low, high) of rates at one threshold, each 0..1; None where too little is behind one."""

    balanced_accuracy: tuple[float, float] | None = None
    false_accept_rate: tuple[float, float] | None = None
    false_reject_rate: tuple[float, float] | None = None


def bootstrap_intervals(
    embeddings: Tensor, labels: Tensor, threshold: float, replicates: int = 500, seed: int = 0
) -> Intervals:
    """95% intervals of the rates at `threshold`: percentile bootstrap over the images.

    Pairs share images and are not independent, so images are drawn with replacement, and a replicate weighs pair (i, j) by
    how often i and j were drawn. All replicates are evaluated at once as quadratic forms in those counts.
    """
    order = labels.cpu().argsort()
    embeddings, labels = embeddings.cpu()[order], labels.cpu()[order].unique(return_inverse=True)[1]
    count = len(labels)
    if count < LEAST_UNITS:
        return Intervals()
    draws = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=replicates)
    weights = torch.from_numpy(draws).float().T.contiguous()  # (N, R)
    false_rejects = torch.zeros(replicates, dtype=torch.float64)
    false_accepts = torch.zeros(replicates, dtype=torch.float64)
    for start in range(0, count, ROWS):
        rows = slice(start, start + ROWS)
        accepted = distance_matrix(embeddings[rows], embeddings) <= float(single_at_most(threshold))  # (B, N)
        accepted.diagonal(start).fill_(True)  # an image is at distance 0 from itself, whatever the product rounds to
        is_same = labels[rows, None] == labels[None, :]
        false_rejects += (weights[rows] * ((is_same & ~accepted).float() @ weights)).sum(0)
        false_accepts += (weights[rows] * ((~is_same & accepted).float() @ weights)).sum(0)
    per_class = torch.zeros(int(labels.max()) + 1, replicates).index_add_(0, labels, weights).double()  # (K, R)
    # An image drawn twice is not a pair with itself: its own square is no same pair.
    same_pairs = per_class.square().sum(0) - weights.double().square().sum(0)
    different_pairs = per_class.sum(0).square() - per_class.square().sum(0)
    return _intervals(false_rejects.numpy(), same_pairs.numpy(), false_accepts.numpy(), different_pairs.numpy())


def bootstrap_intervals_over_classes(
    embeddings: Tensor, labels: Tensor, threshold: float, replicates: int = 500, seed: int = 0
) -> Intervals:
    """95% intervals of the rates at `threshold`: percentile bootstrap over the classes, for classes new to the model.

    Images of a class share what makes the class easy or hard, so classes are drawn with replacement. A class drawn m times
    counts as m classes that happen to look alike: its same pairs weigh m, and copies are not paired with each other. Memory
    grows with the number of classes, not with its square.
    """
    labels = labels.cpu().unique(return_inverse=True)[1]
    embeddings, count = embeddings.cpu(), int(labels.max()) + 1
    if count < LEAST_UNITS:
        return Intervals()
    draws = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=replicates)
    weights = torch.from_numpy(draws).float().T.contiguous()  # (K, R)
    sizes = torch.bincount(labels, minlength=count).double()
    within = torch.zeros(count, dtype=torch.float64)  # accepted ordered pairs of each class, each image with itself too
    accepted_pairs = torch.zeros(replicates, dtype=torch.float64)  # ordered, within classes and between them
    for start in range(0, len(labels), ROWS):
        own = labels[start : start + ROWS]
        accepted = distance_matrix(embeddings[start : start + ROWS], embeddings) <= float(single_at_most(threshold))
        accepted.diagonal(start).fill_(True)  # as above
        by_class = torch.zeros(len(own), count).index_add_(1, labels, accepted.float())  # (B, K)
        within.index_add_(0, own, by_class.gather(1, own[:, None])[:, 0].double())
        accepted_pairs += (weights[own] * (by_class @ weights)).sum(0, dtype=torch.float64)
    weights = weights.double()
    squares = weights.square()
    false_accepts = accepted_pairs - within @ squares
    different_pairs = (sizes @ weights).square() - sizes.square() @ squares
    same_pairs = (sizes * (sizes - 1)) @ weights
    false_rejects = same_pairs - (within - sizes) @ weights
    return _intervals(false_rejects.numpy(), same_pairs.numpy(), false_accepts.numpy(), different_pairs.numpy())


def bootstrap_intervals_over_pairs(
    distances: np.ndarray, is_same: np.ndarray, units: np.ndarray, threshold: float, replicates: int = 500, seed: int = 0
) -> Intervals:
    """95% intervals of the rates at `threshold` over labelled pairs (P,): percentile bootstrap over what pairs share.

    `units` (P, 2) says from which unit each end of a pair is: its image, or what hangs together through pairs. Units are
    drawn with replacement; a pair weighs as often as its unit was drawn, or the product where its ends are of two.
    """
    is_wrong = (distances <= single_at_most(threshold)) != is_same
    numbers, count = np.unique(units, return_inverse=True)[1].reshape(-1, 2), len(np.unique(units))
    if count < LEAST_UNITS:
        return Intervals()
    is_within = numbers[:, 0] == numbers[:, 1]
    generator, counts = np.random.default_rng(seed), np.empty((4, replicates))
    kinds = (is_same & is_wrong, is_same, ~is_same & is_wrong, ~is_same)
    for replicate in range(replicates):
        drawn = np.bincount(generator.integers(count, size=count), minlength=count)
        weights = np.where(is_within, drawn[numbers[:, 0]], drawn[numbers[:, 0]] * drawn[numbers[:, 1]])
        counts[:, replicate] = [weights[kind].sum() for kind in kinds]
    return _intervals(*counts)


def _intervals(false_rejects: np.ndarray, same: np.ndarray, false_accepts: np.ndarray, different: np.ndarray) -> Intervals:
    """The intervals from the weights of wrong and of all pairs in each replicate, (R,) each."""
    is_usable = (same > 0) & (different > 0)
    if is_usable.mean() < 1 - MOST_WITHOUT:
        return Intervals()
    rejected, accepted = false_rejects[is_usable] / same[is_usable], false_accepts[is_usable] / different[is_usable]
    ends = (np.quantile(rate, [0.025, 0.975]).tolist() for rate in (1 - (rejected + accepted) / 2, accepted, rejected))
    # Where no replicate differs from another, as where no pair is judged wrongly, they say nothing of the spread.
    return Intervals(*((low, high) if high - low > 1e-12 else None for low, high in ends))


def interval_in_words(metrics: Metrics, name: str, digits: int, split: str, unit: str = "", before: str = "") -> str:
    """The 95% interval of a rate of `metrics`, or why there is none.

    Such as "95% interval 91.20 to 94.05%", with "%" for `unit` and "95% interval " `before`, or "no interval: too few test
    classes". `split` is that of a siamese.config.DataRecord.
    """
    value, low, high = (getattr(metrics, name + end) for end in ("", "_low", "_high"))
    if low is not None and high is not None:
        return f"{before}{low:.{digits}f} to {high:.{digits}f}{unit}"
    is_flawless = value == (100 if name == "balanced_accuracy" else 0)
    return f"no interval: {'all pairs are judged rightly' if is_flawless else f'too few {UNITS_IN_WORDS[split]}'}"
