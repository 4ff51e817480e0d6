"""Networks for tests."""

import torch

from siamese.config import EncoderConfig
from siamese.encoders import ENCODERS
from siamese.network import SiameseNetwork


def build(name: str, seed: int = 0, **settings) -> SiameseNetwork:
    """A randomly initialised network in evaluation mode."""
    torch.manual_seed(seed)
    return SiameseNetwork(EncoderConfig(name, **{"embedding_dim": ENCODERS[name].default_dim, **settings})).eval()
