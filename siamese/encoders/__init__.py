"""Encoders by name. Each is one file that keeps the contract of siamese.encoders.base."""

from siamese.config import EncoderConfig, shorten
from siamese.encoders.backbone import PREFIX, BackboneEncoder
from siamese.encoders.base import Encoder
from siamese.encoders.compact import CompactEncoder
from siamese.encoders.gru import GRUEncoder
from siamese.encoders.hog import HOGEncoder
from siamese.encoders.mlp import MLPEncoder
from siamese.encoders.residual import ResidualEncoder
from siamese.encoders.resnet18 import ResNet18Encoder
from siamese.encoders.seed import SeedEncoder
from siamese.encoders.tdnn import TDNNEncoder
from siamese.encoders.whitened import WhitenedEncoder
from siamese.suggestions import did_you_mean

ENCODERS: dict[str, type[Encoder]] = {  # of images
    "compact": CompactEncoder,
    "residual": ResidualEncoder,
    "seed": SeedEncoder,
    "hog": HOGEncoder,
}

ENCODERS_OF_NUMBERS: dict[str, type[Encoder]] = {  # of vectors and sequences
    "mlp": MLPEncoder,
    "tdnn": TDNNEncoder,
    "gru": GRUEncoder,
}

LOADED_ONLY: dict[str, type[Encoder]] = {"resnet18": ResNet18Encoder}  # of older model folders; no training makes them


def encoder_class(name: str) -> type[Encoder]:
    """The class that `name` stands for, in one of the dicts or for all of timm. Raises ValueError with the choices."""
    if name.startswith(PREFIX):
        return BackboneEncoder
    known = ENCODERS | ENCODERS_OF_NUMBERS
    if name not in known | LOADED_ONLY:
        hint = did_you_mean(name, known)
        raise ValueError(
            f"unknown encoder {shorten(name)}, available: {', '.join(ENCODERS)}, {PREFIX}NAME; of numbers: "
            f"{', '.join(ENCODERS_OF_NUMBERS)}{hint}"
        )
    return (known | LOADED_ONLY)[name]


def encoders_of(kind: str) -> list[str]:
    """The names of the encoders that take "images", "vectors" or "sequences"."""
    return [name for name, each in (ENCODERS | ENCODERS_OF_NUMBERS).items() if each.takes == kind]


def build_encoder(config: EncoderConfig) -> Encoder:
    """An encoder with random weights. Raises ValueError for an unknown one, or shapes that it cannot have."""
    kind = encoder_class(config.name)
    encoder = BackboneEncoder(config) if kind is BackboneEncoder else kind.of(config)
    if isinstance(encoder, WhitenedEncoder):
        encoder.mirrors = config.mirrors
    return encoder
