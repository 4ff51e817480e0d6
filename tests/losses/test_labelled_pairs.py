"""Losses that labelled pairs are enough for: of a batch they see these alone."""

import itertools
import math

import numpy as np
import pytest
import torch

from siamese.data.sampling import known_pairs
from siamese.losses import LOSSES, for_labelled_pairs


@pytest.mark.parametrize("name", for_labelled_pairs())
def test_losses_see_the_labelled_pairs_alone(name):
    generator = torch.Generator().manual_seed(0)
    is_same = torch.tensor([True, False, True, False, False, True])
    ends = torch.tensor([0, 5, 2, 1, 3, 4, 7, 6, 10, 11, 8, 9, 2, 3])  # pair 1 twice
    embeddings = torch.randn(len(ends), 5, generator=generator)
    loss = LOSSES[name]()
    terms = {True: [], False: []}
    for i, j in itertools.combinations(range(len(ends)), 2):
        if ends[i] // 2 == ends[j] // 2 and ends[i] != ends[j]:
            distance = math.dist(embeddings[i].tolist(), embeddings[j].tolist())
            same = bool(is_same[ends[i] // 2])
            if name == "contrastive":
                term = distance**2 / 2 if same else max(0, loss.margin - distance) ** 2 / 2
            else:
                logit = loss.bias.item() - loss.log_scale.exp().item() * distance**2
                term = np.logaddexp(0, -logit if same else logit)
            terms[same].append(term)
    assert {same: len(values) for same, values in terms.items()} == {True: 3, False: 6}
    expected = (np.mean(terms[True]) + np.mean(terms[False])) / 2
    assert loss(embeddings, known_pairs(is_same, ends)).item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", for_labelled_pairs())
def test_labels_of_all_pairs_are_worth_as_much_as_classes(name, digits):
    embeddings, labels = torch.from_numpy(digits[0][:50]).flatten(1).float() / 2550, torch.from_numpy(digits[1][:50])
    relation = (labels[:, None] == labels[None, :]).long().fill_diagonal_(-1)
    loss = LOSSES[name]()
    assert loss(embeddings, relation).item() == pytest.approx(loss(embeddings, labels).item(), rel=1e-6)
