"""One-shot errors: none where classes are apart, chance where they are not, groups for themselves."""

import pytest
import torch
import torch.nn.functional as F

from siamese.evaluation.one_shot import one_shot_error


def test_one_shot_is_free_of_errors_where_classes_are_apart_and_chance_where_they_are_not():
    labels = torch.arange(40).repeat_interleave(6)
    groups = labels // 20
    apart = F.one_hot(labels).float()
    assert one_shot_error(apart, labels, groups, ways=20) == {0: 0, 1: 0}
    noise = torch.randn(len(labels), 8, generator=torch.Generator().manual_seed(0))
    errors = one_shot_error(noise, labels, groups, ways=20, runs=200)
    assert errors.keys() == {0, 1}
    assert all(error == pytest.approx(95, abs=4) for error in errors.values())


def test_one_shot_compares_within_a_group_alone():
    """Two alphabets with the same embeddings: across them every query would be as near to a wrong class."""
    labels = torch.arange(20).repeat_interleave(4)
    embeddings = F.one_hot(labels % 10).float()
    assert one_shot_error(embeddings, labels, labels // 10, ways=10) == {0: 0, 1: 0}
    assert one_shot_error(embeddings, labels, torch.zeros_like(labels), ways=20)[0] > 20


def test_one_shot_leaves_out_what_cannot_be_tested():
    labels = torch.tensor([0, 0, 1, 1, 2, 3, 3, 4, 5])
    groups = torch.tensor([0, 0, 0, 0, 1, 1, 1, 2, 2])
    embeddings = F.one_hot(labels).float()
    assert one_shot_error(embeddings, labels, groups) == {0: 0}
