"""95% intervals of error rates by bootstrap: over images, over classes, or over labelled pairs."""

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from siamese.distances import distance_matrix
from siamese.evaluation.metrics import ROWS, single_at_most


class Intervals(NamedTuple):
    """95% confidence intervals (low, high) of rates at one threshold, each 0..1."""

    balanced_accuracy: tuple[float, float] = (0.0, 0.0)
    false_accept_rate: tuple[float, float] = (0.0, 0.0)
    false_reject_rate: tuple[float, float] = (0.0, 0.0)


def bootstrap_intervals(
    embeddings: Tensor, labels: Tensor, threshold: float, replicates: int = 500, seed: int = 0
) -> Intervals:
    """95% intervals of the rates at `threshold`: percentile bootstrap over the images.

    Pairs share images and are not independent, so images are drawn with replacement, and a replicate weighs pair (i, j) by
    how often i and j were drawn. All replicates are evaluated at once as quadratic forms in those counts.
    """
    order = labels.cpu().argsort()
    embeddings, labels = embeddings.cpu()[order], labels.cpu()[order]
    count = len(labels)
    draws = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=replicates)
    weights = torch.from_numpy(draws).float().T.contiguous()  # (N, R)
    membership = F.one_hot(labels).float()  # (N, K)
    false_rejects = torch.zeros(replicates, dtype=torch.float64)
    false_accepts = torch.zeros(replicates, dtype=torch.float64)
    for start in range(0, count, ROWS):
        rows = slice(start, start + ROWS)
        accepted = distance_matrix(embeddings[rows], embeddings) <= float(single_at_most(threshold))  # (B, N)
        is_same = labels[rows, None] == labels[None, :]
        false_rejects += (weights[rows] * ((is_same & ~accepted).float() @ weights)).sum(0)
        false_accepts += (weights[rows] * ((~is_same & accepted).float() @ weights)).sum(0)
    per_class = (membership.T @ weights).double()  # (K, R)
    # An image drawn twice is not a pair with itself: its own square is no same pair.
    same_pairs = per_class.square().sum(0) - weights.double().square().sum(0)
    different_pairs = per_class.sum(0).square() - per_class.square().sum(0)
    reject_rate, accept_rate = false_rejects / same_pairs.clamp_min(1), false_accepts / different_pairs.clamp_min(1)
    rates = (1 - (reject_rate + accept_rate) / 2, accept_rate, reject_rate)
    return Intervals(*(tuple(np.quantile(rate.numpy(), [0.025, 0.975]).tolist()) for rate in rates))


def bootstrap_intervals_over_classes(
    embeddings: Tensor, labels: Tensor, threshold: float, replicates: int = 500, seed: int = 0
) -> Intervals:
    """95% intervals of the rates at `threshold`: percentile bootstrap over the classes, for classes new to the model.

    Images of a class share what makes the class easy or hard, so classes are drawn with replacement. A class drawn m times
    counts as m classes that happen to look alike: its same pairs weigh m, and copies are not paired with each other.
    """
    labels = labels.cpu().unique(return_inverse=True)[1]
    embeddings, count = embeddings.cpu(), int(labels.max()) + 1
    membership = F.one_hot(labels).float()  # (N, K)
    accepted_pairs = torch.zeros(count, count, dtype=torch.float64)  # ordered pairs, by the classes of both
    for start in range(0, len(labels), ROWS):
        rows = slice(start, start + ROWS)
        accepted = (distance_matrix(embeddings[rows], embeddings) <= float(single_at_most(threshold))).float()
        accepted_pairs += (membership[rows].T @ (accepted @ membership)).double()
    sizes = membership.sum(0).double()
    accepted_pairs -= torch.diag(sizes)  # of each image with itself
    all_pairs = torch.outer(sizes, sizes) - torch.diag(sizes)
    draws = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=replicates)
    weights = torch.from_numpy(draws).double()  # (R, K)

    def same_and_different(pairs: Tensor) -> tuple[Tensor, Tensor]:
        within = weights @ pairs.diagonal()
        return within, ((weights @ (pairs - torch.diag(pairs.diagonal()))) * weights).sum(1)

    (same_accepted, different_accepted), (same, different) = map(same_and_different, (accepted_pairs, all_pairs))
    reject_rate = 1 - same_accepted / same.clamp_min(1)
    accept_rate = different_accepted / different.clamp_min(1)
    is_usable = (same > 0) & (different > 0)  # not where one class alone was drawn
    rates = (1 - (reject_rate + accept_rate) / 2, accept_rate, reject_rate)
    return Intervals(*(tuple(np.quantile(rate[is_usable].numpy(), [0.025, 0.975]).tolist()) for rate in rates))


def bootstrap_intervals_over_pairs(
    distances: np.ndarray, is_same: np.ndarray, units: np.ndarray, threshold: float, replicates: int = 500, seed: int = 0
) -> Intervals:
    """95% intervals of the rates at `threshold` over labelled pairs (P,): percentile bootstrap over what pairs share.

    `units` (P, 2) says from which unit each end of a pair is: its image, or what hangs together through pairs. Units are
    drawn with replacement; a pair weighs as often as its unit was drawn, or the product where its ends are of two.
    """
    is_wrong = (distances <= single_at_most(threshold)) != is_same
    numbers, count = np.unique(units, return_inverse=True)[1].reshape(-1, 2), len(np.unique(units))
    is_within = numbers[:, 0] == numbers[:, 1]
    generator, rates = np.random.default_rng(seed), []
    for _ in range(replicates):
        drawn = np.bincount(generator.integers(count, size=count), minlength=count)
        weights = np.where(is_within, drawn[numbers[:, 0]], drawn[numbers[:, 0]] * drawn[numbers[:, 1]])
        same, different = weights[is_same].sum(), weights[~is_same].sum()
        if same and different:
            rejected = weights[is_same & is_wrong].sum() / same
            accepted = weights[~is_same & is_wrong].sum() / different
            rates.append((1 - (rejected + accepted) / 2, accepted, rejected))
    return Intervals(*(tuple(ends) for ends in np.quantile(rates, [0.025, 0.975], axis=0).T.tolist()))
