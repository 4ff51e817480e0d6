"""An encoder for few photographs: histograms of oriented gradients under a metric that is computed, not descended to."""

import math
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

from siamese.encoders.whitened import WhitenedEncoder

ORIENTATIONS = 8
RIDGE = 0.1  # added to the scatter within classes, as a share of its mean: few images leave it rough


class HOGEncoder(WhitenedEncoder):
    """Histograms of oriented gradients (Dalal and Triggs 2005), whitened within classes; embeddings have length 1.

    A network with a few hundred photographs to learn from learns those by heart. Here the features are fixed, and `fit`
    computes the linear map that makes images of one class vary alike in all directions (within-class covariance
    normalisation: Hatch, Kajarekar and Stolcke 2006); gradient descent then weighs its axes.
    """

    citation = (
        "features: Dalal and Triggs (2005), *Histograms of Oriented Gradients for Human Detection*; their metric: Hatch, "
        "Kajarekar and Stolcke (2006), *Within-Class Covariance Normalization for SVM-based Speaker Recognition*"
    )
    default_dim = 128

    def __init__(self, embedding_dim: int, image_size: int, channels: int) -> None:
        super().__init__(embedding_dim, image_size, channels)
        self.cell = max(2, image_size // 4)  # px a side; cells overlap by half
        with torch.no_grad():
            features = self.fixed_features(torch.zeros(1, channels, image_size, image_size)).shape[1]
        if embedding_dim > features:
            raise ValueError(
                f"encoder hog: embedding_dim is {embedding_dim}, allowed with {image_size} px and {channels} channels: "
                f"at most {features:,}"
            )
        self.start_metric(embedding_dim, features)

    @torch.no_grad()
    def fit(self, images: Iterable[Tensor], labels: Tensor) -> None:
        """Compute the linear map from images in parts (B, C, H, W), float in 0..1, of classes `labels` (N,), int64.

        The axes are ordered by how much images of one class vary along them against all images, the least first. Where
        there are fewer images than axes, the last ones stay empty.
        """
        # On the CPU, as not every device has double precision.
        features = torch.cat([self.fixed_features(part).cpu() for part in images]).double()  # (N, F)
        mean = features.mean(dim=0)
        variances, directions = torch.linalg.eigh((features - mean).T @ (features - mean) / len(features))
        is_kept = variances > 1e-6 * variances[-1]
        variances, directions = (x[..., is_kept][..., -len(self.weight) :] for x in (variances, directions))
        project = directions * variances.rsqrt()  # (F, D), to unit variance in all directions
        projected = (features - mean) @ project
        _, labels = labels.cpu().unique(return_inverse=True)
        counts = labels.bincount()[:, None]
        class_means = torch.zeros(len(counts), projected.shape[1], dtype=projected.dtype)
        within = projected - (class_means.index_add_(0, labels, projected) / counts)[labels]
        scatter, axes = torch.linalg.eigh(within.T @ within / len(within))
        # Only the directions matter where no class has two images.
        weight = (project @ axes * (scatter + RIDGE * scatter.mean() + 1e-9).rsqrt()).T
        self.mean.copy_(mean)
        self.weight.zero_()
        self.weight[: len(weight)] = weight / weight.norm() * math.sqrt(len(weight))

    def one_sided(self, images: Tensor) -> Tensor:
        """How strong the edges of each orientation are in each cell, against all of them nearby: (B, F), of length 1."""
        padded = F.pad(images, (1, 1, 1, 1), mode="replicate")
        right = padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]
        down = padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1]
        strength = (right.square() + down.square()).sqrt()
        angle = torch.atan2(down, right)
        centres = torch.arange(ORIENTATIONS, device=images.device) * (2 * math.pi / ORIENTATIONS)
        # Each edge counts for the orientations near its own, smoothly; light on dark is not dark on light.
        shares = (angle[:, :, None] - centres[:, None, None]).cos().clamp_min(0).pow(3)
        edges = (strength[:, :, None] * shares).flatten(1, 2)  # (B, C * orientations, H, W)
        cells = F.avg_pool2d(edges, self.cell, max(1, self.cell // 2))
        nearby = F.avg_pool2d(cells.square().sum(dim=1, keepdim=True), 3, stride=1, padding=1).sqrt()
        # The square root keeps few strong edges from outweighing all others.
        return F.normalize((cells / (nearby + 0.01)).clamp_min(0).sqrt().flatten(1), dim=1)
