"""Batches: full, balanced, and in an order that depends on seeds alone."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from siamese.data.sampling import class_batches, derived_seed, epoch_batches, pair_batches


@given(st.lists(st.integers(1, 9), min_size=2, max_size=40), st.integers(2, 5), st.integers(8, 64), st.integers(0, 99))
def test_a_class_balanced_batch_holds_so_many_of_each_of_its_classes(sizes, per_class, batch_size, seed):
    labels = np.random.default_rng(seed).permutation([label for label, size in enumerate(sizes) for _ in range(size)])
    batches = class_batches(labels, batch_size, per_class, 3, seed, 1)
    classes = min(batch_size // per_class, len(sizes))
    assert batches.shape == (3, classes * per_class)
    for batch in batches.numpy():
        found, counts = np.unique(labels[batch], return_counts=True)
        assert len(found) == classes
        assert set(counts) == {per_class}
        for label in found:  # none twice before each was there once
            members = batch[labels[batch] == label]
            assert len(set(members)) == min(per_class, sizes[label])
    assert torch.equal(batches, class_batches(labels, batch_size, per_class, 3, seed, 1))
    assert not torch.equal(batches, class_batches(labels, batch_size, per_class, 3, seed, 2)) or len(labels) < 6


@given(st.integers(2, 6), st.integers(1, 9), st.integers(2, 20), st.integers(0, 99))
def test_a_batch_takes_one_whole_group_of_classes_after_the_other(count, size, classes, seed):
    groups = np.arange(count * size) % count
    labels = np.repeat(np.arange(count * size), 4)
    for batch in class_batches(labels, 4 * classes, 4, 3, seed, 0, groups).numpy():
        found = np.sort(np.bincount(groups[np.unique(labels[batch])], minlength=count))
        whole, rest = divmod(min(classes, count * size), size)
        assert found.tolist() == sorted([0] * (count - whole - (rest > 0)) + [rest] * (rest > 0) + [size] * whole)


@given(st.integers(1, 300), st.integers(2, 100), st.integers(0, 1000), st.integers(0, 1000))
def test_an_epoch_is_full_batches_of_different_images(count, batch_size, seed, epoch):
    batches = list(epoch_batches(count, batch_size, seed, epoch))
    indices = torch.cat(batches).tolist()
    assert [len(batch) for batch in batches] == [min(batch_size, count)] * max(count // batch_size, 1)
    assert len(set(indices)) == len(indices)
    assert set(indices) <= set(range(count))
    again = list(epoch_batches(count, batch_size, seed, epoch))
    assert all(torch.equal(batch, other) for batch, other in zip(batches, again, strict=True))


def test_each_epoch_and_seed_has_an_order_of_its_own():
    orders = {tuple(epoch_batches(100, 100, seed, epoch)[0].tolist()) for seed in range(5) for epoch in range(5)}
    assert len(orders) == 25


@given(st.lists(st.integers(0, 2**31 - 1), min_size=2, max_size=3))
def test_derived_seeds_fit_a_generator_and_depend_on_the_order_of_the_parts(parts):
    assert 0 <= derived_seed(*parts) < 2**63
    assert derived_seed(*parts) == derived_seed(*parts)
    if parts != parts[::-1]:
        assert derived_seed(*parts) != derived_seed(*parts[::-1])


@given(st.integers(1, 30), st.integers(1, 30), st.integers(2, 12).map(lambda quarter: 4 * quarter), st.integers(0, 99))
def test_batches_of_pairs_hold_both_ends_and_as_many_of_each_kind(same, different, batch_size, seed):
    is_same = np.random.default_rng(seed).permutation([True] * same + [False] * different)
    batches = pair_batches(is_same, batch_size, 7, np.random.default_rng(seed))
    assert batches.shape == (7, batch_size)
    for batch in batches.tolist():
        assert sorted(end ^ 1 for end in batch) == sorted(batch)  # 2p and 2p + 1
        assert sum(bool(is_same[end // 2]) for end in batch) == batch_size // 2
    drawn = batches.numpy()[:, :] // 2
    for kind in (True, False):
        times = np.bincount(drawn[is_same[drawn] == kind], minlength=len(is_same))[is_same == kind]
        assert times.max() - times.min() <= 2  # each pair as often as any other, give or take one round
    again = pair_batches(is_same, batch_size, 7, np.random.default_rng(seed))
    assert torch.equal(batches, again)
