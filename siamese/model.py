"""Encoders, and the siamese network that runs one of them on both sides of a pair."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from siamese.config import EncoderConfig, shorten
from siamese.distributed import BatchNorm2d


class SeedEncoder(nn.Module):
    """The reference network: three convolutions, a 512-wide descriptor, and a learned diagonal metric on its differences.

    Its head (squared difference - linear with two outputs - softmax) depends only on the difference of the outputs, which
    is `bias - sum_k v_k (a_k - b_k)^2`. Here `v = metric^2`, and `metric` is folded into the embedding, so that plain
    Euclidean distance between embeddings is the learned metric.
    """

    default_dim = 512
    unit_length = False

    def __init__(self, embedding_dim: int, image_size: int, channels: int) -> None:
        super().__init__()
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

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images).float() * self.metric  # (B, D)


class CompactEncoder(nn.Module):
    """A small convolutional network with batch normalisation; embeddings have length 1, so distances lie in 0..2."""

    default_dim = 64
    unit_length = True

    def __init__(self, embedding_dim: int, image_size: int, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *_block(channels, 32), *_block(32, 32), nn.MaxPool2d(2),  # (B, 32, 14, 14) for 28 px
            *_block(32, 64), *_block(64, 64), nn.MaxPool2d(2),  # (B, 64, 7, 7)
            *_block(64, 128), *_block(128, 128),
            nn.AdaptiveMaxPool2d(4),  # (B, 128, 4, 4) whatever the image size
            nn.Flatten(),
            nn.Linear(128 * 16, embedding_dim),
        )  # fmt: skip

    def forward(self, images: Tensor) -> Tensor:
        return F.normalize(self.layers(images).float(), dim=1)  # (B, D)


def _block(in_channels: int, out_channels: int) -> list[nn.Module]:
    return [
        nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False),
        BatchNorm2d(out_channels),
        nn.ReLU(),
    ]


ENCODERS: dict[str, type[nn.Module]] = {"compact": CompactEncoder, "seed": SeedEncoder}


class SiameseNetwork(nn.Module):
    """One encoder for both images of a pair: its embeddings are compared by Euclidean distance.

    Raises ValueError for an unknown encoder or an image size that the encoder cannot take.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = encoder_class(config.name)(config.embedding_dim, config.image_size, config.channels)

    @property
    def unit_length(self) -> bool:
        """Whether every embedding has length 1."""
        return self.encoder.unit_length

    def embed(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W), float in 0..1 -> embeddings (B, D), float32."""
        return self.encoder(images)

    forward = embed


def encoder_class(name: str) -> type[nn.Module]:
    """The class that `name` stands for in ENCODERS. Raises ValueError with the choices."""
    if name not in ENCODERS:
        raise ValueError(f"unknown encoder {shorten(name)}, available: {', '.join(ENCODERS)}")
    return ENCODERS[name]


def embed_all(network: SiameseNetwork, images: Tensor, batch_size: int = 1000, progress: str | None = None) -> Tensor:
    """Embeddings of many images, in evaluation mode and without gradients: (N, C, H, W) -> float32 (N, D) on the CPU.

    `progress` names a progress bar on the terminal.
    """
    network.eval()
    device = next(network.parameters()).device
    chunks = tqdm(images.split(batch_size), progress, disable=progress is None, leave=False)
    with torch.inference_mode():
        return torch.cat([network(chunk.to(device)).cpu() for chunk in chunks])
