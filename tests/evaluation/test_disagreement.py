"""Images that disagree with their class: those whose label was swapped come first, and numbers are those of a loop."""

import numpy as np
import pytest
import torch

from siamese.evaluation import disagreement
from siamese.evaluation.disagreement import disagreements, draw


@pytest.fixture(scope="module")
def embedded(bundled, digits) -> tuple[torch.Tensor, np.ndarray]:
    """Embeddings of 300 digits by the bundled model, and their classes; without a 9 that looks like a 4 by itself."""
    chosen = np.delete(np.arange(301), 191)
    return torch.from_numpy(bundled.embed(list(digits[0][chosen]))), digits[1][chosen]


def by_loop(embeddings: np.ndarray, labels: np.ndarray) -> list[tuple[float, int, float, float]]:
    """(a - b, image, a, b) of the images nearer to other classes, most disagreeing first."""
    found = []
    for image, embedding in enumerate(embeddings.astype(float)):
        own, others = [], []
        for other, its in enumerate(embeddings.astype(float)):
            if other != image:
                (own if labels[other] == labels[image] else others).append(float(np.linalg.norm(embedding - its)))
        if own and others:
            a, b = (float(np.mean(sorted(each)[:3])) for each in (own, others))
            if a > b:
                found.append((a - b, image, a, b))
    return sorted(found, reverse=True)


def swapped(labels: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels of which so many are another digit's, and which."""
    generator = np.random.default_rng(seed)
    chosen, wrong = generator.permutation(len(labels))[:count], labels.copy()
    wrong[chosen] = (wrong[chosen] + generator.integers(1, 10, count)) % 10
    return wrong, chosen


@pytest.mark.parametrize("seed", range(3))
def test_digits_with_the_label_of_another_come_first_and_look_like_what_they_are(embedded, seed):
    embeddings, labels = embedded
    wrong, chosen = swapped(labels, 6, seed)
    _, found = disagreements(embeddings, torch.from_numpy(wrong), 6)
    assert {each.image for each in found} == set(chosen.tolist())
    assert [wrong[each.nearest] for each in found] == [labels[each.image] for each in found]


@pytest.mark.parametrize("cells", [1, 700, 1 << 22])
def test_count_order_and_distances_are_those_of_a_loop_however_many_at_a_time(embedded, cells, monkeypatch):
    monkeypatch.setattr(disagreement, "CELLS", cells)
    embeddings, labels = embedded[0][:120], swapped(embedded[1][:120], 25, 3)[0]
    expected = by_loop(embeddings.numpy(), labels)
    count, found = disagreements(embeddings, torch.from_numpy(labels), 10)
    assert count == len(expected) > 10
    assert [each.image for each in found] == [image for _, image, *_ in expected[:10]]
    for each, (_, _, to_own, to_others) in zip(found, expected, strict=False):
        assert (each.to_own, each.to_others) == pytest.approx((to_own, to_others), rel=1e-3)


def test_who_is_alone_in_its_class_or_agrees_disagrees_with_nothing():
    embeddings = torch.tensor([[0.0], [0.1], [5.0], [5.1], [0.05]])
    assert disagreements(embeddings, torch.tensor([0, 0, 1, 1, 2]), 20) == (0, [])
    assert disagreements(embeddings, torch.zeros(5, dtype=torch.int64), 20) == (0, [])
    assert disagreements(torch.zeros(4, 2), torch.tensor([0, 0, 1, 1]), 20) == (0, [])  # all in one place
    count, (found,) = disagreements(embeddings, torch.tensor([0, 0, 1, 1, 1]), 20)
    assert (count, found.image, found.nearest) == (1, 4, 0)


@pytest.mark.parametrize(("classes", "each"), [(10, 600), (300, 20), (3000, 2)])
def test_a_draw_is_bounded_and_leaves_images_beside_their_class(classes, each):
    labels = np.random.default_rng(1).permutation(np.repeat(np.arange(classes), each))
    drawn = draw(labels, 2000, 0)
    assert 1500 < len(drawn) <= 2000
    assert (np.diff(drawn) > 0).all()
    sizes = np.bincount(labels[drawn])
    assert sizes[sizes > 0].min() >= min(each, 20)
    np.testing.assert_array_equal(drawn, draw(labels, 2000, 0))
    assert not np.array_equal(drawn, draw(labels, 2000, 1))
    np.testing.assert_array_equal(draw(labels, 6000, 0), np.arange(6000))


def test_a_draw_keeps_the_shares_of_uneven_classes():
    labels = np.repeat([0, 1, 2], [9000, 990, 10])
    sizes = np.bincount(labels[draw(labels, 1000, 0)])
    assert sizes.tolist() == [900, 99, 10] or sizes.sum() <= 1000
