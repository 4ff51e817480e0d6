"""The triplet losses: all active triplets, the hardest ones, the semi-hard ones."""

import torch
from torch import Tensor

from siamese.distances import distance_matrix
from siamese.losses.base import Loss, pair_masks, sums_of_active

FACENET = "Schroff, Kalenichenko and Philbin (2015), *FaceNet: A Unified Embedding for Face Recognition and Clustering*"
DEFENSE = "Hermans, Beyer and Leibe (2017), *In Defense of the Triplet Loss for Person Re-Identification*"


class TripletLoss(Loss):
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), the mean over all triplets of the batch that are above 0.

    Schroff et al. 2015 (FaceNet) for the loss; Hermans et al. 2017 for averaging the active triplets only, so that the
    gradient does not fade as training solves most of them ("batch all").
    """

    citation = f"loss: {FACENET}; {DEFENSE}"
    default_margin = 0.5
    forms_triplets = True

    def sums(self, embeddings: Tensor, labels: Tensor, anchors: slice) -> Tensor:
        distance = distance_matrix(embeddings[anchors], embeddings)  # (A, B)
        same, different = pair_masks(labels, anchors)
        anchor, positive = same.nonzero(as_tuple=True)  # (P,) each, P = number of ordered same pairs
        violation = distance[anchor, positive][:, None] - distance[anchor] + self.margin  # (P, B): every candidate negative
        return sums_of_active(violation.masked_fill(~different[anchor], 0))


class HardTripletLoss(TripletLoss):
    """The triplet of each anchor with its farthest positive and its nearest negative (Hermans et al. 2017, "batch hard").

    Two things keep it from drawing all embeddings onto one point, which it otherwise does with the reference network: both
    are looked for among GROUP images of the batch, as the worst of many is an outlier (the paper has 4 images of a class in
    a batch, too); and distances, and so the margin, are in units of the batch's root mean square distance from its centre,
    so that there is nothing to gain by shrinking.
    """

    citation = f"loss: {DEFENSE}"
    GROUP = 32
    forms_triplets = False

    def sums(self, embeddings: Tensor, labels: Tensor, anchors: slice) -> Tensor:
        spread = (embeddings - embeddings.mean(dim=0)).square().sum(dim=1).mean().clamp_min(1e-12).sqrt()
        distance = distance_matrix(embeddings[anchors], embeddings) / spread  # (A, B)
        group = torch.arange(len(labels), device=labels.device) // self.GROUP
        same, different = (mask & (group[anchors, None] == group) for mask in pair_masks(labels, anchors))
        farthest = distance.masked_fill(~same, -torch.inf).amax(dim=1)  # (A,), -inf where there is no positive
        nearest = distance.masked_fill(~different, torch.inf).amin(dim=1)
        is_triplet = same.any(dim=1) & different.any(dim=1)
        return sums_of_active(torch.where(is_triplet, farthest - nearest + self.margin, 0.0))


class SemiHardTripletLoss(TripletLoss):
    """The triplet of each same pair with the nearest negative that is farther than the positive, or else the farthest one.

    Schroff et al. 2015 (FaceNet) for the choice: the very hardest negatives are often mislabelled, and can pull all
    embeddings onto one point. The loss is that of TripletLoss: plain distances, and the mean over the triplets that are
    above 0. FaceNet sums over squared distances, and other libraries take the mean over all same pairs, solved ones too.
    """

    citation = f"loss: {FACENET}"

    def sums(self, embeddings: Tensor, labels: Tensor, anchors: slice) -> Tensor:
        distance = distance_matrix(embeddings[anchors], embeddings)  # (A, B)
        same, different = pair_masks(labels, anchors)
        anchor, positive = same.nonzero(as_tuple=True)  # (P,) each
        to_positive, to_others, is_negative = distance[anchor, positive], distance[anchor], different[anchor]
        is_farther = is_negative & (to_others > to_positive[:, None])  # (P, B)
        nearest_farther = to_others.masked_fill(~is_farther, torch.inf).amin(dim=1)  # (P,)
        farthest = to_others.masked_fill(~is_negative, -torch.inf).amax(dim=1)
        to_negative = torch.where(is_farther.any(dim=1), nearest_farther, farthest)
        return sums_of_active(torch.where(is_negative.any(dim=1), to_positive - to_negative + self.margin, 0.0))
