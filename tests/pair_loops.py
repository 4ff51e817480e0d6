"""Embeddings to measure, and their pairs one by one: what metrics are compared with."""

import itertools
import math

import torch


def looped_pairs(embeddings: torch.Tensor, labels: torch.Tensor) -> dict[bool, list[tuple[float, int, int]]]:
    found = {True: [], False: []}
    for i, j in itertools.combinations(range(len(labels)), 2):
        found[bool(labels[i] == labels[j])].append((math.dist(embeddings[i].tolist(), embeddings[j].tolist()), i, j))
    return found


def random_embeddings(seed: int, count: int = 40, classes: int = 5, width: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(classes, (count,), generator=generator)
    return labels[:, None] / 2 + torch.randn(count, width, generator=generator), labels
