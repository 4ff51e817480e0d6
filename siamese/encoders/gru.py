"""A recurrent encoder of sequences."""

import torch
from torch import Tensor, nn

from siamese.encoders.steps import WINDOWS, SequenceEncoder, place_of_steps, pooled

WIDTH, LAYERS = 64, 2


class GRUEncoder(SequenceEncoder):
    """Gated recurrent units that go through the sequence in both directions, with layer normalisation between them."""

    citation = (
        "encoder: Cho et al. (2014), *Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine "
        "Translation*; Ba, Kiros and Hinton (2016), *Layer Normalization*"
    )

    def __init__(self, embedding_dim: int, columns: int) -> None:
        super().__init__(embedding_dim, 0, 0)
        widths = [columns + 2] + [2 * WIDTH] * (LAYERS - 1)
        self.forwards = nn.ModuleList(nn.GRU(width, WIDTH, batch_first=True) for width in widths)
        self.backwards = nn.ModuleList(nn.GRU(width, WIDTH, batch_first=True) for width in widths)
        self.norms = nn.ModuleList(nn.LayerNorm(2 * WIDTH) for _ in widths)
        self.last = nn.Linear((WINDOWS + 1) * 2 * WIDTH, embedding_dim)

    def features(self, sequences: Tensor) -> Tensor:
        mask = sequences[..., -1]  # (B, T)
        steps = torch.cat([sequences, place_of_steps(mask)[..., None]], dim=2)
        turned = _turned(mask)
        with torch.autocast("cpu", enabled=False):  # there, bfloat16 makes so many small steps half as slow again
            for forwards, backwards, norm in zip(self.forwards, self.backwards, self.norms, strict=True):
                there = forwards(steps)[0]  # (B, T, WIDTH)
                back = _in_order(backwards(_in_order(steps, turned))[0], turned)
                steps = norm(torch.cat([there, back], dim=2)) * mask[..., None]
        return self.last(pooled(steps.float(), mask)).float()  # (B, D)


def _turned(mask: Tensor) -> Tensor:
    """The steps that are there in the opposite order, all others where they are: int64 (B, T).

    Not torch's packed sequences: what these compute of a sequence depends, in its last bits, on the others of the batch.
    """
    steps, count = torch.arange(mask.shape[1], device=mask.device), (mask > 0.5).sum(dim=1, keepdim=True)
    return torch.where(steps < count, count - 1 - steps, steps)


def _in_order(steps: Tensor, order: Tensor) -> Tensor:
    return steps.gather(1, order[..., None].expand_as(steps))
