"""Encoders by name. Each is one file that keeps the contract of siamese.encoders.base."""

from siamese.config import EncoderConfig, shorten
from siamese.encoders.backbone import PREFIX, BackboneEncoder
from siamese.encoders.base import Encoder
from siamese.encoders.compact import CompactEncoder
from siamese.encoders.hog import HOGEncoder
from siamese.encoders.residual import ResidualEncoder
from siamese.encoders.resnet18 import ResNet18Encoder
from siamese.encoders.seed import SeedEncoder
from siamese.encoders.whitened import WhitenedEncoder
from siamese.suggestions import did_you_mean

ENCODERS: dict[str, type[Encoder]] = {
    "compact": CompactEncoder,
    "residual": ResidualEncoder,
    "seed": SeedEncoder,
    "hog": HOGEncoder,
}

LOADED_ONLY: dict[str, type[Encoder]] = {"resnet18": ResNet18Encoder}  # of older model folders; no training makes them


def encoder_class(name: str) -> type[Encoder]:
    """The class that `name` stands for: of ENCODERS, or for all networks of timm. Raises ValueError with the choices."""
    if name.startswith(PREFIX):
        return BackboneEncoder
    if name in LOADED_ONLY:
        return LOADED_ONLY[name]
    if name not in ENCODERS:
        hint = did_you_mean(name, ENCODERS)
        raise ValueError(f"unknown encoder {shorten(name)}, available: {', '.join(ENCODERS)}, {PREFIX}NAME{hint}")
    return ENCODERS[name]


def build_encoder(config: EncoderConfig) -> Encoder:
    """An encoder with random weights. Raises ValueError for an unknown one, or shapes that it cannot have."""
    kind = encoder_class(config.name)
    shape = (config.embedding_dim, config.image_size, config.channels)
    encoder = BackboneEncoder(config) if kind is BackboneEncoder else kind(*shape)
    if isinstance(encoder, WhitenedEncoder):
        encoder.mirrors = config.mirrors
    return encoder
