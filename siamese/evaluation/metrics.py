"""Exact verification metrics over all pairs of a set of images.

Every number here is a function of two sorted arrays: the distances of all same pairs and of all different pairs. Sorting
them once makes each metric a matter of counting: nothing is sampled or binned. 10,000 images are 49,995,000 pairs, 200 MB.
"""

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from siamese.distances import distance_matrix

if TYPE_CHECKING:  # takes a second, for which what measures nothing need not wait
    from torch import Tensor

MAX_IMAGES = 20_000  # 200 million pairs, 800 MB of distances; more are thinned by a seeded draw and the record says so
LEAST_FALSE_ACCEPTS = 10  # different pairs that a rate of false accepts must stand for to be given: fewer are chance
ROWS = 1_000  # of the distance matrix at a time: bounds the memory beside the distances themselves


@dataclass(frozen=True)
class PairDistances:
    """Distances of all same and all different pairs, float32, ascending."""

    same: np.ndarray  # (S,)
    different: np.ndarray  # (T,)

    def __post_init__(self) -> None:
        if not len(self.same) or not len(self.different):
            raise ValueError(
                f"there are {len(self.same)} same and {len(self.different)} different pairs, allowed: at least 1 of each "
                "(two classes, one of them with two images)"
            )

    def true_accept_rate(self, threshold: float) -> float:
        """Share of same pairs at distance <= threshold, 0..1."""
        return float(np.searchsorted(self.same, single_at_most(threshold), side="right") / len(self.same))

    def false_accept_rate(self, threshold: float) -> float:
        """Share of different pairs at distance <= threshold, 0..1."""
        return float(np.searchsorted(self.different, single_at_most(threshold), side="right") / len(self.different))

    def balanced_accuracy(self, threshold: float) -> float:
        """Mean of the share of same pairs accepted and the share of different pairs rejected, 0..1."""
        return (self.true_accept_rate(threshold) + 1 - self.false_accept_rate(threshold)) / 2

    def best_threshold(self) -> tuple[float, float]:
        """Threshold of the highest balanced accuracy, and that accuracy: half way to the next distance above the optimum."""
        accuracy = self._accuracies()
        best = int(accuracy.argmax())
        low = float(self.same[best])
        above = np.searchsorted(self.different, self.same[best], side="right")
        candidates = [float(self.different[above])] if above < len(self.different) else [2 * low]
        if best + 1 < len(self.same):
            candidates.append(float(self.same[best + 1]))
        return max((low + min(candidates)) / 2, float(np.finfo(np.float32).tiny)), float(accuracy[best])

    def steady_threshold(self, slack: float = 0.05) -> float:
        """The middle of the thresholds whose error is at most `slack` (a share of it) above the lowest.

        Where the curve is flat, its highest point is a matter of a few pairs; the middle of the flat part is not.
        """
        threshold, highest = self.best_threshold()
        lowest_accuracy = 1 - (1 - highest) * (1 + slack)
        accuracy = self._accuracies()
        first, last = np.flatnonzero(accuracy >= lowest_accuracy)[[0, -1]]
        # Beyond the last same distance, each different one costs half of its share.
        more = int((accuracy[last] - lowest_accuracy) * 2 * len(self.different) + 1e-6)
        end = np.searchsorted(self.different, self.same[last], side="right") + more
        high = float(self.different[end]) if end < len(self.different) else threshold
        middle = (float(self.same[first]) + high) / 2
        return middle if middle > 0 and self.balanced_accuracy(middle) >= lowest_accuracy else threshold

    def _accuracies(self) -> np.ndarray:
        """Balanced accuracy where the threshold is just at each same distance: (S,)."""
        accepted = np.arange(1, len(self.same) + 1) / len(self.same)
        return (accepted + 1 - np.searchsorted(self.different, self.same, side="right") / len(self.different)) / 2

    def roc_auc(self) -> float:
        """Chance that a random same pair lies nearer than a random different pair, ties counting half, 0..1."""
        nearer = np.searchsorted(self.different, self.same, side="left")  # different pairs strictly nearer
        not_farther = np.searchsorted(self.different, self.same, side="right")
        return float(1 - (nearer.mean() + not_farther.mean()) / 2 / len(self.different))

    def equal_error_rate(self) -> float:
        """Error at the threshold where false accepts and false rejects are equally frequent, 0..1.

        Where no threshold makes them equal, the point where the straight line between the two nearest ones does.
        """
        low, high = 0, len(self.same) - 1  # bisection: the nearest same pair that, as the threshold, makes FAR >= FRR
        while low < high:
            middle = (low + high) // 2
            far, frr = self._error_rates(self.same[middle], "right")
            low, high = (low, middle) if far >= frr else (middle + 1, high)
        far, frr = self._error_rates(self.same[low], "right")
        far_before, frr_before = self._error_rates(self.same[low], "left")
        if far_before >= frr_before:  # reached already by the different pairs nearer than that: FRR stays the same there
            return frr_before
        share = (frr_before - far_before) / ((frr_before - far_before) + (far - frr))
        return far_before + share * (far - far_before)

    def _error_rates(self, threshold: np.float32, side: str) -> tuple[float, float]:
        """(FAR, FRR) with the pairs just at the threshold accepted ("right") or not ("left")."""
        far, tar = (np.searchsorted(kind, threshold, side) / len(kind) for kind in (self.different, self.same))
        return float(far), float(1 - tar)

    def threshold_at_far(self, far: float) -> float:
        """Largest threshold that accepts at most the share `far` (0..1) of different pairs."""
        allowed = int(np.floor(far * len(self.different) + 1e-9))
        if allowed >= len(self.different):
            return float(max(self.different[-1], self.same[-1]))
        return float(np.nextafter(self.different[allowed], np.float32(-np.inf)))

    def tar_at_far(self, far: float) -> float:
        """Share of same pairs accepted at `threshold_at_far(far)`, 0..1."""
        return self.true_accept_rate(self.threshold_at_far(far))

    def supports_far(self, far: float) -> bool:
        """Whether there are enough different pairs to speak of so small a share of them, 0..1, as false accepts."""
        return far * len(self.different) + 1e-9 >= LEAST_FALSE_ACCEPTS

    def reliability(self, probability_same, bins: int = 15) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Mean predicted and observed share of same pairs, in `bins` bins of equal mass; both kinds weigh half.

        `probability_same` maps an array of distances to probabilities and decreases. Returns predicted, observed and mass,
        each (bins,), from near to far; the mass sums to 1.
        """
        edges = [self._balanced_quantile(k / bins) for k in range(1, bins)]
        mass_same, sum_same = _bin(self.same, edges, probability_same)
        mass_different, sum_different = _bin(self.different, edges, probability_same)
        mass = (mass_same + mass_different) / 2
        filled = np.maximum(mass, np.finfo(float).tiny)  # ties can leave a bin empty: it then has no mass and no say
        return (sum_same + sum_different) / 2 / filled, mass_same / 2 / filled, mass

    def calibration_error(self, probability_same, bins: int = 15) -> float:
        """Expected calibration error, 0..1: |predicted - observed|, the mean over bins by mass (Naeini et al. 2015)."""
        predicted, observed, mass = self.reliability(probability_same, bins)
        return float((np.abs(predicted - observed) * mass).sum())

    def _balanced_quantile(self, share: float) -> np.float32:
        """Distance below which `share` of the balanced mass lies, by bisection."""
        low, high = 0.0, float(max(self.same[-1], self.different[-1]))
        for _ in range(40):
            middle = (low + high) / 2
            if (self.true_accept_rate(middle) + self.false_accept_rate(middle)) / 2 < share:
                low = middle
            else:
                high = middle
        return np.float32(high)


def pair_distances(embeddings: "Tensor", labels: "Tensor") -> PairDistances:
    """Distances of all N(N-1)/2 pairs of embeddings (N, D) with integer labels (N,), N at most MAX_IMAGES."""
    count = len(labels)
    if count > MAX_IMAGES:
        raise ValueError(f"{count} images, allowed: at most {MAX_IMAGES} to measure all pairs of")
    import torch

    order = labels.cpu().argsort()
    embeddings = embeddings.cpu()[order]
    class_sizes = [int(size) for size in torch.bincount(labels.cpu()) if size]
    same, different = [], []  # arrays of distances, to be joined
    class_start = 0
    for size in class_sizes:
        class_end = class_start + size
        for start in range(class_start, class_end, ROWS):
            end = min(start + ROWS, class_end)
            block = distance_matrix(embeddings[start:end], embeddings[start:])  # (R, N - start): each pair once
            own = class_end - start  # the first columns belong to the same class, all later ones to others
            upper = torch.ones(end - start, own, dtype=torch.bool).triu(1)
            same.append(block[:, :own][upper].numpy())
            different.append(block[:, own:].reshape(-1).numpy())
        class_start = class_end
    return PairDistances(_sorted_join(same), _sorted_join(different))


def hardest_pairs(embeddings: "Tensor", labels: "Tensor", is_same: bool, count: int) -> list[tuple[int, int, float]]:
    """The `count` same pairs farthest apart, or different pairs nearest together: (index, index, distance), hardest first.

    Each image appears once, or one odd image would fill the list.
    """
    import torch

    candidates = []
    sign = 1 if is_same else -1
    for start in range(0, len(labels), ROWS):
        block = distance_matrix(embeddings[start : start + ROWS], embeddings) * sign  # (R, N)
        wanted = (labels[start : start + ROWS, None] == labels[None, :]) == is_same
        later = torch.arange(len(labels))[None, :] > torch.arange(start, start + len(block))[:, None]
        # Of an image's partners at most 2 * count - 2 can be taken by harder pairs.
        kept = min(2 * count, len(labels))
        values, columns = block.masked_fill(~(wanted & later), -torch.inf).topk(kept, dim=1)  # (R, k)
        rows = torch.arange(start, start + len(block))[:, None].expand_as(columns)
        candidates += zip(values.flatten().tolist(), rows.flatten().tolist(), columns.flatten().tolist(), strict=True)
    chosen, used = [], set()
    for value, a, b in sorted(candidates, reverse=True):
        if len(chosen) < count and value > -torch.inf and not {a, b} & used:
            chosen.append((a, b, sign * value))
            used |= {a, b}
    return chosen


def single_at_most(threshold: float) -> np.float32:
    """The largest single-precision number that is at most `threshold`: the same distances lie within both."""
    rounded = np.float32(threshold)
    return np.nextafter(rounded, np.float32(-np.inf)) if float(rounded) > float(threshold) else rounded


def _sorted_join(parts: list[np.ndarray]) -> np.ndarray:
    joined = np.concatenate(parts) if parts else np.empty(0, np.float32)
    parts.clear()  # frees the parts before sorting needs memory of its own
    joined.sort()
    return joined


def _bin(distances: np.ndarray, edges: list[np.float32], probability_same) -> tuple[np.ndarray, np.ndarray]:
    """Share of `distances` in each bin and its sum of probabilities per distance, both (bins,)."""
    ends = [0, *np.searchsorted(distances, edges, side="right"), len(distances)]
    sums = [_chunked_sum(distances[start:end], probability_same) for start, end in itertools.pairwise(ends)]
    return np.diff(ends) / len(distances), np.array(sums) / len(distances)


def _chunked_sum(distances: np.ndarray, probability_same, size: int = 1 << 20) -> float:
    chunks = (distances[start : start + size] for start in range(0, len(distances), size))
    return sum(float(np.sum(probability_same(chunk), dtype=np.float64)) for chunk in chunks)
