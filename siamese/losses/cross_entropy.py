"""Cross-entropy of same and different over all pairs: the reference network's objective."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from siamese.config import LossConfig
from siamese.distances import squared_distance_matrix
from siamese.losses.base import Loss, pair_masks, sums_by_kind


class PairwiseCrossEntropy(Loss):
    """Cross-entropy of same / different over all B(B-1)/2 pairs of a batch, both kinds weighing half.

    The log-odds of "same" are `bias - scale * distance^2`. For two outputs over the squared difference of two
    descriptors, as the reference network has them, softmax leaves just that: the weights' difference is the diagonal metric
    (held by the encoder) and the biases' difference is `bias`. `scale` is learned only for embeddings of unit length; a
    learned metric already has one.
    """

    takes_labelled_pairs = True

    def __init__(
        self, config: LossConfig | None = None, unit_length: bool = True, embedding_dim: int = 0, classes: int = 0
    ) -> None:
        super().__init__(config, unit_length)
        # A steep start, with the threshold at distance^2 0.5, asks no more than that same pairs lie clearly nearer than
        # different ones. A flat one pushes every class onto one point, which judges unfamiliar handwriting worse.
        self.bias = nn.Parameter(torch.tensor(12.0 if unit_length else 1.0))
        self.log_scale = nn.Parameter(torch.tensor(24.0).log()) if unit_length else None

    def sums(self, embeddings: Tensor, labels: Tensor, anchors: slice) -> Tensor:
        squared = squared_distance_matrix(embeddings[anchors], embeddings)  # (A, B)
        logit = self.bias - (squared if self.log_scale is None else self.log_scale.exp() * squared)
        same, different = pair_masks(labels, anchors)
        return sums_by_kind(F.softplus(-logit), same, F.softplus(logit), different)
