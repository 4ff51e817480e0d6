"""Training objectives. Each is called as `(embeddings, labels) -> scalar` and forms its pairs or triplets inside.

A loss may hold parameters of its own (a bias, a scale, class centres); the optimiser trains them, the model folder does not
need them. All of them act on Euclidean distances alone, so that whatever one trains, `distance` is what decides.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from siamese.config import LossConfig
from siamese.distances import distance_matrix, squared_distance_matrix

MOST_ELEMENTS = 1 << 25  # of a matrix at a time (128 MB of float32): bounds the memory of a batch of any size


class Loss(nn.Module):
    """A mean over terms, each of which belongs to one image of the batch, its anchor.

    A loss may have several kinds of terms, as same and different pairs are; then each kind weighs the same. Subclasses
    define `sums` for some of the anchors: with large batches it is called for a few at a time, and again in the backward
    pass, so that peak memory does not grow with the square of the batch.
    """

    default_margin: float | None = None  # None: this loss has no margin
    knows_classes = False  # whether it holds something for each class, and so depends on what the classes are called
    forms_triplets = False  # whether a row of its largest matrix is as long as the batch for each positive of an anchor

    def __init__(
        self, config: LossConfig | None = None, unit_length: bool = True, embedding_dim: int = 0, classes: int = 0
    ) -> None:
        super().__init__()
        self.margin = self.default_margin if config is None else config.margin

    def sums(self, embeddings: Tensor, labels: Tensor, anchors: slice) -> Tensor:
        """Embeddings (B, D), labels (B,), which of them are anchors -> (K, 2): sum and number of the terms of each kind."""
        raise NotImplementedError

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Embeddings (B, D), integer labels (B,) -> scalar, at least 0; 0 where the batch holds no term at all."""
        count = len(labels)
        width = count * (int(labels.unique(return_counts=True)[1].max()) if self.forms_triplets else 1)
        rows = max(1, MOST_ELEMENTS // width)
        if rows >= count:
            sums = self.sums(embeddings, labels, slice(0, count))
        else:
            parts = [slice(start, start + rows) for start in range(0, count, rows)]
            sums = sum(checkpoint(self.sums, embeddings, labels, part, use_reentrant=False) for part in parts)
        return (sums[:, 0] / sums[:, 1].clamp_min(1)).mean()


class PairwiseCrossEntropy(Loss):
    """Cross-entropy of same / different over all B(B-1)/2 pairs of a batch, both kinds weighing half.

    The log-odds of "same" are `bias - scale * distance^2`. For two outputs over the squared difference of two
    descriptors, as the reference network has them, softmax leaves just that: the weights' difference is the diagonal metric
    (held by the encoder) and the biases' difference is `bias`. `scale` is learned only for embeddings of unit length; a
    learned metric already has one.
    """

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
        same, different = _pair_masks(labels, anchors)
        return _sums_by_kind(F.softplus(-logit), same, F.softplus(logit), different)


class ContrastiveLoss(Loss):
    """d^2 / 2 for same pairs, max(0, margin - d)^2 / 2 for different ones, both kinds weighing half.

    Hadsell, Chopra, LeCun 2006, over all pairs of the batch.
    """

    default_margin = 1.0

    def sums(self, embeddings: Tensor, labels: Tensor, anchors: slice) -> Tensor:
        distance = distance_matrix(embeddings[anchors], embeddings)  # (A, B)
        same, different = _pair_masks(labels, anchors)
        return _sums_by_kind(distance.square() / 2, same, (self.margin - distance).clamp_min(0).square() / 2, different)


class TripletLoss(Loss):
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), the mean over all triplets of the batch that are above 0.

    Schroff et al. 2015 (FaceNet) for the loss; Hermans et al. 2017 for averaging the active triplets only, so that the
    gradient does not fade as training solves most of them ("batch all").
    """

    default_margin = 0.5
    forms_triplets = True

    def sums(self, embeddings: Tensor, labels: Tensor, anchors: slice) -> Tensor:
        distance = distance_matrix(embeddings[anchors], embeddings)  # (A, B)
        same, different = _pair_masks(labels, anchors)
        anchor, positive = same.nonzero(as_tuple=True)  # (P,) each, P = number of ordered same pairs
        violation = distance[anchor, positive][:, None] - distance[anchor] + self.margin  # (P, B): every candidate negative
        return _sums_of_active(violation.masked_fill(~different[anchor], 0))


class HardTripletLoss(TripletLoss):
    """The triplet of each anchor with its farthest positive and its nearest negative (Hermans et al. 2017, "batch hard").

    Two things keep it from drawing all embeddings onto one point, which it otherwise does with the reference network: both
    are looked for among GROUP images of the batch, as the worst of many is an outlier (the paper has 4 images of a class in
    a batch, too); and distances, and so the margin, are in units of the batch's root mean square distance from its centre,
    so that there is nothing to gain by shrinking.
    """

    GROUP = 32
    forms_triplets = False

    def sums(self, embeddings: Tensor, labels: Tensor, anchors: slice) -> Tensor:
        spread = (embeddings - embeddings.mean(dim=0)).square().sum(dim=1).mean().clamp_min(1e-12).sqrt()
        distance = distance_matrix(embeddings[anchors], embeddings) / spread  # (A, B)
        group = torch.arange(len(labels), device=labels.device) // self.GROUP
        same, different = (mask & (group[anchors, None] == group) for mask in _pair_masks(labels, anchors))
        farthest = distance.masked_fill(~same, -torch.inf).amax(dim=1)  # (A,), -inf where there is no positive
        nearest = distance.masked_fill(~different, torch.inf).amin(dim=1)
        is_triplet = same.any(dim=1) & different.any(dim=1)
        return _sums_of_active(torch.where(is_triplet, farthest - nearest + self.margin, 0.0))


class SemiHardTripletLoss(TripletLoss):
    """The triplet of each same pair with the nearest negative that is farther than the positive, or else the farthest one.

    Schroff et al. 2015: the very hardest negatives are often mislabelled, and can pull all embeddings onto one point.
    """

    def sums(self, embeddings: Tensor, labels: Tensor, anchors: slice) -> Tensor:
        distance = distance_matrix(embeddings[anchors], embeddings)  # (A, B)
        same, different = _pair_masks(labels, anchors)
        anchor, positive = same.nonzero(as_tuple=True)  # (P,) each
        to_positive, to_others, is_negative = distance[anchor, positive], distance[anchor], different[anchor]
        is_farther = is_negative & (to_others > to_positive[:, None])  # (P, B)
        nearest_farther = to_others.masked_fill(~is_farther, torch.inf).amin(dim=1)  # (P,)
        farthest = to_others.masked_fill(~is_negative, -torch.inf).amax(dim=1)
        to_negative = torch.where(is_farther.any(dim=1), nearest_farther, farthest)
        return _sums_of_active(torch.where(is_negative.any(dim=1), to_positive - to_negative + self.margin, 0.0))


class SupervisedContrastiveLoss(Loss):
    """-log of the share that a positive has in the softmax over all other images, the mean over positives, then anchors.

    Khosla et al. 2020, with -d^2 / 2 for the similarity, which for embeddings of unit length is their cosine but for a
    constant.
    """

    temperature = 0.1

    def sums(self, embeddings: Tensor, labels: Tensor, anchors: slice) -> Tensor:
        squared = squared_distance_matrix(embeddings[anchors], embeddings)  # (A, B)
        same, different = _pair_masks(labels, anchors)
        similarity = (-squared / 2 / self.temperature).masked_fill(~(same | different), -torch.inf)
        log_share = (similarity - similarity.logsumexp(dim=1, keepdim=True)).masked_fill(~same, 0)
        positives = same.sum(dim=1)  # (A,)
        per_anchor = -log_share.sum(dim=1) / positives.clamp_min(1)
        return torch.stack([per_anchor.sum(), (positives > 0).sum().float()])[None]


class ProxyLoss(Loss):
    """-log of the softmax share of the own class, over learned class centres, by -scale * distance^2.

    Movshovitz-Attias et al. 2017 (Proxy-NCA) with the own centre kept in the sum, as Teh et al. 2020 have it; for
    embeddings of unit length so are the centres, which makes it the normalised softmax of face recognition.

    For embeddings of any length that softmax is a linear classifier, as what all squared distances share cancels out: an
    image may lie as far from its own centre as it likes, if only the others are farther. So there is one more answer, "none
    of them", with the log-odds `-bias`, which an image has to be nearer to a centre to beat.
    """

    knows_classes = True

    def __init__(
        self, config: LossConfig | None = None, unit_length: bool = True, embedding_dim: int = 0, classes: int = 0
    ) -> None:
        super().__init__(config, unit_length)
        self.unit_length = unit_length
        self.centres = nn.Parameter(torch.randn(classes, embedding_dim) / embedding_dim**0.5)
        self.log_scale = nn.Parameter(torch.tensor(8.0 if unit_length else 1.0).log())
        self.bias = None if unit_length else nn.Parameter(torch.tensor(1.0))

    def sums(self, embeddings: Tensor, labels: Tensor, anchors: slice) -> Tensor:
        centres = F.normalize(self.centres, dim=1) if self.unit_length else self.centres  # (K, D)
        logits = -self.log_scale.exp() * squared_distance_matrix(embeddings[anchors], centres)  # (A, K)
        if self.bias is not None:
            logits = F.pad(logits + self.bias, (0, 1))  # (A, K + 1)
        losses = F.cross_entropy(logits, labels[anchors], reduction="none")
        return torch.stack([losses.sum(), losses.new_tensor(float(len(losses)))])[None]


LOSSES: dict[str, type[Loss]] = {
    "bce": PairwiseCrossEntropy,
    "contrastive": ContrastiveLoss,
    "triplet": TripletLoss,
    "triplet-hard": HardTripletLoss,
    "triplet-semi-hard": SemiHardTripletLoss,
    "supcon": SupervisedContrastiveLoss,
    "proxy": ProxyLoss,
}
# Their terms are pairs, so it is enough to know of some pairs whether they are the same: they also take, for labels, int64
# (B, B) with 1 same, 0 different, -1 unknown. All others compare pairs of one image, or know the classes.
FOR_LABELLED_PAIRS = ("bce", "contrastive")


def loss_class(name: str) -> type[Loss]:
    """The class that `name` stands for in LOSSES. Raises ValueError with the choices."""
    if name not in LOSSES:
        raise ValueError(f"unknown loss {name!r}, available: {', '.join(LOSSES)}")
    return LOSSES[name]


def build_loss(config: LossConfig, unit_length: bool, embedding_dim: int, classes: int) -> Loss:
    """The loss that `config` names, for embeddings (B, embedding_dim), of unit length or not, and labels below `classes`.

    Raises ValueError for an unknown name.
    """
    return loss_class(config.name)(config, unit_length, embedding_dim, classes)


def _pair_masks(labels: Tensor, anchors: slice) -> tuple[Tensor, Tensor]:
    """Which images are of the anchor's class (itself aside), and which of another: bool (A, B) each."""
    if labels.dim() == 2:
        return labels[anchors] == 1, labels[anchors] == 0
    is_same = labels[anchors, None] == labels[None, :]
    numbers = torch.arange(len(labels), device=labels.device)
    return is_same & (numbers[anchors, None] != numbers[None, :]), ~is_same


def _sums_by_kind(same_terms: Tensor, same: Tensor, different_terms: Tensor, different: Tensor) -> Tensor:
    sums = [(same_terms * same).sum(), same.sum(), (different_terms * different).sum(), different.sum()]
    return torch.stack([value.float() for value in sums]).reshape(2, 2)


def _sums_of_active(violation: Tensor) -> Tensor:
    """(1, 2): sum and number of what is above 0."""
    active = violation.clamp_min(0)
    return torch.stack([active.sum(), (active > 0).sum().float()])[None]
