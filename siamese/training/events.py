"""What happens in a training, as small frozen dataclasses, and what it can be asked."""

import enum
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from siamese.config import (
    DataRecord,
    EpochRecord,
    ModelFolderConfig,
)
from siamese.data.labelled_images import LabelledImages
from siamese.data.pairs import LabelledPairs
from siamese.model_folder.doubtful import Doubtful
from siamese.training.settings import TrainingSettings


class Interrupted(Exception):
    """The training was asked to stop, and what is needed to continue is on disk."""


class Diverged(ValueError):
    """The loss is no number any more."""


class OutOfMemory(MemoryError):
    """The memory of the machine or of its GPU is too small for the training. What was saved of it is on disk."""

    def __init__(self, settings: TrainingSettings) -> None:
        """`settings` as they were when it happened, to say which of them to lower."""
        self.settings = settings
        size = f" of {settings.image_size} x {settings.image_size} px" if settings.image_size else ""
        super().__init__(f"there is not enough memory to train with {settings.batch_size} images{size} in a step")


class Ask(enum.Enum):
    """What a training can be asked while it runs; it does so after its step."""

    FINISH = "finish"  # go on to the end with the best weights so far
    INTERRUPT = "interrupt"  # keep what is needed to continue, and raise Interrupted


@dataclass(frozen=True)
class Started:
    """Data are read and the network is built."""

    settings: TrainingSettings  # with nothing left open
    description: str  # of the data, the network and the device, in some lines
    data: DataRecord
    left_out: tuple[tuple[Path, str], ...]  # files that were no usable images, with the reasons
    remarks: tuple[str, ...]  # what a user should know of the data
    parameters: int
    device: str  # in words
    precision: str
    step: int  # steps made by an interrupted training before
    steps: int  # in all
    epochs: int


@dataclass(frozen=True)
class Stepped:
    """A step was made."""

    step: int  # 1-based
    steps: int  # in all
    epoch: int  # 1-based
    loss: Tensor  # scalar, on the device: to read it is to wait for the device
    seconds: float  # wall-clock, since the start of training


@dataclass(frozen=True)
class Sample:
    """Where the network puts some validation images: the same ones after each epoch, of few enough classes to tell apart."""

    embeddings: Tensor  # float32 (N, D) on the CPU, N <= SAMPLE_IMAGES
    labels: np.ndarray | None  # int64 (N,); None: labelled pairs have no classes
    names: tuple[str, ...] | None  # of all classes; None: their numbers


@dataclass(frozen=True)
class EpochEnded:
    """An epoch was measured on validation."""

    record: EpochRecord
    is_best: bool
    sample: Sample


@dataclass(frozen=True)
class Fitted:
    """All steps are made; what follows are calibration, the test, and the folder."""

    best_epoch: int  # whose weights are kept
    seconds: float


@dataclass(frozen=True)
class Finished:
    """The model folder is complete."""

    folder: Path
    config: ModelFolderConfig
    test: LabelledImages | LabelledPairs
    embeddings: Tensor  # of the test images, float32 (N, D) on the CPU
    doubtful: Doubtful | None = None  # images that disagree with their class; None of labelled pairs


Event = Started | Stepped | EpochEnded | Fitted | Finished
