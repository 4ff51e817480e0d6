"""What has been seen of a training so far: fed with its events where they happen, and read where they are shown."""

import numpy as np
import torch
from torch import Tensor

from siamese.config import EpochRecord
from siamese.training.events import EpochEnded, Event, Finished, Fitted, Started, Stepped


class Watch:
    """A training as an onlooker knows it. One thread gives it the events, one other may read it meanwhile.

    The map is the plane in which the sample of validation images spreads most after each epoch (PCA), turned and mirrored so
    that each image stays as near as can be to where it was the epoch before (orthogonal Procrustes, Schoenemann 1966): axes
    of PCA are free to swap and to flip from one epoch to the next.
    """

    def __init__(self) -> None:
        self.started: Started | None = None
        self.step = 0
        self.steps = 0  # in all, once started
        self.epoch = 1
        self.seconds = 0.0  # spent on training
        self.history: list[EpochRecord] = []
        self.best_epoch = 0
        self.fitted: Fitted | None = None
        self.finished: Finished | None = None
        self.maps: tuple[np.ndarray, np.ndarray] | None = None  # float32 (N, 2) twice: the epoch before, and the last one
        self.labels: np.ndarray | None = None  # int64 (N,), of the map
        self.names: tuple[str, ...] | None = None
        self._first: tuple[int, float] = (0, 0.0)  # step and seconds at which this run of the training began
        self._losses: list[float] = []
        self._unread: list[Tensor] = []  # losses still on the device

    @property
    def map_number(self) -> int:
        """How often the map has changed."""
        return len(self.history) if self.maps else 0

    def take(self, event: Event) -> None:
        """Note what has happened."""
        match event:
            case Started():
                self.started, self.step, self.steps = event, event.step, event.steps
            case Stepped():
                if not self._losses and not self._unread:
                    self._first = (event.step, event.seconds)
                self._unread.append(event.loss)
                self.step, self.epoch, self.seconds = event.step, event.epoch, event.seconds
            case EpochEnded():
                sample = event.sample
                flat = flatten(sample.embeddings, self.maps and self.maps[1])
                self.history = [*self.history, event.record]
                self.best_epoch = event.record.epoch if event.is_best else self.best_epoch
                self.labels, self.names = sample.labels, sample.names
                self.maps = (self.maps[1] if self.maps else flat, flat)  # last: who sees it finds the rest
            case Fitted():
                self.fitted, self.seconds = event, event.seconds
            case Finished():
                self.finished = event

    def losses(self) -> list[float]:
        """The loss of each step seen. This is what waits for the device: call it when they are to be shown."""
        count = len(self._unread)  # more may come meanwhile
        if count:
            self._losses += torch.stack(self._unread[:count]).tolist()
            del self._unread[:count]
        return self._losses

    def seconds_left(self) -> float | None:
        """How long the remaining steps will take at the pace of those made; None before there is a pace."""
        made = self.step - self._first[0]
        if self.fitted:
            return 0.0
        return (self.seconds - self._first[1]) / made * (self.steps - self.step) if made > 0 else None


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
