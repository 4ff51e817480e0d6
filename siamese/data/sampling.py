"""Batches of images and of pairs, in an order that depends on seeds alone."""

import numpy as np
import torch
from torch import Tensor


def class_batches(
    labels: np.ndarray,
    batch_size: int,
    per_class: int,
    steps: int,
    seed: int,
    epoch: int,
    groups: np.ndarray | None = None,
) -> Tensor:
    """Indices of batches that hold `per_class` images of each of batch_size / per_class classes: int64 (steps, B).

    With many classes a random batch holds hardly a same pair (Schroff et al. 2015). Where classes have `groups`, int64 (K,),
    such as alphabets, a batch is of few groups: it takes one whole group after the other, and so compares what is most
    alike. Classes with fewer images give some twice. The order depends on `seed` and `epoch` alone.
    """
    generator = np.random.default_rng(derived_seed(seed, 3, epoch))
    by_class = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[by_class], np.arange(labels.max() + 2))
    sizes = np.diff(starts)
    batches = []
    for _ in range(steps):
        classes = generator.permutation(len(sizes))
        if groups is not None:
            classes = classes[np.argsort(generator.permutation(groups.max() + 1)[groups[classes]], kind="stable")]
        classes = classes[: batch_size // per_class]
        places = [
            generator.permutation(np.resize(generator.permutation(size), max(size, per_class)))[:per_class]
            for size in sizes[classes]
        ]
        batches.append(by_class[(starts[classes][:, None] + np.stack(places)).ravel()])
        generator.shuffle(batches[-1])
    return torch.from_numpy(np.stack(batches))


def epoch_batches(count: int, batch_size: int, seed: int, epoch: int) -> Tensor:
    """Indices of each batch of one epoch, int64 (steps, B), in an order that depends on `seed` and `epoch` alone.

    The remainder is left out; where there are fewer images than `batch_size`, the epoch is one batch of all.
    """
    batch_size = min(batch_size, count)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(derived_seed(seed, epoch)))
    return order[: count // batch_size * batch_size].reshape(-1, batch_size)


def derived_seed(*parts: int) -> int:
    """One 63-bit seed from several numbers, so that the randomness of a step depends on its place alone, not on history."""
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> 1)


def pair_batches(is_same: np.ndarray, batch_size: int, steps: int, generator: np.random.Generator) -> Tensor:
    """Batches of pairs, half of them same, as ends: int64 (steps, B), where 2p and 2p + 1 are the two ends of pair p.

    Each kind is gone through in random order, again and again. Ends are in random order too, for the augmentation.
    """
    halves = batch_size // 2 - batch_size // 4, batch_size // 4
    pairs = []
    for kind, count in zip((False, True), halves, strict=True):
        members = np.flatnonzero(is_same == kind)
        rounds = -(-steps * count // len(members))
        drawn = np.concatenate([generator.permutation(members) for _ in range(rounds)])
        pairs.append(drawn[: steps * count].reshape(steps, count))
    ends = 2 * np.concatenate(pairs, axis=1)
    return torch.from_numpy(generator.permuted(np.concatenate([ends, ends + 1], axis=1), axis=1))


def known_pairs(is_same: Tensor, ends: Tensor) -> Tensor:
    """What labels say of all pairs of a batch of ends (B,): int64 (B, B), 1 same, 0 different, -1 nothing."""
    pair = ends // 2
    is_labelled = (pair[:, None] == pair[None, :]) & (ends[:, None] != ends[None, :])
    return torch.where(is_labelled, is_same[pair].long()[:, None], -1)
