"""Groups of one class among embeddings, by the threshold alone: nobody says how many classes there are.

Average linkage (UPGMA, Sokal and Michener 1958): the two groups with the least mean distance between their images are joined
while that is at most the threshold. tests/benchmarks/clusters.py compares: a single wrong pair has connected components
join two classes, and complete linkage split one.
"""

import numpy as np
import torch
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import pdist, squareform

from siamese.distances import squared_distance_matrix

METHODS = ("single", "complete", "average")  # of scipy
METHOD = "average"
ROWS = 1000  # of the matrix of distances at a time
MOST_TOGETHER = 20_000  # images that are linked over chains of near pairs: their distances take 1.6 GB


def groups(embeddings: np.ndarray, threshold: float, method: str = METHOD) -> np.ndarray:
    """The number of the group of each embedding (N, D): int64 (N,), the largest group first, of equal ones the one that
    comes first.

    What no chain of pairs within the threshold connects is in no group together, whatever the method, so each connected part
    is linked by itself. Raises ValueError where one of those has more than MOST_TOGETHER images.
    """
    parts = _connected(embeddings, threshold)
    group, count = np.zeros(len(embeddings), np.int64), 0
    order = np.argsort(parts, kind="stable")
    for places in np.split(order, np.flatnonzero(np.diff(parts[order])) + 1) if len(order) else ():
        if method == "single" or len(places) == 1:
            found = np.ones(len(places), np.int64)
        elif len(places) > MOST_TOGETHER:
            raise ValueError(
                f"{len(places):,} images are connected by pairs within the threshold {threshold:g}, allowed: at most "
                f"{MOST_TOGETHER:,}; try a lower --threshold, or fewer images"
            )
        else:
            distances = pdist(embeddings[places].astype(np.float64))
            found = fcluster(linkage(distances, method), threshold, "distance")
        group[places] = count + found - 1
        count += found.max()
    _, first, number, sizes = np.unique(group, return_index=True, return_inverse=True, return_counts=True)
    rank = np.empty(len(sizes), np.int64)
    rank[np.lexsort((first, -sizes))] = np.arange(len(sizes))
    return rank[number]


def _connected(embeddings: np.ndarray, threshold: float) -> np.ndarray:
    """The connected part that each embedding is in, where two are connected by a distance within the threshold: (N,)."""
    rows = torch.from_numpy(np.ascontiguousarray(embeddings, dtype=np.float32))
    part = np.arange(len(rows))
    for start in range(0, len(rows), ROWS):
        near = squared_distance_matrix(rows[start : start + ROWS], rows[start:]) <= threshold**2 * (1 + 1e-6)
        a, b = (each.numpy() + start for each in near.nonzero(as_tuple=True))
        pairs = np.unique(np.stack([part[a], part[b]], axis=1), axis=0)
        graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(rows), len(rows)))
        part = connected_components(graph, directed=False)[1][part]
    return part


def centre_and_width(embeddings: np.ndarray) -> tuple[int, float]:
    """Of a group (N, D), the place of the image with the least mean distance to the others, and the largest distance."""
    if len(embeddings) > MOST_TOGETHER:
        embeddings = embeddings[:MOST_TOGETHER]
    distances = squareform(pdist(embeddings.astype(np.float64)))
    return int(distances.mean(axis=1).argmin()), float(distances.max())
