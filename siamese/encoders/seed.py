"""The encoder of the reference network."""

import torch
from torch import Tensor, nn

from siamese.encoders.base import Encoder


class SeedEncoder(Encoder):
    """The reference network: three convolutions, a 512-wide descriptor, and a learned diagonal metric on its differences.

    Its head (squared difference - linear with two outputs - softmax) depends only on the difference of the outputs, which
    is `bias - sum_k v_k (a_k - b_k)^2`. Here `v = metric^2`, and `metric` is folded into the embedding, so that plain
    Euclidean distance between embeddings is the learned metric.
    """

    default_dim = 512
    unit_length = False

    def __init__(self, embedding_dim: int, image_size: int, channels: int) -> None:
        super().__init__(embedding_dim, image_size, channels)
        side = (image_size - 6) // 2 - 8  # after 7x7, pooling by 2 and two 5x5 convolutions without padding
        if side < 1:
            raise ValueError(f"encoder seed: image_size is {image_size} px, allowed: at least 24")
        self.layers = nn.Sequential(
            nn.Conv2d(channels, 64, 7), nn.ReLU(), nn.MaxPool2d(2),  # (B, 64, 11, 11) for 28 px
            nn.Conv2d(64, 128, 5), nn.ReLU(),  # (B, 128, 7, 7)
            nn.Conv2d(128, 256, 5), nn.ReLU(),  # (B, 256, 3, 3)
            nn.Flatten(),  # (B, 2304)
            nn.Linear(256 * side * side, embedding_dim),
        )  # fmt: skip
        self.metric = nn.Parameter(torch.ones(embedding_dim))

    def features(self, images: Tensor) -> Tensor:
        return self.layers(images).float() * self.metric  # (B, D)
