"""What distances of a few validation classes say about classes that nobody has measured yet."""

import numpy as np
import torch
from scipy.special import ndtri
from torch import Tensor

from siamese.config import Calibration
from siamese.distances import distance_matrix
from siamese.evaluation.metrics import ROWS, PairDistances, pair_distances

# Two classes say nothing of how far others would lie. Until more say it, by how much the distances of a class, or of two
# classes, differ from those of others, as a share of themselves, and as how many classes that counts. Chosen on Omniglot's
# characters (tests/benchmarks/few_classes.py).
USUAL_SPREAD, USUAL_WEIGHT = 0.55, 0.2
# How threshold and slopes usually lie to distances that many classes have a part in, and as many classes as say as much:
# those between validation and training images, and within the classes of the training.
USUAL_THRESHOLD, TRAINING_SHARE, THRESHOLD_WEIGHT = 0.9, 0.3, 2
USUAL_SLOPES, SLOPES_WEIGHT = (2.6, 2.0), 12
MOST_IMAGES = 1000  # of validation, that these distances are taken of: bounds their matrix
MOST_CLASSES = 200  # that the spread is taken from: bounds the matrix of their distances
MOST_DISTANCES = 50_000  # of a kind, evenly taken from all: bounds what is spread
NODES = ndtri((np.arange(9) + 0.5) / 9)  # equally likely places of a normal distribution


def as_of_unseen_classes(pairs: PairDistances, embeddings: Tensor, labels: Tensor) -> PairDistances:
    """The distances `pairs` of all pairs of these embeddings (N, D), spread as those of other classes would be.

    A class has distances of its own, and so has each two classes. Where those of U classes differ by the share s, their mean
    is known to s / sqrt(U) only: by so much the distances of others may lie nearer or farther. Where there are many classes,
    nothing changes.
    """
    classes = len(labels.unique())
    same, different = _mean_distances(embeddings, labels)
    # Two classes make a pair: with K classes, K / 2 of their K (K - 1) / 2 pairs are independent.
    parts = ((pairs.same, same, classes), (pairs.different, different, classes / 2))
    return PairDistances(*(_spread(distances, _share(means) / units**0.5) for distances, means, units in parts))


def towards_usual(
    calibration: Calibration, embeddings: Tensor, classes: int, training: Tensor, training_labels: Tensor
) -> Calibration:
    """A calibration fitted on few classes, drawn towards what is usual for a model whose images lie as these do.

    `embeddings` (N, D) are of the validation images, of that many `classes`, and `training` (M, D) of training images: two
    validation classes are at one distance from each other, but at many from those of the training, and a model that has
    learnt its training by heart shows it by how close these lie. The classes of validation count against THRESHOLD_WEIGHT
    and SLOPES_WEIGHT usual ones, so where there are many, nothing changes.
    """
    chosen = torch.linspace(0, len(embeddings) - 1, min(len(embeddings), MOST_IMAGES)).round().long()
    across = distance_matrix(embeddings[chosen], training).double()
    if (torch.bincount(training_labels) < 2).all() or len(training_labels.unique()) < 2:
        return calibration
    within = float(np.median(pair_distances(training, training_labels).same))
    middle, spread = float(across.median()), float(across.std())
    if not min(within, middle, spread) > 0:
        return calibration
    usual = USUAL_THRESHOLD * middle ** (1 - TRAINING_SHARE) * within**TRAINING_SHARE
    threshold = _between(calibration.threshold, usual, classes / (classes + THRESHOLD_WEIGHT))
    slopes = (
        _between(slope * calibration.threshold / threshold, usual_slope / spread, classes / (classes + SLOPES_WEIGHT))
        for slope, usual_slope in zip((calibration.same_slope, calibration.different_slope), USUAL_SLOPES, strict=True)
    )
    return Calibration(threshold, *slopes, calibration.doubt)


def _between(found: float, usual: float, weight: float) -> float:
    return float(np.exp(weight * np.log(found) + (1 - weight) * np.log(usual)))


def _mean_distances(embeddings: Tensor, labels: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Mean distance within each class, and between each two of them, of at most MOST_CLASSES classes; those above 0."""
    chosen = labels.unique()
    chosen = chosen[torch.linspace(0, len(chosen) - 1, min(len(chosen), MOST_CLASSES)).round().long()]
    kept = torch.isin(labels, chosen)
    embeddings, labels = embeddings[kept], torch.searchsorted(chosen, labels[kept])
    sizes = torch.bincount(labels).double()
    sums = torch.zeros(len(chosen), len(chosen), dtype=torch.float64)
    for start in range(0, len(labels), ROWS):
        distances = distance_matrix(embeddings[start : start + ROWS], embeddings).double()  # (B, N)
        distances.diagonal(start).zero_()
        by_class = torch.zeros(len(distances), len(chosen), dtype=torch.float64).index_add_(1, labels, distances)
        sums.index_add_(0, labels[start : start + ROWS], by_class)
    means = (sums / (torch.outer(sizes, sizes) - torch.diag(sizes)).clamp_min(1)).numpy()  # (K, K)
    same, different = means.diagonal(), means[np.triu_indices(len(means), 1)]
    return same[same > 0], different[different > 0]


def _share(means: np.ndarray) -> float:
    """By which share of itself a mean distance differs from others, as a standard deviation."""
    logarithms = np.log(means)
    squares = float(np.square(logarithms - logarithms.mean()).sum()) if len(means) else 0.0
    return ((USUAL_WEIGHT * USUAL_SPREAD**2 + squares) / (USUAL_WEIGHT + max(len(means) - 1, 0))) ** 0.5


def _spread(distances: np.ndarray, share: float) -> np.ndarray:
    if len(distances) > MOST_DISTANCES:
        distances = distances[np.linspace(0, len(distances) - 1, MOST_DISTANCES).round().astype(int)]
    return np.sort((distances[:, None] * np.exp(share * NODES)).ravel()).astype(np.float32)
