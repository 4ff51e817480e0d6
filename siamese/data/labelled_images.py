"""Images with their classes."""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from siamese.data.storage import take_images
from siamese.evaluation.metrics import PairDistances, hardest_pairs, pair_distances

if TYPE_CHECKING:  # takes a second, for which what only lists datasets need not wait
    from torch import Tensor

MOST_EVALUATED = 20_000  # images in validation, and as many in the test: all their pairs are 200 million


@dataclass(frozen=True)
class LabelledImages:
    """Images with their classes."""

    images: np.ndarray  # uint8 (N, H, W) or (N, H, W, 3)
    labels: np.ndarray  # int64 (N,), 0 <= label < number of classes
    has_copies: np.ndarray | None = None  # bool (N,), whether there are near duplicates of an image; None: not known
    groups: np.ndarray | None = None  # int64 (K,), the group of each class, such as its alphabet; None: there are none
    names: tuple[str, ...] | None = None  # of the K classes; None: their numbers
    sources: np.ndarray | None = None  # str (N,), where each image is from, see `sources_of`; None: not known

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: np.ndarray) -> "LabelledImages":
        """The images at these indices, in that order; in a file on disk where they are many."""
        has_copies, sources = (None if each is None else each[indices] for each in (self.has_copies, self.sources))
        images, labels = take_images(self.images, indices), self.labels[indices]
        return dataclasses.replace(self, images=images, labels=labels, has_copies=has_copies, sources=sources)

    def at_most(self, count: int, seed: int) -> "LabelledImages":
        """A seeded draw of `count` of the images, in their order; all where they are no more."""
        if len(self) <= count:
            return self
        return self.take(np.sort(np.random.default_rng(seed).permutation(len(self))[:count]))

    def distances(self, embeddings: "Tensor") -> PairDistances:
        """Distances of all pairs, from the embeddings (N, D) of the images."""
        import torch

        return pair_distances(embeddings, torch.from_numpy(self.labels))

    def hardest(self, embeddings: "Tensor", is_same: bool, count: int) -> list[tuple[int, int, float]]:
        """See siamese.evaluation.metrics.hardest_pairs."""
        import torch

        return hardest_pairs(embeddings, torch.from_numpy(self.labels), is_same, count)


def sources_of(names: Iterable[str]) -> np.ndarray:
    """Where images are from, such as a file below its folder: str (N,), which takes hardly more than their letters."""
    return np.array(list(names), dtype=np.dtypes.StringDType())


def group_numbers(names: tuple[str, ...]) -> np.ndarray:
    """Of classes named as folders, the number of the folder that each lies in: int64 (K,)."""
    return np.unique([name.rpartition("/")[0] for name in names], return_inverse=True)[1]
