"""Random distortions of rows and sequences of numbers, a batch at a time on the device that trains; what all draw from."""

from dataclasses import dataclass

import torch
from torch import Tensor

NOISE, LEFT_OUT = 0.2, 0.05  # of rows: most deviations that a number moves by, and share of numbers that count as missing
SHAKE, SCALE, SHIFT, WARP = 0.05, 0.1, 0.1, 0.08  # of sequences: of each number, of columns, and of time as a share of it


@dataclass(frozen=True)
class Draws:
    """Random numbers for some images of a batch. What an image gets does not depend on which others are augmented here."""

    generator: torch.Generator
    batch_size: int  # of the whole batch
    part: slice  # the images of it that are here

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Uniform in low..high: (number of images here, *shape), on the generator's device."""
        empty = torch.empty((self.batch_size, *shape), device=self.generator.device)
        return empty.uniform_(low, high, generator=self.generator)[self.part]


def jitter_vectors(
    vectors: Tensor,
    generator: torch.Generator,
    batch_size: int | None = None,
    part: slice | None = None,
    digits: Tensor | None = None,
) -> Tensor:
    """Move each number of canonical rows (B, F) a little, and take some for missing; the rest as of augment_ink."""
    draws, columns = Draws(generator, batch_size or len(vectors), part or slice(0, len(vectors))), vectors.shape[1]
    moved = vectors + draws.uniform(-NOISE, NOISE, columns)
    return moved.masked_fill(draws.uniform(0, 1, columns) < LEFT_OUT, 0)


def jitter_sequences(
    sequences: Tensor,
    generator: torch.Generator,
    batch_size: int | None = None,
    part: slice | None = None,
    digits: Tensor | None = None,
) -> Tensor:
    """Canonical sequences (B, T, F + 1) a little slower here and faster there, larger, shifted and shaken: the same shape.

    The rest as of augment_ink.
    """
    draws = Draws(generator, batch_size or len(sequences), part or slice(0, len(sequences)))
    steps, columns = sequences.shape[1], sequences.shape[2] - 1
    scale, shift = draws.uniform(1 - SCALE, 1 + SCALE, 1, columns), draws.uniform(-SHIFT, SHIFT, 1, columns)
    shake, bends = draws.uniform(-SHAKE, SHAKE, steps, columns), draws.uniform(-WARP, WARP, 2, 1)
    mask = sequences[..., -1:]  # (B, T, 1)
    values = _warped(sequences[..., :-1], mask[..., 0], bends) * scale + shift + shake
    return torch.cat([values * mask, mask], dim=2)


def _warped(values: Tensor, mask: Tensor, bends: Tensor) -> Tensor:
    """Steps (B, T, F) read at other times: ends stay, between them time is bent by two sines of sizes `bends` (B, 2, 1)."""
    last = (mask.sum(dim=1, keepdim=True) - 1).clamp(min=1)  # (B, 1)
    along = (torch.arange(values.shape[1], device=values.device) / last).clamp(max=1)  # (B, T), 0..1
    for number, bend in enumerate(bends.unbind(dim=1), 1):  # a sine of n half-waves that stays monotone: n pi WARP < 1
        along = along + bend * (number * torch.pi * along).sin()
    place = (along.clamp(0, 1) * last).clamp(max=values.shape[1] - 1)
    before = place.floor().long()
    after = (before + 1).clamp(max=values.shape[1] - 1)
    share = (place - before)[..., None]
    before, after = (values.gather(1, index[..., None].expand_as(values)) for index in (before, after))
    return torch.lerp(before, after, share)
