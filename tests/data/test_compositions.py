"""New classes of a training batch: of what they are made, what they keep, and that they depend on their generator alone."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from siamese.data.compositions import with_compositions
from siamese.images.canonical import to_tensor

PER_CLASS = 4


def batch(digits, classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Four drawings of each class, in random order; class k is of the digit k % 10."""
    images, labels = digits
    chosen = np.concatenate([np.flatnonzero(labels == k % 10)[PER_CLASS * (k // 10) :][:PER_CLASS] for k in range(classes)])
    order = torch.randperm(len(chosen), generator=torch.Generator().manual_seed(classes))
    return to_tensor(images[chosen])[order], torch.arange(classes).repeat_interleave(PER_CLASS)[order]


def composed(images: torch.Tensor, labels: torch.Tensor, seed: int = 0, processes: int = 1) -> tuple:
    return with_compositions(images, labels, torch.Generator().manual_seed(seed), processes)


def new_of(images: torch.Tensor, labels: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """The new classes alone: (classes, PER_CLASS, 1, H, W)."""
    return composed(images, labels, seed)[0][len(images) :].unflatten(0, (-1, PER_CLASS))


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 8))
def test_a_batch_stays_and_half_as_many_classes_come_which_all_processes_share(digits, seed, classes, processes):
    images, labels = batch(digits, classes)
    before = images.clone()
    found, numbers = composed(images, labels, seed, processes)
    assert torch.equal(found[: len(images)], before)
    assert torch.equal(images, before)
    assert torch.equal(numbers[: len(labels)], labels)
    new, counts = numbers[len(labels) :].unique(return_counts=True)
    assert not set(new.tolist()) & set(labels.tolist())
    assert (counts == PER_CLASS).all()
    assert len(counts) % 3 == 0
    assert len(counts) <= classes / 2
    assert PER_CLASS * len(counts) % processes == 0
    if processes == 1:
        assert len(counts) == classes // 6 * 3
    assert found.shape == (len(numbers), 1, 28, 28)
    assert found.min() >= 0
    assert found.max() <= 1


def test_new_classes_depend_on_the_generator_alone(digits):
    images, labels = batch(digits, 12)
    torch.manual_seed(1)
    first = new_of(images, labels)
    torch.manual_seed(2)
    assert torch.equal(first, new_of(images, labels))
    assert not torch.equal(first, new_of(images, labels, seed=1))


@given(st.integers(0, 2**32 - 1))
def test_where_parts_lie_belongs_to_the_class_and_not_to_the_drawing(digits, seed):
    images, labels = batch(digits, 12)
    one = images[torch.stack([(labels == k).nonzero()[0, 0] for k in range(12)])]  # of each class
    for drawings in new_of(one[labels], labels, seed):
        assert torch.equal(drawings, drawings[:1].expand_as(drawings))


@given(st.integers(0, 2**32 - 1))
def test_a_new_class_has_ink_of_two_and_each_two_of_three_share_one(seed):
    """Each class has a channel to itself, so that ink says whose it is."""
    labels = torch.arange(12).repeat_interleave(PER_CLASS)
    images = torch.eye(12)[labels][:, :, None, None].expand(-1, -1, 28, 28).contiguous()
    ink = new_of(images, labels, seed)[:, 0].sum(dim=(2, 3))  # (new classes, 12)
    made_of = [set(each.nonzero()[:, 0].tolist()) for each in ink > 28]
    assert {len(each) for each in made_of} == {2}
    groups = len(made_of) // 3
    for number in range(groups):
        three = made_of[number::groups]
        assert len(set.union(*three)) == 3
        assert all(len(one & other) == 1 for one in three for other in three if one != other)


def test_drawings_of_a_new_class_are_by_different_people(digits):
    images, labels = batch(digits, 12)
    for drawings in new_of(images, labels):
        assert len(drawings.flatten(1).unique(dim=0)) == PER_CLASS


@pytest.mark.parametrize("classes", [1, 5])
def test_of_few_classes_there_are_none(classes, digits):
    images, labels = batch(digits, classes)
    found, numbers = composed(images, labels)
    assert torch.equal(found, images)
    assert torch.equal(numbers, labels)
