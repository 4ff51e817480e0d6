"""What has been seen of a training so far: fed with its events where they happen, and shown as plain numbers elsewhere."""

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from siamese.config import EpochRecord, one_line
from siamese.training.events import EpochEnded, Event, Finished, Fitted, Sample, Started, Stepped
from siamese.training.snapshot import MOST_POINTS, EmbeddingMap, Snapshot

SMOOTHED = 20  # a point of the curve is the mean over a part in 20 of the steps so far
LONGEST_NAME = 40  # characters of a class's name


class Pace:
    """How fast a run of a training is, which may have begun in the middle of it."""

    def __init__(self) -> None:
        self._first: Stepped | None = None
        self._last: Stepped | None = None

    def take(self, step: Stepped) -> None:
        """Note a step."""
        self._first, self._last = self._first or step, step

    def seconds_left(self) -> float | None:
        """How long the remaining steps and what lies between them will take; None before there is a pace."""
        if self._last is None or self._last.step == self._first.step:
            return None
        made, seconds = self._last.step - self._first.step, self._last.seconds - self._first.seconds
        return seconds / made * (self._last.steps - self._last.step)


class TrainingProgress:
    """A training as an onlooker knows it.

    The map is the plane in which the sample of validation images spreads most after each epoch (PCA), turned and mirrored so
    that each image stays as near as can be to where it was the epoch before (orthogonal Procrustes, Schoenemann 1966): axes
    of PCA are free to swap and to flip from one epoch to the next.
    """

    def __init__(self) -> None:
        self.phase = "reading"
        self.step = self.steps = 0  # made, and in all
        self.epoch = self.epochs = 1
        self.seconds = 0.0  # spent on training
        self.history: list[EpochRecord] = []
        self.best_epoch = 0
        self.sample: Sample | None = None  # after the last epoch
        self.maps: tuple[np.ndarray, np.ndarray] | None = None  # float32 (N, 2) twice: the epoch before, and the last one
        self._pace = Pace()
        self._losses: list[float] = []
        self._unread: list[Tensor] = []  # losses still on the device

    def take(self, event: Event) -> None:
        """Note what has happened."""
        match event:
            case Started():
                self.phase, self.step, self.steps, self.epochs = "training", event.step, event.steps, event.epochs
            case Stepped():
                self._pace.take(event)
                self._unread.append(event.loss)
                self.step, self.epoch, self.seconds = event.step, event.epoch, event.seconds
            case EpochEnded():
                self.history.append(event.record)
                self.best_epoch = event.record.epoch if event.is_best else self.best_epoch
                flat = flatten(event.sample.embeddings, self.maps and self.maps[1])
                self.sample, self.maps = event.sample, (self.maps[1] if self.maps else flat, flat)
            case Fitted():
                self.phase, self.seconds = "measuring", event.seconds
            case Finished():
                self.phase = "finished"

    def losses(self) -> list[float]:
        """The loss of each step seen. This is what waits for the device: call it when they are to be shown."""
        if self._unread:
            self._losses += torch.stack(self._unread).tolist()
            self._unread = []
        return self._losses

    def seconds_left(self) -> float | None:
        """How long the remaining steps will take at the pace of those made; None before there is a pace."""
        return 0.0 if self.phase in ("measuring", "finished") else self._pace.seconds_left()

    def snapshot(self) -> Snapshot:
        """How far it is, and its curves."""
        return Snapshot(
            self.phase, self.step, self.steps, self.epoch, self.epochs, self.seconds, self.seconds_left(),
            self._curve(), tuple((record.epoch, record.balanced_accuracy) for record in self.history), self.best_epoch,
        )  # fmt: skip

    def _curve(self) -> tuple[tuple[int, float], ...]:
        losses = self.losses()
        if not losses:
            return ()
        smoothed, before = smooth(losses, max(1, len(losses) // SMOOTHED)), self.step - len(losses)
        kept = np.unique(np.linspace(0, len(losses) - 1, min(len(losses), MOST_POINTS)).astype(int)).tolist()
        return tuple((before + place + 1, smoothed[place]) for place in kept if np.isfinite(smoothed[place]))

    def map(self) -> EmbeddingMap | None:
        """The map after the last epoch; None before the first has ended."""
        if self.maps is None:
            return None
        before, now = (_places(flat) for flat in self.maps)
        epoch, labels, names = self.history[-1].epoch, self.sample.labels, self.sample.names
        if labels is None:
            return EmbeddingMap(epoch, before, now)
        classes, numbers = np.unique(labels, return_inverse=True)
        words = tuple(one_line(names[label] if names else str(label), LONGEST_NAME) for label in classes)
        return EmbeddingMap(epoch, before, now, tuple(numbers.tolist()), words)


def flatten(embeddings: Tensor, before: np.ndarray | None = None) -> np.ndarray:
    """Embeddings (N, D) on the plane in which they spread most: float32 (N, 2).

    Of all turns and mirror images of that, the one nearest to `before` (N, 2).
    """
    centred = (embeddings - embeddings.mean(dim=0)).double()
    axes = torch.linalg.svd(centred, full_matrices=False).Vh[:2].T  # (D, 2), or fewer columns
    flat = (centred @ axes).numpy()
    flat = np.pad(flat, ((0, 0), (0, 2 - flat.shape[1])))
    if before is not None:
        u, _, vt = np.linalg.svd(flat.T @ before.astype(np.float64))
        flat = flat @ (u @ vt)
    return flat.astype(np.float32)


def smooth(values: Sequence[float], window: int) -> list[float]:
    """The mean of each value and up to `window` - 1 before it."""
    sums = [0.0, *itertools.accumulate(values)]
    return [(sums[i + 1] - sums[max(0, i + 1 - window)]) / min(window, i + 1) for i in range(len(values))]


def _places(flat: np.ndarray) -> tuple[tuple[float, ...], ...]:
    """Coordinates (N, 2) on a scale of -1..1, one for both, rounded to what a drawing shows."""
    return tuple(map(tuple, (flat.astype(float) / max(float(np.abs(flat).max()), 1e-9)).round(6).tolist()))
