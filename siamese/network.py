"""The siamese network: one encoder for both sides of a pair."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from siamese.config import EncoderConfig
from siamese.encoders import encoder_class


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


def embed_and_measure(network: SiameseNetwork, images: Tensor, batch_size: int = 1000) -> tuple[Tensor, Tensor]:
    """As `embed_all`, and how long the encoder's features of each image are: float32 (N, D) and (N,)."""
    network.eval()
    device = next(network.parameters()).device
    embeddings, lengths = [], []
    with torch.inference_mode():
        for chunk in images.split(batch_size):
            features = network.encoder.features(chunk.to(device))  # (B, D)
            embeddings.append((F.normalize(features, dim=1) if network.unit_length else features).cpu())
            lengths.append(features.norm(dim=1).cpu())
    return torch.cat(embeddings), torch.cat(lengths)


def embed_all(network: SiameseNetwork, images: Tensor, batch_size: int = 1000, progress: str | None = None) -> Tensor:
    """Embeddings of many images, in evaluation mode and without gradients: (N, C, H, W) -> float32 (N, D) on the CPU.

    `progress` names a progress bar on the terminal.
    """
    network.eval()
    device = next(network.parameters()).device
    chunks = tqdm(images.split(batch_size), progress, disable=progress is None, leave=False)
    with torch.inference_mode():
        return torch.cat([network(chunk.to(device)).cpu() for chunk in chunks])
