"""Images with their classes: what is taken keeps its class, and pairs are those of a loop."""

import itertools
import tracemalloc

import numpy as np
import pytest
import torch

from siamese.data.labelled_images import LabelledImages, group_numbers, sources_of


@pytest.fixture(scope="module")
def data(digits) -> LabelledImages:
    images, labels = digits
    sources = sources_of(f"{label}/{number}.png" for number, label in enumerate(labels))
    return LabelledImages(images, labels, has_copies=labels == 3, groups=np.arange(10) // 5, sources=sources)


def test_what_is_taken_comes_in_the_order_asked_for_with_all_that_is_known_of_it(data):
    indices = np.array([500, 3, 999, 3])
    taken = data.take(indices)
    assert len(taken) == 4
    np.testing.assert_array_equal(taken.images, data.images[indices])
    np.testing.assert_array_equal(taken.labels, data.labels[indices])
    np.testing.assert_array_equal(taken.has_copies, data.labels[indices] == 3)
    assert taken.groups is data.groups
    assert taken.sources.tolist() == [f"{data.labels[place]}/{place}.png" for place in indices]
    bare = LabelledImages(data.images, data.labels).take(indices)
    assert bare.has_copies is bare.sources is None


def test_a_draw_is_seeded_in_order_and_of_different_images(data):
    drawn, again, other = data.at_most(100, 0), data.at_most(100, 0), data.at_most(100, 1)
    places = [np.flatnonzero((data.images == image).all(axis=(1, 2)))[0] for image in drawn.images]
    assert places == sorted(set(places))
    np.testing.assert_array_equal(drawn.labels, data.labels[places])
    np.testing.assert_array_equal(drawn.images, again.images)
    assert not np.array_equal(drawn.images, other.images)
    assert data.at_most(1000, 0) is data


def test_pairs_are_those_of_a_loop(data):
    part = data.take(np.arange(40))
    embeddings = torch.from_numpy(part.images).flatten(1).float() / 255
    found = {True: [], False: []}
    for a, b in itertools.combinations(range(40), 2):
        found[bool(part.labels[a] == part.labels[b])].append((float((embeddings[a] - embeddings[b]).norm()), a, b))
    pairs = part.distances(embeddings)
    assert pairs.same == pytest.approx(sorted(distance for distance, *_ in found[True]), rel=1e-4)
    assert pairs.different == pytest.approx(sorted(distance for distance, *_ in found[False]), rel=1e-4)
    assert part.hardest(embeddings, True, 1) == [(*max(found[True])[1:], pytest.approx(max(found[True])[0], rel=1e-4))]
    assert part.hardest(embeddings, False, 1) == [(*min(found[False])[1:], pytest.approx(min(found[False])[0], rel=1e-4))]


def test_names_of_very_many_images_take_little_more_than_their_letters():
    tracemalloc.start()
    sources = sources_of(f"a folder/of class {number % 1000}/{number:07}.png" for number in range(30_000))
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size < 30_000 * 100
    assert sources[-1] == "a folder/of class 999/0029999.png"


def test_classes_of_a_folder_are_of_its_group():
    assert group_numbers(("Greek/alpha", "Latin/a", "Greek/beta", "Latin/b", "alone")).tolist() == [1, 2, 1, 2, 0]
