"""The contrastive loss."""

from torch import Tensor

from siamese.distances import distance_matrix
from siamese.losses.base import Loss, pair_masks, sums_by_kind


class ContrastiveLoss(Loss):
    """d^2 / 2 for same pairs, max(0, margin - d)^2 / 2 for different ones, both kinds weighing half.

    Hadsell, Chopra and LeCun 2006, over all pairs of the batch: the squares of the distance and of what is missing to the
    margin. Others by this name square differently, such as max(0, margin - d^2), and do not take the same margin.
    """

    citation = "loss: Hadsell, Chopra and LeCun (2006), *Dimensionality Reduction by Learning an Invariant Mapping*"
    default_margin = 1.0
    takes_labelled_pairs = True

    def sums(self, embeddings: Tensor, labels: Tensor, anchors: slice) -> Tensor:
        distance = distance_matrix(embeddings[anchors], embeddings)  # (A, B)
        same, different = pair_masks(labels, anchors)
        return sums_by_kind(distance.square() / 2, same, (self.margin - distance).clamp_min(0).square() / 2, different)
