"""Euclidean distances between embeddings: row by row, or all at once as one matrix product."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:  # torch takes a second, for which what compares two images need not wait
    from torch import Tensor


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """Distance between two embeddings (D,), float32; exactly 0 for equal ones, symmetric."""
    return float(np.sqrt(np.square(a - b).sum()))


def paired_distance(a: "Tensor", b: "Tensor") -> "Tensor":
    """Distance between row i of `a` and row i of `b`: (N, D), (N, D) -> (N,); exactly 0 for equal rows, symmetric."""
    return (a - b).square().sum(dim=-1).sqrt()


def squared_distance_matrix(a: "Tensor", b: "Tensor | None" = None) -> "Tensor":
    """All squared distances by |a|^2 + |b|^2 - 2ab: (N, D), (M, D) -> (N, M), at least 0; `b` defaults to `a`.

    One matrix product instead of N * M differences. Rounding leaves up to about 1e-6 |a|^2 where the true value is 0.
    """
    b = a if b is None else b
    products = a @ b.T  # (N, M)
    squares = a.square().sum(dim=1)[:, None] + b.square().sum(dim=1)[None, :]
    return (squares - 2 * products).clamp_min(0)


def distance_matrix(a: "Tensor", b: "Tensor | None" = None) -> "Tensor":
    """All distances: (N, D), (M, D) -> (N, M); `b` defaults to `a`. The gradient at distance 0 is 0, not NaN."""
    squared = squared_distance_matrix(a, b)
    positive = squared > 0
    return squared.where(positive, 1.0).sqrt() * positive
