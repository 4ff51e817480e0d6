"""What the page asks of siamese.visitors.worker, and which training suits what data."""

from dataclasses import dataclass
from pathlib import Path

from siamese.config import LEAST_STEPS

# Files in the folder of a job that ask its training to end: with the best so far, or at once.
FINISH, STOP = "finish", "stop"
SAMPLE = "mnist-sample"
FEW_CLASSES = 10  # with fewer, none can be spared for validation and test
LEAST_CLASSES, LEAST_IMAGES = 2, 12  # that can be trained on at all
EPOCHS = 8  # by default
LARGE, SMALL = 64, 32  # images in a batch
MANY_IMAGES = 1000  # from here on, large batches
START_SECONDS, IMAGES_PER_SECOND = 40, 2000  # of a hosted GPU: to read, to measure and to write; trained on, at the least

Frame = dict[str, str | float | int | bool]  # parts of the page by name, and what the server has to know


@dataclass(frozen=True)
class Job:
    """One thing to do; all of it is plain, so that it can travel as JSON."""

    kind: str  # "train" or "check"
    folder: str  # of the job: FINISH and STOP are looked for there, and the model is written to "model" in it
    dataset: str  # SAMPLE or a folder
    encoder: str | None = None  # None: what fits the images
    loss: str = "supcon"
    epochs: int = EPOCHS
    batch_size: int = LARGE
    split: str | None = None
    images: int = 0  # in the dataset
    seconds: int = 300  # after which the training ends with the best so far
    device: str = "auto"
    threads: int = 1  # of the processor

    @property
    def model(self) -> Path:
        """The folder of the trained model."""
        return Path(self.folder) / "model"

    def gpu_seconds(self) -> int:
        """How long a hosted GPU is needed for, at the most."""
        trained_on = self.epochs * max(self.images, LEAST_STEPS * self.batch_size)
        return START_SECONDS + min(self.seconds, trained_on // IMAGES_PER_SECOND)


@dataclass(frozen=True)
class Checked:
    """Data that can be trained on."""

    source: str  # where it came from, a name of the page's own
    dataset: str  # SAMPLE or a folder
    classes: int
    images: int

    def plan(self) -> dict[str, str | int | None]:
        """What suits this data, as arguments of Job: all but the choices of the visitor."""
        split = "within" if self.dataset != SAMPLE and self.classes < FEW_CLASSES else None
        size = LARGE if self.images >= MANY_IMAGES else SMALL
        return {"dataset": self.dataset, "split": split, "batch_size": size, "images": self.images}

    def sentence(self) -> str:
        """What the training will be measured on, in words."""
        how = "on images of these classes that it is not shown"
        if self.dataset != SAMPLE and self.classes >= FEW_CLASSES:
            how = "on whole classes that it is not shown, as new ones will be"
        return f"{self.images:,} images of {self.classes:,} classes; the network is measured {how}."
