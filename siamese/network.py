"""The siamese network: one encoder for both sides of a pair."""

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from siamese.config import EncoderConfig
from siamese.data.storage import let_go
from siamese.encoders import build_encoder
from siamese.images.canonical import to_tensor

MOST_AT_ONCE, PIXELS_AT_ONCE = 1000, 1_600_000  # images of a part: 1,000 of 40 x 40 px, 31 of 224 x 224 px
ALIKE_ON_CPU, ALIKE_ON_GPU = 2, 64  # images of a batch of `embed_alike`


class SiameseNetwork(nn.Module):
    """One encoder for both images of a pair: its embeddings are compared by Euclidean distance.

    Raises ValueError for an unknown encoder or an image size that the encoder cannot take.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = build_encoder(config)

    @property
    def unit_length(self) -> bool:
        """Whether every embedding has length 1."""
        return self.encoder.unit_length

    def embed(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W), float in 0..1 -> embeddings (B, D), float32."""
        return self.encoder(images)

    forward = embed


def embed_and_measure(network: SiameseNetwork, images: np.ndarray | Tensor) -> tuple[Tensor, Tensor]:
    """As `embed_all`, and how long the encoder's features of each image are: float32 (N, D) and (N,)."""
    network.eval()
    embeddings, lengths = [], []
    with torch.inference_mode():
        for part in in_parts(images):
            features = network.encoder.features(part.to(_device_of(network)))  # (B, D)
            embeddings.append((F.normalize(features, dim=1) if network.unit_length else features).cpu())
            lengths.append(features.norm(dim=1).cpu())
    return torch.cat(embeddings), torch.cat(lengths)


def embed_alike(network: SiameseNetwork, images: np.ndarray) -> tuple[Tensor, Tensor]:
    """As `embed_and_measure`, with the same bits for an image whatever the others are: alone, or at any place of many.

    How a processor rounds depends on the size of a batch, and not on the place in it, so all are encoded in batches of one
    size, the last one filled up. Of two: larger ones cost one image by itself more (tests/benchmarks/same_bits.py).
    """
    network.eval()
    device = _device_of(network)
    size = ALIKE_ON_CPU if device.type == "cpu" else ALIKE_ON_GPU
    embeddings, lengths = [], []
    with torch.inference_mode():
        for start in range(0, len(images), size):
            part = images[start : start + size]
            filled = np.concatenate([part, np.repeat(part[-1:], size - len(part), axis=0)])
            features = network.encoder.features(to_tensor(filled).to(device))[: len(part)]  # (B, D)
            embeddings.append((F.normalize(features, dim=1) if network.unit_length else features).cpu())
            lengths.append(features.norm(dim=1).cpu())
    return torch.cat(embeddings), torch.cat(lengths)


def embed_all(
    network: SiameseNetwork, images: np.ndarray | Tensor, batch_size: int = MOST_AT_ONCE, progress: str | None = None
) -> Tensor:
    """Embeddings of many images, in evaluation mode and without gradients: float32 (N, D) on the CPU.

    `images` are canonical ones, uint8 (N, H, W) or (N, H, W, 3), in memory or in a file, or float (N, C, H, W) in 0..1. They
    are encoded in parts (see `in_parts`), so that memory does not grow with their number, the embeddings aside.
    `progress` names a progress bar, which a terminal shows and a log does not.
    """
    network.eval()
    parts = list_of_parts(images, batch_size)
    with torch.inference_mode():
        is_off = None if progress else True  # None: where this is no terminal
        shown = tqdm(in_parts(images, batch_size), progress, len(parts), disable=is_off, leave=False)
        return torch.cat([network(part.to(_device_of(network))).cpu() for part in shown])


def in_parts(images: np.ndarray | Tensor, batch_size: int = MOST_AT_ONCE) -> Iterator[Tensor]:
    """All of the images in their order, as of `embed_all`, some at a time: float32 (B, C, H, W) in 0..1.

    B is at most `batch_size`, and so that B x H x W is at most PIXELS_AT_ONCE, or 1: what is made of the images at a time
    takes 19 MB of floats in colour, and an encoder's maps of 32 channels at full size 205 MB each, whatever N is.
    """
    for part in list_of_parts(images, batch_size):
        yield to_tensor(images[part]) if images.dtype in (np.uint8, torch.uint8) else images[part]
        let_go(images)


def list_of_parts(images: np.ndarray | Tensor, batch_size: int = MOST_AT_ONCE) -> list[slice]:
    """Which images each of the parts of `in_parts` is of."""
    height, width = images.shape[1:3] if images.dtype in (np.uint8, torch.uint8) else images.shape[2:]
    size = min(batch_size, max(1, PIXELS_AT_ONCE // (height * width)))
    return [slice(start, start + size) for start in range(0, max(1, len(images)), size)]


def _device_of(network: SiameseNetwork) -> torch.device:
    return next(network.parameters()).device
