"""The default encoder for drawings."""

from torch import Tensor, nn

from siamese.encoders.base import Encoder
from siamese.encoders.blocks import convolution


class CompactEncoder(Encoder):
    """A small convolutional network with batch normalisation; embeddings have length 1, so distances lie in 0..2."""

    def __init__(self, embedding_dim: int, image_size: int, channels: int) -> None:
        super().__init__(embedding_dim, image_size, channels)
        self.layers = nn.Sequential(
            *convolution(channels, 32), *convolution(32, 32), nn.MaxPool2d(2),  # (B, 32, 14, 14) for 28 px
            *convolution(32, 64), *convolution(64, 64), nn.MaxPool2d(2),  # (B, 64, 7, 7)
            *convolution(64, 128), *convolution(128, 128),
            nn.AdaptiveMaxPool2d(4),  # (B, 128, 4, 4) whatever the image size
            nn.Flatten(),
            nn.Linear(128 * 16, embedding_dim),
        )  # fmt: skip

    def features(self, images: Tensor) -> Tensor:
        return self.layers(images).float()  # (B, D)
