"""Training objectives. Each is called as `(embeddings, labels) -> scalar` and forms its pairs or triplets inside.

A loss may hold parameters of its own (a bias, a scale, class centres); the optimiser trains them, the model folder does not
need them. All of them act on Euclidean distances alone, so that whatever one trains, `distance` is what decides.
"""

from siamese.config import LossConfig
from siamese.losses.base import Loss
from siamese.losses.contrastive import ContrastiveLoss
from siamese.losses.cross_entropy import PairwiseCrossEntropy
from siamese.losses.proxy import ProxyLoss
from siamese.losses.supervised_contrastive import SupervisedContrastiveLoss
from siamese.losses.triplet import HardTripletLoss, SemiHardTripletLoss, TripletLoss

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
