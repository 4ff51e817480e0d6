"""The running average of the weights in training."""

import copy

import torch

from siamese.network import SiameseNetwork


class WeightAverage:
    """A network whose weights are the running average of those of a network in training.

    It looks back on a `share` of the steps so far, as averaging with polynomial decay does (Shamir and Zhang 2013): early on
    it forgets the poor beginning at once, at the end it rests on many steps. A share of 1 is the mean of all, 0 no average.
    """

    def __init__(self, network: SiameseNetwork, share: float) -> None:
        self.network = copy.deepcopy(network)
        self.share = share

    @torch.no_grad()
    def update(self, network: SiameseNetwork, step: int) -> None:
        """Take in the weights after `step` steps, counted from 1."""
        weight = 1 / max(1.0, self.share * step)
        for average, latest in zip(self.network.state_dict().values(), network.state_dict().values(), strict=True):
            if average.is_floating_point():
                average.lerp_(latest, weight)
            else:
                average.copy_(latest)
