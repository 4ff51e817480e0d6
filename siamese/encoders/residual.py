"""A wider residual encoder."""

from torch import Tensor, nn

from siamese.encoders.base import Encoder
from siamese.encoders.blocks import ResidualBlock, convolution


class ResidualEncoder(Encoder):
    """A wider residual network at half the resolution; embeddings have length 1, so distances lie in 0..2.

    More accurate than compact on MNIST's own digits and on drawings of many classes, and faster on a CPU, but less accurate
    on digits of another style. Its first convolution halves the resolution: on a CPU, full-size maps cost more in memory
    traffic than they teach. The last normalisation centres embeddings, which otherwise start out all alike: the first steps
    would be spent on that.
    """

    citation = "residual networks: He et al. (2016), *Deep Residual Learning for Image Recognition*"

    def __init__(self, embedding_dim: int, image_size: int, channels: int) -> None:
        super().__init__(embedding_dim, image_size, channels)
        self.layers = nn.Sequential(
            convolution(channels, 32, 5, stride=2),  # (B, 32, 14, 14) for 28 px
            convolution(32, 64), ResidualBlock(64), nn.MaxPool2d(2),  # (B, 64, 7, 7)
            convolution(64, 160), ResidualBlock(160), ResidualBlock(160),  # (B, 160, 7, 7)
            nn.AdaptiveMaxPool2d(4),  # (B, 160, 4, 4) whatever the image size
            nn.Flatten(),
            nn.Linear(160 * 16, embedding_dim, bias=False), nn.BatchNorm1d(embedding_dim),
        )  # fmt: skip

    def features(self, images: Tensor) -> Tensor:
        return self.layers(images).float()  # (B, D)
