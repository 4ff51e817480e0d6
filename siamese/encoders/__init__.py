"""Encoders by name. Each is one file that keeps the contract of siamese.encoders.base."""

from siamese.config import shorten
from siamese.encoders.base import Encoder
from siamese.encoders.compact import CompactEncoder
from siamese.encoders.hog import HOGEncoder
from siamese.encoders.residual import ResidualEncoder
from siamese.encoders.resnet18 import ResNet18Encoder
from siamese.encoders.seed import SeedEncoder

ENCODERS: dict[str, type[Encoder]] = {
    "compact": CompactEncoder,
    "residual": ResidualEncoder,
    "seed": SeedEncoder,
    "resnet18": ResNet18Encoder,
    "hog": HOGEncoder,
}


def encoder_class(name: str) -> type[Encoder]:
    """The class that `name` stands for in ENCODERS. Raises ValueError with the choices."""
    if name not in ENCODERS:
        raise ValueError(f"unknown encoder {shorten(name)}, available: {', '.join(ENCODERS)}")
    return ENCODERS[name]
