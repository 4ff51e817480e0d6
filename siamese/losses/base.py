"""What all training objectives share: terms, each of which belongs to an anchor, computed within bounded memory."""

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from siamese.config import LossConfig

MOST_ELEMENTS = 1 << 25  # of a matrix at a time (128 MB of float32): bounds the memory of a batch of any size


class Loss(nn.Module):
    """A mean over terms, each of which belongs to one image of the batch, its anchor.

    A loss may have several kinds of terms, as same and different pairs are; then each kind weighs the same. Subclasses
    define `sums` for some of the anchors: with large batches it is called for a few at a time, and again in the backward
    pass, so that peak memory does not grow with the square of the batch.
    """

    citation = ""  # what a model card names as the source of the method, as Markdown
    default_margin: float | None = None  # in units of distance; None: this loss has no margin
    knows_classes = False  # whether it holds something for each class, and so depends on what the classes are called
    # Whether it is enough for it to know of some pairs whether they are the same: it then also takes, for labels, int64
    # (B, B) with 1 same, 0 different, -1 unknown. All others compare pairs of one image, or know the classes.
    takes_labelled_pairs = False
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


def pair_masks(labels: Tensor, anchors: slice) -> tuple[Tensor, Tensor]:
    """Which images are of the anchor's class (itself aside), and which of another: bool (A, B) each."""
    if labels.dim() == 2:
        return labels[anchors] == 1, labels[anchors] == 0
    is_same = labels[anchors, None] == labels[None, :]
    numbers = torch.arange(len(labels), device=labels.device)
    return is_same & (numbers[anchors, None] != numbers[None, :]), ~is_same


def sums_by_kind(same_terms: Tensor, same: Tensor, different_terms: Tensor, different: Tensor) -> Tensor:
    """(2, 2): sum and number of the same terms, and of the different ones; masks and terms are (A, B)."""
    sums = [(same_terms * same).sum(), same.sum(), (different_terms * different).sum(), different.sum()]
    return torch.stack([value.float() for value in sums]).reshape(2, 2)


def sums_of_active(violation: Tensor) -> Tensor:
    """(1, 2): sum and number of what is above 0."""
    active = violation.clamp_min(0)
    return torch.stack([active.sum(), (active > 0).sum().float()])[None]
