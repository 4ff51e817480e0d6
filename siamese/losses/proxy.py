"""Classification by learned class centres."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from siamese.config import LossConfig
from siamese.distances import squared_distance_matrix
from siamese.losses.base import Loss


class ProxyLoss(Loss):
    """-log of the softmax share of the own class, over learned class centres, by -scale * distance^2.

    Movshovitz-Attias et al. 2017 (Proxy-NCA) with the own centre kept in the sum, as Teh et al. 2020 have it; for
    embeddings of unit length so are the centres, which makes it the normalised softmax of face recognition.

    For embeddings of any length that softmax is a linear classifier, as what all squared distances share cancels out: an
    image may lie as far from its own centre as it likes, if only the others are farther. So there is one more answer, "none
    of them", with the log-odds `-bias`, which an image has to be nearer to a centre to beat.
    """

    citation = (
        "loss: Movshovitz-Attias et al. (2017), *No Fuss Distance Metric Learning using Proxies*; Teh, DeVries and Taylor "
        "(2020), *ProxyNCA++*"
    )
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
