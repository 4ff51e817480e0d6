"""The encoder of rows of numbers: fully connected layers."""

from typing import Self

import torch
from torch import Tensor, nn

from siamese.config import EncoderConfig
from siamese.encoders.base import Encoder

WIDTH = 256


class MLPEncoder(Encoder):
    """Two fully connected layers with batch normalisation, beside a linear map of the row itself: what a small table can
    tell is mostly linear, and the layers learn the rest.
    """

    takes = "vectors"
    layout = torch.contiguous_format

    def __init__(self, embedding_dim: int, columns: int) -> None:
        super().__init__(embedding_dim, 0, 0)
        self.linear = nn.Linear(columns, embedding_dim)
        self.layers = nn.Sequential(
            nn.Linear(columns, WIDTH, bias=False), nn.BatchNorm1d(WIDTH), nn.ReLU(inplace=True),
            nn.Linear(WIDTH, WIDTH, bias=False), nn.BatchNorm1d(WIDTH), nn.ReLU(inplace=True),
            nn.Linear(WIDTH, embedding_dim),
        )  # fmt: skip

    @classmethod
    def of(cls, config: EncoderConfig) -> Self:
        if config.shape is None or len(config.shape) != 1:
            raise ValueError(f"encoder {config.name} takes vectors (F,), and encoder.shape is {config.shape}")
        return cls(config.embedding_dim, *config.shape)

    def features(self, vectors: Tensor) -> Tensor:
        return (self.linear(vectors) + self.layers(vectors)).float()  # (B, D)
