"""What encoders share whose features are fixed, and whose metric is computed from the training images."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from siamese.encoders.base import Encoder


class WhitenedEncoder(Encoder):
    """Fixed features under a linear map that `fit` computes, whose axes gradient descent then weighs.

    Where it `mirrors`, an image and its mirror image have the same embedding, as the two sides of most things in photographs
    are of one kind; those of writing are not.
    Subclasses define `one_sided` and `fit`, and call `start_metric` once the features can be computed.
    """

    is_fitted = True
    mirrors = True

    def start_metric(self, embedding_dim: int, count: int) -> None:
        """Make the map from `count` features to `embedding_dim` numbers; before `fit`, a random rotation of them."""
        self.register_buffer("mean", torch.zeros(count))
        weight = torch.empty(embedding_dim, count)
        self.weight = nn.Parameter(nn.init.orthogonal_(weight), requires_grad=False)
        self.metric = nn.Parameter(torch.ones(embedding_dim))

    def features(self, images: Tensor) -> Tensor:
        with torch.autocast(images.device.type, enabled=False):  # half precision would blur what whitening magnifies
            features = self.fixed_features(images.float()) - self.mean
            return F.linear(features, self.weight) * self.metric  # (B, D)

    @torch.no_grad()
    def fixed_features(self, images: Tensor) -> Tensor:
        """Features of an image, or of it and its mirror image, added up: (B, C, H, W), float in 0..1 -> (B, F)."""
        return self.one_sided(images) + self.one_sided(images.flip(3)) if self.mirrors else self.one_sided(images)

    def one_sided(self, images: Tensor) -> Tensor:
        """Features of the images alone: (B, C, H, W), float in 0..1 -> (B, F)."""
        raise NotImplementedError
