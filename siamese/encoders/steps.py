"""What encoders of sequences share: the mask of their steps, and how many steps become one vector."""

from typing import Self

import torch
from torch import Tensor

from siamese.config import EncoderConfig
from siamese.encoders.base import Encoder

WINDOWS = 4  # parts of a sequence that are averaged each by itself, so that what comes first stays before what comes last


class SequenceEncoder(Encoder):
    """Sequences (B, T, F + 1), the last column the mask: 1 at steps that are there, which stand before all others."""

    takes = "sequences"
    layout = torch.contiguous_format

    @classmethod
    def of(cls, config: EncoderConfig) -> Self:
        if config.shape is None or len(config.shape) != 2:
            raise ValueError(f"encoder {config.name} takes sequences (T, F + 1), and encoder.shape is {config.shape}")
        return cls(config.embedding_dim, config.shape[1] - 1)


def place_of_steps(mask: Tensor) -> Tensor:
    """How far along its sequence each step is: mask (B, T) -> (B, T), 0 at the first and 1 at the last one that is there."""
    steps = torch.arange(mask.shape[1], device=mask.device)
    return (steps / (mask.sum(dim=1, keepdim=True) - 1).clamp(min=1)).clamp(max=1)


def pooled(steps: Tensor, mask: Tensor) -> Tensor:
    """Features of steps (B, T, C) -> of the sequence (B, (WINDOWS + 1) C): averages over parts of it, and the greatest."""
    centres = (torch.arange(WINDOWS, device=mask.device) + 0.5) / WINDOWS
    weights = (1.5 - (place_of_steps(mask)[:, None] - centres[:, None]).abs() * WINDOWS).clamp(0, 1)  # (B, WINDOWS, T)
    weights = (weights + 1e-3) * mask[:, None]
    averages = (weights / weights.sum(dim=2, keepdim=True).clamp(min=1e-6)) @ steps  # (B, WINDOWS, C)
    greatest = (steps - 1e4 * (1 - mask[..., None])).amax(dim=1)  # (B, C)
    return torch.cat([averages.flatten(1), greatest], dim=1)
