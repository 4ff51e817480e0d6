"""Parts: whole classes or groups go to one part each, nothing is lost and nothing is in two parts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siamese.data.datasets.mnist import load_mnist_sample
from siamese.data.labelled_images import LabelledImages
from siamese.data.partition import hold_out_seen, split_classes, split_images, split_validation


@given(share=st.floats(0.01, 0.5), seed=st.integers(0, 2**31 - 1))
def test_validation_is_cut_from_each_class_and_shares_nothing_with_training(share, seed):
    everything, _ = load_mnist_sample()
    numbered = LabelledImages(np.arange(len(everything)), everything.labels)  # each image is its own number
    training, validation = split_validation(numbered, share, seed)
    assert sorted([*training.images, *validation.images]) == list(range(len(everything)))
    for part in (training, validation):
        assert np.array_equal(part.labels, everything.labels[part.images])
    assert np.bincount(validation.labels).tolist() == [round(share * 200)] * 10
    again = split_validation(numbered, share, seed)
    assert np.array_equal(again[0].images, training.images)
    assert np.array_equal(again[1].images, validation.images)


def test_another_seed_cuts_another_validation_set():
    everything, _ = load_mnist_sample()
    first, other = (split_validation(everything, 0.1, seed)[1] for seed in (0, 1))
    assert not np.array_equal(first.images, other.images)


def numbered(labels: list[int]) -> LabelledImages:
    """Images that are their own number."""
    images = np.arange(len(labels), dtype=np.uint32).view(np.uint8).reshape(len(labels), 2, 2)
    return LabelledImages(images, np.array(labels))


def numbers(part: LabelledImages) -> list[int]:
    return np.ascontiguousarray(part.images).reshape(len(part), 4).view(np.uint32).ravel().tolist()


@given(
    st.lists(st.integers(1, 6), min_size=1, max_size=30),
    st.floats(0.01, 0.5),
    st.floats(0.01, 0.5),
    st.integers(0, 1000),
)
def test_whole_classes_go_to_one_part_each(sizes, validation_share, test_share, seed):
    labels = [label for label, size in enumerate(sizes) for _ in range(size)]
    data = numbered(labels)
    held_out = [max(2, round(share * len(sizes))) for share in (validation_share, test_share)]
    if len(sizes) - sum(held_out) < 2:
        with pytest.raises(ValueError, match=rf"too few classes \({len(sizes)}\)"):
            split_classes(data, validation_share, test_share, seed)
        return
    parts = split_classes(data, validation_share, test_share, seed)
    assert sorted(number for part in parts for number in numbers(part)) == list(range(len(data)))
    owners = [{labels[number] for number in numbers(part)} for part in parts]
    assert [len(owner) for owner in owners] == [len(sizes) - sum(held_out), *held_out]
    for part in parts:
        originals = [labels[number] for number in numbers(part)]
        assert part.labels.tolist() == [sorted(set(originals)).index(label) for label in originals]
    again = split_classes(data, validation_share, test_share, seed)
    assert [numbers(part) for part in again] == [numbers(part) for part in parts]


@given(st.lists(st.integers(1, 60), min_size=1, max_size=60), st.integers(0, 1000))
def test_few_images_of_seen_classes_are_held_out_from_classes_that_keep_enough(sizes, seed):
    labels = [label for label, size in enumerate(sizes) for _ in range(size)]
    data = numbered(labels)
    has_copies = np.random.default_rng(seed).random(len(data)) < 0.2
    data = LabelledImages(data.images, data.labels, has_copies)
    training, seen = hold_out_seen(data, seed)
    assert hold_out_seen(data, seed)[0].labels.tolist() == training.labels.tolist()
    if seen is None:
        able = [size for size in np.bincount(data.labels[~has_copies]) if size >= 6]
        assert len(able) < 5 or len(data) < 100
        assert training is data
        return
    assert sorted(numbers(training) + numbers(seen)) == list(range(len(data)))
    assert len(seen) <= len(data) / 10
    assert not has_copies[numbers(seen)].any()
    assert len(set(seen.labels)) >= 5
    for label in set(seen.labels):
        held_out = (seen.labels == label).sum()
        assert held_out >= 2
        assert held_out <= max(2, sizes[label] / 10)
        assert (training.labels == label).sum() >= 4
    assert seen.labels.tolist() == [labels[number] for number in numbers(seen)]


@given(
    st.lists(st.lists(st.integers(1, 4), min_size=2, max_size=6), min_size=1, max_size=15),
    st.floats(0.01, 0.5),
    st.sampled_from([0, 0.1, 0.4]),
    st.integers(0, 1000),
)
def test_whole_groups_of_classes_go_to_one_part_each(groups, validation_share, test_share, seed):
    sizes = [(group, size) for group, classes in enumerate(groups) for size in classes]
    labels = [label for label, (_, size) in enumerate(sizes) for _ in range(size)]
    data = numbered(labels)
    data = LabelledImages(data.images, data.labels, groups=np.array([group for group, _ in sizes]))
    held_out = [max(1, round(share * len(groups))) if share else 0 for share in (validation_share, test_share)]
    if len(groups) - sum(held_out) < 1:
        with pytest.raises(ValueError, match=rf"too few groups \({len(groups)}\)"):
            split_classes(data, validation_share, test_share, seed, by_group=True)
        return
    parts = split_classes(data, validation_share, test_share, seed, by_group=True)
    assert sorted(number for part in parts for number in numbers(part)) == list(range(len(data)))
    owners = [{sizes[labels[number]][0] for number in numbers(part)} for part in parts]
    assert [len(owner) for owner in owners] == [len(groups) - sum(held_out), *held_out]
    for part in parts:
        assert part.groups[part.labels].tolist() == [sizes[labels[number]][0] for number in numbers(part)]


def test_a_group_of_one_class_makes_no_part():
    data = numbered([0, 0, 1, 1, 2, 2])
    data = LabelledImages(data.images, data.labels, groups=np.arange(3))
    with pytest.raises(ValueError, match="a group has only one class"):
        split_classes(data, 0.2, 0.2, 0, by_group=True)


def test_a_split_within_classes_gives_each_part_its_share_of_each_class():
    data = numbered([label for label in range(5) for _ in range(40)])
    parts = split_images(data, 0.1, 0.2, 0)
    assert sorted(number for part in parts for number in numbers(part)) == list(range(200))
    assert [np.bincount(part.labels).tolist() for part in parts] == [[28] * 5, [4] * 5, [8] * 5]
    with pytest.raises(ValueError, match="too few to form same and different pairs"):
        split_images(numbered([0, 0, 1, 1, 2, 2]), 0.1, 0.2, 0)


def test_small_classes_keep_two_images_for_each_part():
    for sizes in ([6, 6], [7] * 9, [6, 7, 3]):
        labels = np.repeat(np.arange(len(sizes)), sizes).tolist()
        parts = split_images(numbered(labels), 0.2, 0.2, 0)
        assert sorted(number for part in parts for number in numbers(part)) == list(range(len(labels)))
        for part in parts:
            assert np.bincount(part.labels)[:2].min() >= 2


@given(
    st.lists(st.integers(2, 5), min_size=8, max_size=20),
    st.lists(st.tuples(st.integers(0, 39), st.integers(0, 39)), max_size=12),
    st.integers(0, 1000),
)
def test_near_copies_in_several_classes_are_in_one_part(sizes, copies, seed):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    first = np.arange(len(labels))
    for a, b in copies:
        one, other = sorted((int(first[a % len(first)]), int(first[b % len(first)])))
        first[first == other] = one
    try:
        parts = split_classes(numbered(labels.tolist()), 0.2, 0.2, seed, first=first)
    except ValueError as error:
        assert "near copies of each other" in str(error)  # noqa: PT017
        return
    held = [set(first[numbers(part)].tolist()) for part in parts]
    assert not held[0] & held[1] | held[0] & held[2] | held[1] & held[2]
    for part in parts:
        assert len(set(part.labels.tolist())) == part.labels.max() + 1 >= 2
    if not copies:
        plain = split_classes(numbered(labels.tolist()), 0.2, 0.2, seed)
        assert [numbers(part) for part in plain] == [numbers(part) for part in parts]
