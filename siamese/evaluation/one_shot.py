"""The error of recognising classes from one example each."""

import numpy as np
import torch
from torch import Tensor

from siamese.distances import distance_matrix


def one_shot_error(
    embeddings: Tensor, labels: Tensor, groups: Tensor, ways: int = 20, runs: int = 200, seed: int = 0
) -> dict[int, float]:
    """Share of queries recognised wrongly from one example of each of `ways` classes, for each group: percent.

    A run draws so many classes of one group (an alphabet), an example of each, and another image of each for a query; every
    query goes to its nearest example by itself. That is the shape of Omniglot's one-shot task (Lake et al. 2015). `labels`
    (N,) are classes, `groups` (N,) what they belong to. Groups with fewer classes of two images are tested with those they
    have, and left out where that is one.
    """
    generator = np.random.default_rng(seed)
    labels, errors = labels.numpy(), {}
    for group in np.unique(groups.numpy()):
        members = {label: np.flatnonzero(labels == label) for label in np.unique(labels[groups.numpy() == group])}
        classes = [label for label, images in members.items() if len(images) >= 2]
        if len(classes) < 2:
            continue
        wrong = []
        for _ in range(runs):
            chosen = generator.permutation(classes)[:ways]
            drawn = np.stack([generator.choice(members[label], 2, replace=False) for label in chosen])  # (W, 2)
            distances = distance_matrix(embeddings[drawn[:, 1]], embeddings[drawn[:, 0]])  # (W, W): query, example
            wrong.append((distances.argmin(dim=1) != torch.arange(len(chosen))).float().mean().item())
        errors[int(group)] = 100 * float(np.mean(wrong))
    return errors
