"""Training objectives. Each is called as `(embeddings, labels) -> scalar` and forms its pairs or triplets inside.

A loss may hold parameters of its own (a bias, a scale); the optimiser trains them, the model folder does not need them.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from siamese.config import LossConfig
from siamese.distances import distance_matrix, squared_distance_matrix


class PairwiseCrossEntropy(nn.Module):
    """Cross-entropy of same / different over all B(B-1)/2 pairs of a batch, both kinds weighing half.

    The log-odds of "same" are `bias - scale * distance^2`. For two outputs over the squared difference of two
    descriptors, as the reference network has them, softmax leaves just that: the weights' difference is the diagonal metric
    (held by the encoder) and the biases' difference is `bias`. `scale` is learned only for embeddings of unit length; a
    learned metric already has one.
    """

    def __init__(self, config: LossConfig | None = None, unit_length: bool = True) -> None:
        super().__init__()
        # A steep start, with the threshold at distance^2 0.5, asks no more than that same pairs lie clearly nearer than
        # different ones. A flat one pushes every class onto one point, which judges unfamiliar handwriting worse.
        self.bias = nn.Parameter(torch.tensor(12.0 if unit_length else 1.0))
        self.log_scale = nn.Parameter(torch.tensor(24.0).log()) if unit_length else None

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Embeddings (B, D), integer labels (B,) -> scalar. No same (or different) pairs: that half is 0."""
        squared = squared_distance_matrix(embeddings)  # (B, B)
        logit = self.bias - (squared if self.log_scale is None else self.log_scale.exp() * squared)
        is_same = labels[:, None] == labels[None, :]
        different = ~is_same
        same = is_same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
        same_loss = (F.softplus(-logit) * same).sum() / same.sum().clamp_min(1)
        different_loss = (F.softplus(logit) * different).sum() / different.sum().clamp_min(1)
        return (same_loss + different_loss) / 2


class TripletLoss(nn.Module):
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), the mean over all triplets of the batch that are above 0.

    Schroff et al. 2015 (FaceNet) for the loss; Hermans et al. 2017 for averaging the active triplets only, so that the
    gradient does not fade as training solves most of them.
    """

    def __init__(self, config: LossConfig | None = None, unit_length: bool = True) -> None:
        super().__init__()
        self.margin = (config or LossConfig(name="triplet")).margin

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Embeddings (B, D), integer labels (B,) -> scalar; 0 where the batch holds no triplet that violates the margin."""
        distances = distance_matrix(embeddings)  # (B, B)
        is_same = labels[:, None] == labels[None, :]
        positive_pair = is_same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
        anchor, positive = positive_pair.nonzero(as_tuple=True)  # (P,) each, P = number of ordered same pairs
        violation = (
            distances[anchor, positive][:, None] - distances[anchor] + self.margin
        )  # (P, B): every candidate negative
        violation = violation.masked_fill(is_same[anchor], 0).clamp_min(0)
        return violation.sum() / (violation > 0).sum().clamp_min(1)


LOSSES: dict[str, type[nn.Module]] = {"bce": PairwiseCrossEntropy, "triplet": TripletLoss}


def build_loss(config: LossConfig, unit_length: bool) -> nn.Module:
    """The loss that `config` names, for embeddings of unit length or not. Raises ValueError for an unknown name."""
    if config.name not in LOSSES:
        raise ValueError(f"unknown loss {config.name!r}, available: {', '.join(LOSSES)}")
    return LOSSES[config.name](config, unit_length)
