"""Distances against explicit sums, on pixels of real digits and on random vectors."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from siamese.distances import distance_matrix, paired_distance, squared_distance_matrix


@pytest.fixture(scope="module")
def rows(digits) -> torch.Tensor:
    """60 digits as vectors of their pixels, (60, 784)."""
    return torch.from_numpy(digits[0][:60].reshape(60, -1)).float() / 255


def explicit_distances(a: torch.Tensor, b: torch.Tensor) -> np.ndarray:
    return np.array([[math.dist(row, other) for other in b.tolist()] for row in a.tolist()])


def test_matrix_holds_the_distance_of_every_pair(rows):
    expected = explicit_distances(rows[:20], rows[20:])
    np.testing.assert_allclose(distance_matrix(rows[:20], rows[20:]), expected, rtol=1e-5)
    np.testing.assert_allclose(squared_distance_matrix(rows[:20], rows[20:]), expected**2, rtol=1e-5)


def test_matrix_without_a_second_argument_compares_with_itself(rows):
    assert torch.equal(distance_matrix(rows), distance_matrix(rows, rows))
    assert torch.equal(squared_distance_matrix(rows), squared_distance_matrix(rows, rows))


@given(st.integers(0, 2**32 - 1), st.floats(1e-2, 1e2))
def test_rounding_at_distance_zero_is_as_small_as_documented(rows, seed, scale):
    noise = scale * torch.randn(40, 16, generator=torch.Generator().manual_seed(seed))
    for vectors in (scale * rows, noise, torch.zeros(5, 3)):
        squared = squared_distance_matrix(vectors).diagonal()
        assert (squared >= 0).all()
        assert (squared <= 2e-6 * vectors.square().sum(dim=1)).all()
        torch.testing.assert_close(distance_matrix(vectors).diagonal(), squared.sqrt())


def test_paired_distance_is_that_of_the_rows(rows):
    expected = explicit_distances(rows[:30], rows[30:]).diagonal()
    np.testing.assert_allclose(paired_distance(rows[:30], rows[30:]), expected, rtol=1e-5)


@given(st.lists(st.tuples(st.integers(0, 59), st.integers(0, 59)), min_size=1, max_size=20), st.floats(1e-3, 1e3))
def test_paired_distance_is_exactly_symmetric_and_zero_for_equal_rows(rows, pairs, scale):
    first, second = (scale * rows[list(indices)] for indices in zip(*pairs, strict=True))
    assert torch.equal(paired_distance(first, second), paired_distance(second, first))
    assert (paired_distance(first, first.clone()) == 0).all()
    assert (paired_distance(first, second) >= 0).all()


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 12), st.integers(1, 8))
def test_matrix_is_never_negative_nor_nan(seed, count, other_count, width):
    generator = torch.Generator().manual_seed(seed)
    a, b = (1000 * torch.randn(size, width, generator=generator) for size in (count, other_count))
    for matrix in (distance_matrix(a, b), squared_distance_matrix(a, b)):
        assert matrix.shape == (count, other_count)
        assert (matrix >= 0).all()


def test_gradient_of_the_matrix_is_that_of_finite_differences():
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(size, 3, dtype=torch.float64, generator=generator, requires_grad=True) for size in (4, 5))
    assert torch.autograd.gradcheck(distance_matrix, (a, b))
    assert torch.autograd.gradcheck(squared_distance_matrix, (a, b))


def test_gradient_at_distance_zero_is_zero():
    point = torch.ones(4, 3, requires_grad=True)
    distance_matrix(point).sum().backward()
    assert torch.equal(point.grad, torch.zeros(4, 3))
