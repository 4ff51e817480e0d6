"""What the server asks of siamese.visitors.worker, and what it hears of it: numbers and texts that travel as JSON."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from siamese.config import LEAST_STEPS, ModelFolderConfig, counted
from siamese.training.recipe import EPOCHS, learning_of, recipe_for
from siamese.training.snapshot import EmbeddingMap, Snapshot

# Files in the folder of a task that ask its training to end: with the best so far, or at once.
FINISH, STOP = "finish", "stop"
SAMPLE = "mnist-sample"
FEW_CLASSES = 10  # with fewer, none are spared for validation and test where images of each can be
LEAST_CLASSES, LEAST_IMAGES = 2, 12  # that can be trained on at all
START_SECONDS, IMAGES_PER_SECOND = 40, 2000  # of a GPU that the Hub lends: to read, measure and write; trained on at least


@dataclass(frozen=True)
class Task:
    """One thing to do."""

    kind: str  # "train" or "check"
    folder: str  # of the task: FINISH and STOP are looked for there, and the model is written to "model" in it
    dataset: str  # SAMPLE or a folder
    encoder: str | None = None  # None: what fits the images
    loss: str = "supcon"
    epochs: int = EPOCHS["new"]
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
        """How long a GPU is needed for that the Hub lends, at the most."""
        batch_size = recipe_for(self.images, "new", self.epochs).batch_size
        trained_on = self.epochs * max(self.images, LEAST_STEPS * batch_size)
        return START_SECONDS + min(self.seconds, trained_on // IMAGES_PER_SECOND)


@dataclass(frozen=True)
class ShownClass:
    """A class and its first images."""

    name: str
    images: int
    pictures: tuple[str, ...]  # as the network sees them, each a PNG in base64


@dataclass(frozen=True)
class DataReport:
    """What there is to train on."""

    classes: int
    images: int  # in all
    smallest: int  # images of the class with fewest
    largest: int  # and with most
    seen: str  # how the network will see them, in words
    shown: tuple[ShownClass, ...]  # the first classes
    left_out: int = 0  # files
    files: tuple[tuple[str, ...], ...] = ()  # the first of those: path below the folder, and why
    remarks: tuple[str, ...] = ()
    split: str = ""  # what a training can hold out of a folder: "classes", or images "within" them
    problem: str = ""  # where it can hold out nothing: what is missing
    by_names: str = ""  # where all are in one class: the classes that the names of the files tell, in words
    encoder: str = "compact"  # that a training takes by itself


class NamesTellClassesError(ValueError):
    """All images are in one class, and the names of their files tell several."""


@dataclass(frozen=True)
class HardPair:
    """Two test images that the network finds hard to judge."""

    distance: float
    pictures: tuple[str, ...]  # the two, each a PNG in base64
    names: tuple[str, ...]  # of their classes; empty: there are no classes


@dataclass(frozen=True)
class Result:
    """What was measured of a trained model."""

    config: ModelFolderConfig
    test_images: int
    different: tuple[HardPair, ...]  # nearest together first
    same: tuple[HardPair, ...]  # farthest apart first


@dataclass(frozen=True)
class Update:
    """What has become of a task; a part that is None is as it was. The last one has data, a result or a problem."""

    progress: Snapshot | None = None
    map: EmbeddingMap | None = None
    data: DataReport | None = None  # of a check, which is done then
    result: Result | None = None  # of a training, which is done then
    problem: str | None = None  # a sentence for the visitor

    @property
    def is_done(self) -> bool:
        """Whether the task has come to its end as it should."""
        return bool(self.data or self.result)

    def then(self, later: "Update") -> "Update":
        """What is known after a later update."""
        changes = {item.name: getattr(later, item.name) for item in dataclasses.fields(later)}
        return dataclasses.replace(self, **{name: part for name, part in changes.items() if part is not None})


@dataclass(frozen=True)
class Checked:
    """Data that can be trained on."""

    source: str  # where it came from, a name of the page's own
    dataset: str  # SAMPLE or a folder
    classes: int
    images: int
    split: str = ""  # of a folder, as its check found it can be; "": by the number of classes
    encoder: str = "compact"  # that fits it

    @classmethod
    def of(cls, report: DataReport, source: str, dataset: str) -> "Checked":
        """What was reported on. Raises ValueError where it is too little, NamesTellClassesError where names tell classes."""
        if report.by_names:
            raise NamesTellClassesError(
                f"all {report.images:,} usable images lie in one place, which makes one class. The names of the files tell "
                f"{report.by_names}"
            )
        if report.classes < LEAST_CLASSES or report.images < LEAST_IMAGES:
            raise ValueError(
                f"there are {report.images} usable images in {counted(report.classes, 'class', 'classes')}; training needs "
                f"at least {LEAST_IMAGES} in {LEAST_CLASSES}, and two or more in each"
            )
        if report.problem:
            raise ValueError(report.problem)
        return cls(source, dataset, report.classes, report.images, report.split, report.encoder)

    def plan(self) -> dict[str, str | int | None]:
        """What suits this data, as arguments of Task: all but the choices of the visitor."""
        split = None if self.dataset == SAMPLE or self._holds_out_classes() else "within"
        return {"dataset": self.dataset, "split": split, "images": self.images}

    def epochs(self, encoder: str | None, most: int) -> tuple[int, str]:
        """How many suit this data and an encoder, None: the one that fits, where `most` are allowed; and why, in words."""
        name = encoder or self.encoder
        suited = recipe_for(self.images, learning_of(name, self.images)).epochs
        bound = f"; {most:,} are allowed here" if suited > most else ""
        why = f"{counted(suited, 'epoch')} suit{'s' * (suited == 1)} these images with the {name} encoder"
        return min(suited, most), why + bound

    def _holds_out_classes(self) -> bool:
        return self.split == "classes" if self.split else self.classes >= FEW_CLASSES

    def sentence(self) -> str:
        """What the training will be measured on, in words."""
        how = "on images of these classes that it is not shown"
        if self.dataset != SAMPLE and self._holds_out_classes():
            how = "on whole classes that it is not shown, as new ones will be"
        return f"{self.images:,} images of {self.classes:,} classes; the network is measured {how}."
