"""A training at one moment, as plain numbers and short texts that travel as JSON. Imports nothing heavy."""

from dataclasses import dataclass

MOST_POINTS = 240  # of the curve of the loss
PHASES = ("none", "reading", "training", "measuring", "finished")


@dataclass(frozen=True)
class Snapshot:
    """How far a training is, and its curves. By default: nothing is being trained."""

    phase: str = PHASES[0]  # one of PHASES
    step: int = 0  # made so far
    steps: int = 0  # in all; 0 before that is known
    epoch: int = 1  # 1-based
    epochs: int = 1  # in all
    seconds: float = 0.0  # spent on training
    seconds_left: float | None = None  # at the pace so far; None before there is a pace
    losses: tuple[tuple[float, ...], ...] = ()  # (step, smoothed loss), at most MOST_POINTS, finite
    accuracies: tuple[tuple[float, ...], ...] = ()  # (epoch, balanced accuracy on validation in percent)
    best_epoch: int = 0  # whose weights are kept; 0: none yet

    def __post_init__(self) -> None:
        if self.phase not in PHASES:
            raise ValueError(f"phase is {self.phase!r}, allowed: {', '.join(PHASES)}")


@dataclass(frozen=True)
class EmbeddingMap:
    """Where the network puts N validation images, on the plane in which they spread most, and where it did before."""

    epoch: int  # after which
    before: tuple[tuple[float, ...], ...]  # (x, y) of each image after the epoch before, -1..1
    now: tuple[tuple[float, ...], ...]  # and after this one
    classes: tuple[int, ...] = ()  # of each image, a place in `names`; empty: there are no classes
    names: tuple[str, ...] = ()
