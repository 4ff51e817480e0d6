"""The encoder of the first siamese network, of signatures as the way of a pen: a time-delay network."""

import torch
from torch import Tensor, nn

from siamese.encoders.steps import WINDOWS, SequenceEncoder, place_of_steps, pooled

WIDTH = 128
DELAYS = (1, 2, 4, 8)  # steps between the three that each layer looks at, so that the last one sees 31 of them


class TDNNEncoder(SequenceEncoder):
    """A time-delay network: each layer sees a few steps before and after, with the same weights at all times.

    Bromley et al. (1993), with what has been found since: batch normalisation, layers that add to what they were given,
    delays that grow from layer to layer (Yu and Koltun 2016), and weights for any length, by averages over parts.
    """

    citation = (
        'encoder: time-delay network of Bromley et al. (1993), *Signature Verification using a "Siamese" Time Delay Neural '
        "Network*; delays that grow: Yu and Koltun (2016), *Multi-Scale Context Aggregation by Dilated Convolutions*"
    )

    def __init__(self, embedding_dim: int, columns: int) -> None:
        super().__init__(embedding_dim, 0, 0)
        self.first = nn.Sequential(nn.Conv1d(columns + 2, WIDTH, 3, padding=1, bias=False), nn.BatchNorm1d(WIDTH), nn.ReLU())
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(WIDTH, WIDTH, 3, padding=delay, dilation=delay, bias=False), nn.BatchNorm1d(WIDTH), nn.ReLU()
            )
            for delay in DELAYS
        )
        self.last = nn.Linear((WINDOWS + 1) * WIDTH, embedding_dim)

    def features(self, sequences: Tensor) -> Tensor:
        mask = sequences[..., -1]  # (B, T)
        steps = torch.cat([sequences, place_of_steps(mask)[..., None]], dim=2) * mask[..., None]
        steps = self.first(steps.transpose(1, 2)) * mask[:, None]  # (B, WIDTH, T)
        for layer in self.layers:
            steps = steps + layer(steps) * mask[:, None]
        return self.last(pooled(steps.transpose(1, 2).float(), mask)).float()  # (B, D)
