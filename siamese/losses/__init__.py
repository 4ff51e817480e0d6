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
from siamese.suggestions import did_you_mean

LOSSES: dict[str, type[Loss]] = {
    "bce": PairwiseCrossEntropy,
    "contrastive": ContrastiveLoss,
    "triplet": TripletLoss,
    "triplet-hard": HardTripletLoss,
    "triplet-semi-hard": SemiHardTripletLoss,
    "supcon": SupervisedContrastiveLoss,
    "proxy": ProxyLoss,
}


def for_labelled_pairs() -> tuple[str, ...]:
    """The losses that labelled pairs can be trained with."""
    return tuple(name for name, loss in LOSSES.items() if loss.takes_labelled_pairs)


def loss_class(name: str) -> type[Loss]:
    """The class that `name` stands for in LOSSES. Raises ValueError with the choices."""
    if name not in LOSSES:
        raise ValueError(f"unknown loss {name!r}, available: {', '.join(LOSSES)}{did_you_mean(name, LOSSES)}")
    return LOSSES[name]


def build_loss(config: LossConfig, unit_length: bool, embedding_dim: int, classes: int) -> Loss:
    """The loss that `config` names, for embeddings (B, embedding_dim), of unit length or not, and labels below `classes`.

    Raises ValueError for an unknown name.
    """
    return loss_class(config.name)(config, unit_length, embedding_dim, classes)
