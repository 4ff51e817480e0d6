"""What every encoder has: the contract between an encoder and all that trains, saves and uses it."""

from collections.abc import Iterable
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from siamese.config import EncoderConfig


class Encoder(nn.Module):
    """Images (B, C, H, W), float in 0..1 -> embeddings (B, D), float32, whose Euclidean distance is what is learned.

    Or, of other inputs, what siamese.inputs makes of them: vectors (B, F), sequences (B, T, F + 1) with the mask of steps.

    One set of weights encodes both images of a pair. All that an encoder knows is in its parameters and buffers, which are
    what a model folder holds; batch statistics are nn.BatchNorm's, which become those of all processes in a training of
    several. Subclasses define `__init__` and `features`, and set the attributes below.

    `__init__` takes the embedding's width D, the side of the square images in px and their channels (1 or 3), and raises
    ValueError for what it cannot be built with. It must work on torch's meta device, with shapes alone.
    """

    citation = ""  # what a model card names as the source of the design, as Markdown
    default_dim = 64  # D, where nothing else is asked for
    unit_length = True  # whether every embedding has length 1, so that distances lie in 0..2
    is_fitted = False  # whether `fit` is to be called before the first step
    takes = "images"  # or "vectors", "sequences"
    layout = torch.channels_last  # in which a training hands over a batch

    @classmethod
    def of(cls, config: EncoderConfig) -> Self:
        """An encoder with random weights. Raises ValueError for shapes that it cannot have."""
        if config.shape is not None:
            raise ValueError(f"encoder {config.name} takes images, and encoder.shape is {config.shape}: leave it out")
        return cls(config.embedding_dim, config.image_size, config.channels)

    def __init__(self, embedding_dim: int, image_size: int, channels: int) -> None:
        super().__init__()

    def forward(self, images: Tensor) -> Tensor:
        features = self.features(images)
        return F.normalize(features, dim=1) if self.unit_length else features  # (B, D)

    def features(self, images: Tensor) -> Tensor:
        """The embeddings before they are brought to length 1, where they are: float32 (B, D).

        How long they are says whether an image is like those that the encoder was trained on. An encoder that defines
        `forward` instead cannot tell.
        """
        return self.forward(images)

    def fit(self, images: Iterable[Tensor], labels: Tensor) -> None:
        """Compute what can be computed of training images, of classes `labels` (N,), int64; here: nothing.

        The images come in parts, (B, C, H, W) each, since all of them as floats may be more than the memory holds.

        Called once, on the device that trains, before the first step of a training.
        """
