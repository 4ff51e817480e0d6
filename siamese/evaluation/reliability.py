"""How often pairs of each predicted probability are really the same, with 95% intervals by bootstrap."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
from torch import Tensor

from siamese.config import Calibration
from siamese.distances import distance_matrix
from siamese.evaluation.bootstrap import LEAST_UNITS, MOST_WITHOUT
from siamese.evaluation.calibration import probability_same
from siamese.evaluation.metrics import ROWS

BINS = 15  # of equal width
MOST_OF_A_BIN = 5_000  # pairs, of a block: a seeded draw stands for more, which say no more about the spread


class Block(NamedTuple):
    """P pairs, of which few are looked at closely."""

    distances: np.ndarray  # float32 (P,)
    is_same: np.ndarray  # bool (P,)
    counts: np.ndarray | None  # bool (P,): which count, as each pair is to once; None if all do
    ends: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]  # the units of both ends, of the pairs at these indices


def bin_of(predicted: np.ndarray) -> np.ndarray:
    """The bin of each probability 0..1: 0 to BINS - 1."""
    return np.minimum((predicted * BINS).astype(np.int64), BINS - 1)


def blocks_of_images(embeddings: Tensor, labels: np.ndarray, units: np.ndarray) -> Iterator[Block]:
    """All pairs of N images, some rows of the distance matrix at a time; `units` (N,) are numbered from 0."""
    for start in range(0, len(labels), ROWS):
        distances = distance_matrix(embeddings[start : start + ROWS], embeddings[start:]).numpy()
        rows, columns = labels[start : start + ROWS, None], labels[None, start:]
        once = np.triu(np.ones(distances.shape, dtype=bool), 1)

        def ends(pairs: np.ndarray, start=start, width=distances.shape[1]) -> tuple[np.ndarray, np.ndarray]:
            return tuple(units[start + each] for each in np.divmod(pairs, width))

        yield Block(distances.ravel(), (rows == columns).ravel(), once.ravel(), ends)


def observed_intervals(
    blocks: Iterable[Block], units: int, calibration: Calibration, replicates: int = 200, seed: int = 0
) -> np.ndarray:
    """95% interval of the observed share of same pairs in each bin, 0..1, both kinds weighing half: float (BINS, 2).

    Percentile bootstrap over the `units`, as many as the blocks number from 0, such as images or classes, as in
    siamese.evaluation.bootstrap: a pair weighs as often as both of its units were drawn, one within a unit as often as
    that. NaN where too little is behind a bin.
    """
    if units < LEAST_UNITS:
        return np.full((BINS, 2), np.nan)
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(units, np.full(units, 1 / units), size=replicates).T.astype(np.float32)  # (U, R)
    weights, totals = np.zeros((2 * BINS, replicates)), np.zeros(2)  # of each bin, different pairs and then same ones
    for block in blocks:
        kinds = (2 * bin_of(probability_same(block.distances, calibration)) + block.is_same).astype(np.uint8)
        if block.counts is not None:
            kinds[~block.counts] = 2 * BINS
        order, sizes = np.argsort(kinds, kind="stable"), np.bincount(kinds, minlength=2 * BINS)[: 2 * BINS]
        totals += sizes.reshape(BINS, 2).sum(axis=0)
        for number, (end, size) in enumerate(zip(sizes.cumsum(), sizes, strict=True)):
            chosen = order[end - size : end]
            if size > MOST_OF_A_BIN:
                chosen = generator.choice(chosen, MOST_OF_A_BIN, replace=False, shuffle=False)
            one, other = block.ends(chosen)
            weight = np.where((one == other)[:, None], drawn[one], drawn[one] * drawn[other])
            weights[number] += max(1, size / MOST_OF_A_BIN) * weight.sum(axis=0)
    different, same = (weights.reshape(BINS, 2, replicates) / np.maximum(totals, 1)[:, None]).transpose(1, 0, 2)
    filled = different + same > 0
    observed = np.where(filled, same / np.where(filled, different + same, 1), np.nan)
    is_enough = filled.mean(axis=1) >= 1 - MOST_WITHOUT
    ends = [
        np.nanquantile(row, [0.025, 0.975]) if enough else [np.nan] * 2
        for row, enough in zip(observed, is_enough, strict=True)
    ]
    return np.array(ends)
