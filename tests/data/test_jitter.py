"""Random distortions of numbers: bounded, seeded, and the same for a part of a batch as in the whole."""

import pytest
import torch

from siamese.data.augmentation import AUGMENTATIONS
from siamese.data.jitter import NOISE, SCALE, SHAKE, SHIFT, jitter_sequences, jitter_vectors

VECTORS = torch.randn(64, 13, generator=torch.Generator().manual_seed(0))
SEQUENCES = torch.cat([torch.randn(64, 20, 3, generator=torch.Generator().manual_seed(0)), torch.ones(64, 20, 1)], dim=2)
SEQUENCES[::2, 12:] = 0  # half of them are padded
both = pytest.mark.parametrize(
    ("mode", "batch"), [("vectors", VECTORS), ("sequences", SEQUENCES)], ids=["vectors", "sequences"]
)


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@both
def test_the_seed_alone_decides_and_a_part_is_what_it_is_in_the_whole(mode, batch):
    augment = AUGMENTATIONS[mode]
    whole = augment(batch, random())
    assert whole.shape == batch.shape
    assert torch.equal(whole, augment(batch, random()))
    assert not torch.equal(whole, augment(batch, random(1)))
    assert torch.equal(augment(batch[10:20], random(), 64, slice(10, 20)), whole[10:20])


def test_numbers_of_rows_move_a_little_or_count_as_missing():
    moved = jitter_vectors(VECTORS, random())
    is_missing = moved == 0
    assert 0.02 < is_missing.float().mean() < 0.1
    assert (moved - VECTORS)[~is_missing].abs().max() <= NOISE


def test_the_mask_stays_and_what_is_padded_stays_nothing():
    moved = jitter_sequences(SEQUENCES, random())
    assert torch.equal(moved[..., -1], SEQUENCES[..., -1])
    assert (moved[::2, 12:] == 0).all()


def test_a_constant_column_stays_one_within_its_bounds():
    """Time may be bent, but not values that do not change with it."""
    constant = SEQUENCES.clone()
    constant[..., :-1] = 2 * constant[..., -1:]
    moved = jitter_sequences(constant, random())[1::2, :, :-1]
    assert (moved - 2).abs().max() <= 2 * SCALE + SHIFT + SHAKE
    assert moved.std(dim=1).max() < SHAKE


def test_time_is_bent_but_never_turned_back():
    rising = torch.cat([torch.linspace(0, 1, 20).expand(64, 20)[..., None], torch.ones(64, 20, 1)], dim=2)
    moved = jitter_sequences(rising, random())[..., 0]
    assert (moved.diff(dim=1) > -2 * SHAKE - 1e-6).all()
