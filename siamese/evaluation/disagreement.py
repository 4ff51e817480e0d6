"""Images that disagree with their class: nearer to those of another class than to those of their own."""

from collections import Counter
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from siamese.distances import distance_matrix

# Of each kind whose mean distance counts: the nearest alone may be in the wrong class itself. Of 1% and 5% swapped labels of
# digits and faces, 30 draws each, those were 98% of the first with 3, as with 5; 92% with 1, 96% with 10.
NEIGHBOURS = 3
CELLS = 1 << 22  # of the distance matrix at a time: bounds the memory
LEAST_OF_CLASS = 20  # images that a draw leaves of a class that has so many


class Disagreement(NamedTuple):
    """An image beside its class and the one that it looks like."""

    image: int  # its place among the images
    nearest: int  # the place of the nearest image of the class that it looks like
    to_own: float  # mean distance to its nearest neighbours in its own class
    to_others: float  # the same in all other classes


def disagreements(embeddings: Tensor, labels: Tensor, count: int) -> tuple[int, list[Disagreement]]:
    """How many images are nearer to other classes than to their own, and the `count` of them that are so most, first.

    Of embeddings (N, D) and classes (N,). By the mean distance a of an image to the NEIGHBOURS nearest others of its class
    (all, where there are fewer) less that to the nearest of all other classes, b, it disagrees with its class. b - a is
    twice the hypothesis margin of the nearest neighbour rule (Crammer et al. 2002), of several hits and misses as in ReliefF
    (Kononenko 1994). The class that it looks like has most of the nearest misses. An image that is alone in its class
    disagrees with nothing.
    """
    to_own, to_others = torch.zeros(len(labels)), torch.zeros(len(labels))
    rows = max(1, CELLS // max(1, len(labels)))
    for start in range(0, len(labels), rows):
        part = torch.arange(start, min(start + rows, len(labels)))
        own, others = _own_and_others(embeddings, labels, part)
        to_own[part], to_others[part] = _mean_of_nearest(own), _mean_of_nearest(others)
    score = (to_own - to_others).nan_to_num(0).clamp_min(0)
    first = score.argsort(descending=True, stable=True)[: min(count, int((score > 0).sum()))]
    found = []
    for image in first.tolist():
        distances, misses = _own_and_others(embeddings, labels, torch.tensor([image]))[1][0].sort(stable=True)
        misses = misses[: min(NEIGHBOURS, int(distances.isfinite().sum()))].tolist()
        looks_like = Counter(labels[misses].tolist()).most_common(1)[0][0]  # of several, that of the nearest
        nearest = next(miss for miss in misses if labels[miss] == looks_like)
        found.append(Disagreement(image, nearest, float(to_own[image]), float(to_others[image])))
    return int((score > 0).sum()), found


def draw(labels: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Which at most `most` of many images (N,) to compare with each other, by a seeded draw: their places, ascending.

    A class keeps its share, or LEAST_OF_CLASS images; where that is too much for all classes, some are left out whole: an
    image is to be seen beside its own class.
    """
    if len(labels) <= most:
        return np.arange(len(labels))
    generator, sizes = np.random.default_rng(seed), np.bincount(labels)
    order = generator.permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]  # by class, at random within it
    rank = np.arange(len(labels)) - (np.cumsum(sizes) - sizes)[labels[order]]
    kept = np.minimum(sizes, np.maximum(LEAST_OF_CLASS, most * sizes // len(labels)))  # of each class
    if kept.sum() > most:
        classes = generator.permutation(len(sizes))
        kept[classes[np.cumsum(kept[classes]) > most]] = 0
    return np.sort(order[rank < kept[labels[order]]])


def _own_and_others(embeddings: Tensor, labels: Tensor, part: Tensor) -> tuple[Tensor, Tensor]:
    """Distances (R, N) of the images `part` (R,) to the others of their class, and to those of other classes; else inf."""
    distances = distance_matrix(embeddings[part], embeddings)
    is_same = labels[part, None] == labels[None, :]
    others = distances.masked_fill(is_same, torch.inf)
    own = distances.masked_fill_(~is_same, torch.inf)
    own[torch.arange(len(part)), part] = torch.inf
    return own, others


def _mean_of_nearest(distances: Tensor) -> Tensor:
    """The mean (R,) of the NEIGHBOURS smallest of each row that are finite; NaN where none is."""
    nearest = distances.topk(min(NEIGHBOURS, distances.shape[1]), dim=1, largest=False).values
    return nearest.masked_fill(nearest.isinf(), torch.nan).nanmean(dim=1)
