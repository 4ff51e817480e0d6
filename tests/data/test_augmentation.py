"""Random distortions: what they keep, what they change, and that they depend on their generator alone."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from siamese.data.augmentation import Draws, _add_strokes, augment_ink, augment_photos
from siamese.images.canonical import to_tensor


def augmented(images: torch.Tensor, seed: int = 0) -> torch.Tensor:
    return augment_ink(images, torch.Generator().manual_seed(seed))


@given(st.integers(0, 2**32 - 1), st.integers(1, 20), st.sampled_from([1, 3]), st.integers(8, 40))
def test_augmented_images_keep_their_shape_and_range(seed, count, channels, side):
    images = torch.rand(count, channels, side, side, generator=torch.Generator().manual_seed(seed))
    before = images.clone()
    result = augmented(images, seed)
    assert result.shape == images.shape
    assert result.dtype == torch.float32
    assert result.min() >= -1e-6
    assert result.max() <= 1 + 1e-6
    assert torch.equal(images, before)


def test_augmentation_depends_on_the_generator_alone(digits):
    images = to_tensor(digits[0][:50])
    torch.manual_seed(1)
    first = augmented(images, seed=5)
    torch.manual_seed(2)
    assert torch.equal(augmented(images, seed=5), first)
    assert not torch.equal(augmented(images, seed=6), first)


def test_every_image_is_changed_in_its_own_way(digits):
    copies = to_tensor(digits[0][:1]).expand(20, -1, -1, -1)
    results = augmented(copies)
    assert len(results.flatten(1).unique(dim=0)) == 20
    assert (results != copies).flatten(1).any(dim=1).all()


def test_augmentation_never_mirrors(digits):
    """Digits without symmetry stay nearer to themselves than to their mirror images, as a mirrored one would not."""
    images, labels = digits
    asymmetric = to_tensor(images[np.isin(labels, (2, 3, 4, 5, 6, 7, 9))])
    results = augmented(asymmetric)

    def share_nearer_than(mirrored: torch.Tensor) -> float:
        to_itself, to_mirror = ((results - other).square().sum(dim=(1, 2, 3)) for other in (asymmetric, mirrored))
        return (to_itself < to_mirror).float().mean().item()

    assert share_nearer_than(asymmetric.flip(3)) > 0.8
    assert share_nearer_than(asymmetric.flip(2)) > 0.8
    assert share_nearer_than(asymmetric.flip(2, 3)) > 0.8


def test_strokes_are_added_to_digits_joined_in_one_half_and_in_other_styles_in_the_other(digits):
    images, labels = to_tensor(digits[0]), torch.from_numpy(digits[1])
    styled = []
    for digit in range(10):
        same = images[labels == digit][:20].repeat(10, 1, 1, 1)
        draws = Draws(torch.Generator().manual_seed(digit), 200, slice(0, 200))
        drawn = _add_strokes(same, draws, torch.full((200,), digit))
        assert (drawn >= same).all()
        assert drawn.max() <= 1
        is_drawn = (drawn != same).flatten(1).any(dim=1)
        assert is_drawn[:100].float().mean() > 0.9  # a join may lie within the ink
        styled.append(is_drawn[100:].float().mean().item())
    assert [digit for digit, share in enumerate(styled) if share] == [1, 5, 7, 9]
    assert all(styled[digit] > 0.5 for digit in (1, 5, 7, 9))


def test_other_signs_get_no_strokes(digits):
    """A stroke may make another sign of a glyph."""
    images = to_tensor(digits[0][:200])
    as_digits, as_signs = (
        augment_ink(images, torch.Generator().manual_seed(0), digits=which).mean() for which in (torch.zeros(200), None)
    )
    assert as_digits > 1.02 * as_signs


def test_part_of_a_batch_of_digits_becomes_what_it_would_in_the_whole(digits):
    images, labels = to_tensor(digits[0][:60]), torch.from_numpy(digits[1][:60])
    whole = augment_ink(images, torch.Generator().manual_seed(3), digits=labels)
    parts = [
        augment_ink(images[part], torch.Generator().manual_seed(3), 60, part, labels[part])
        for part in (slice(0, 23), slice(23, 60))
    ]
    torch.testing.assert_close(torch.cat(parts), whole)


def test_augmentation_moves_in_all_directions_alike(digits):
    images = to_tensor(digits[0])
    positions = torch.arange(28.0)

    def centres(batch: torch.Tensor) -> torch.Tensor:
        mass = batch.sum(dim=(1, 2, 3))
        return torch.stack([batch.sum(dim=(1, 3)) @ positions / mass, batch.sum(dim=(1, 2)) @ positions / mass], dim=1)

    moved = centres(augmented(images)) - centres(images)  # (N, 2) px
    assert moved.mean(dim=0).abs().max() < 0.3
    assert moved.std(dim=0).min() > 0.5
    assert moved.abs().max() < 8


def test_photographs_stay_photographs():
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(40, 3, 20, 30, generator=generator)
    result = augment_photos(images, torch.Generator().manual_seed(1))
    assert result.shape == images.shape
    assert result.min() >= 0
    assert result.max() <= 1
    assert (result != images).flatten(1).any(dim=1).all()
    halves = [
        augment_photos(images[part], torch.Generator().manual_seed(1), 40, part) for part in (slice(0, 15), slice(15, 40))
    ]
    torch.testing.assert_close(torch.cat(halves), result)
