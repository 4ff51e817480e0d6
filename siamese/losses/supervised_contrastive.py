"""The supervised contrastive loss."""

import torch
from torch import Tensor

from siamese.distances import squared_distance_matrix
from siamese.losses.base import Loss, pair_masks


class SupervisedContrastiveLoss(Loss):
    """-log of the share that a positive has in the softmax over all other images, the mean over positives, then anchors.

    Khosla et al. 2020, with -d^2 / 2 for the similarity, which for embeddings of unit length is their cosine but for a
    constant.
    """

    citation = "loss: Khosla et al. (2020), *Supervised Contrastive Learning*"
    temperature = 0.1

    def sums(self, embeddings: Tensor, labels: Tensor, anchors: slice) -> Tensor:
        squared = squared_distance_matrix(embeddings[anchors], embeddings)  # (A, B)
        same, different = pair_masks(labels, anchors)
        similarity = (-squared / 2 / self.temperature).masked_fill(~(same | different), -torch.inf)
        log_share = (similarity - similarity.logsumexp(dim=1, keepdim=True)).masked_fill(~same, 0)
        positives = same.sum(dim=1)  # (A,)
        per_anchor = -log_share.sum(dim=1) / positives.clamp_min(1)
        return torch.stack([per_anchor.sum(), (positives > 0).sum().float()])[None]
