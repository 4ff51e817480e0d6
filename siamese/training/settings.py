"""What is asked of a training: one dataclass that the command line and the page both fill, its checks, and what fits data.

Error sentences name settings as train.py's options do.
"""

import dataclasses
import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from siamese.config import readable
from siamese.data.class_tree import find_classes
from siamese.data.datasets import DATASETS
from siamese.data.folders import choose_settings
from siamese.data.pairs import image_files
from siamese.data.splits import FOLDER_TEST_SHARE, FOLDER_VALIDATION_SHARE, default_split
from siamese.encoders import ENCODERS, encoder_class
from siamese.losses import LOSSES, for_labelled_pairs, loss_class

EPOCHS, FOLDER_EPOCHS = 24, 12
# On 8 unseen of the 28 people of the ORL faces, compact does no better than raw pixels, and residual little.
FEW_PHOTOS = 2000  # too few for a network to learn what matters in a photograph
ENCODER_FOR = {"ink": "compact", "photo": "residual", "few photos": "hog"}
VALIDATION_SHARE = 0.1
ABOUT_FOLDERS = ("split", "preprocess", "image_size", "channels")
ALLOWED = {
    "epochs": (1, 10_000),
    "batch_size": (2, 100_000),
    "lr": (1e-8, 10.0),
    "weight_decay": (0.0, 10.0),
    "average": (0.0, 1.0),
    "validation_share": (0.01, 0.5),
    "test_share": (0.01, 0.5),
    "image_size": (8, 512),
    "channels": (1, 3),
    "margin": (0.0, 100.0),
    "embedding_dim": (1, 4096),
    "seed": (0, 2**31 - 1),
}


@dataclass(frozen=True)
class TrainingSettings:
    """All that a training depends on, each by the name of train.py's option; what is None is chosen later."""

    dataset: str = "mnist"  # key of siamese.data.datasets.DATASETS, or a folder of class folders
    pairs: str | None = None  # instead: a CSV file of labelled pairs
    data_dir: str = "data"  # folder of datasets
    split: str | None = None  # of a folder, see siamese.config.DataRecord; None: see default_split
    preprocess: str | None = None  # of a folder: "ink" or "photo"; None here and below: what fits its pictures
    image_size: int | None = None  # of a folder: px a side, 8..512
    channels: int | None = None  # of a folder: 1 grey, 3 colour
    rotations: bool = False  # quarter turns of each class are classes too
    encoder: str | None = None  # key of siamese.encoders.ENCODERS
    pretrained: bool = False  # start from ImageNet weights
    embedding_dim: int | None = None  # 1..4096; the encoder's own if None
    loss: str = "supcon"  # key of siamese.losses.LOSSES
    margin: float | None = None  # in units of distance, 0..100; the loss's own if None
    epochs: int | None = None  # 1..10,000; EPOCHS, or FOLDER_EPOCHS for images of one's own, if None
    batch_size: int = 256  # images per step
    lr: float = 3e-3  # peak learning rate
    weight_decay: float = 0.05
    average: float = 0.15  # share of the steps so far that the running average of weights looks back on, 0: no average
    validation_share: float | None = None  # 0.01..0.5; VALIDATION_SHARE or FOLDER_VALIDATION_SHARE if None
    test_share: float = FOLDER_TEST_SHARE  # of a folder, 0.01..0.5
    augment: bool = True
    precision: str = "auto"  # "float32", "bfloat16", or "auto": what is fast on the device
    device: str = "auto"
    seed: int = 0  # 0..2^31-1
    output: Path | None = None  # folder to write; runs/DATASET[-ENCODER]-LOSS if None

    @property
    def is_own(self) -> bool:
        """Whether to train on images of the user's own, a folder of classes or a file of pairs, not on a dataset by name."""
        return bool(self.pairs) or (self.dataset not in DATASETS and Path(self.dataset).is_dir())

    @property
    def folder(self) -> Path:
        """The folder to write."""
        name = readable(Path(self.pairs).stem if self.pairs else Path(self.dataset).resolve().name)
        return Path(self.output or "runs/" + "-".join(filter(None, [name, self.encoder, self.loss])))

    def fixed(self) -> dict:
        """What decides the result, and so must not change between an interrupted training and its continuation."""
        names = (field.name for field in dataclasses.fields(self))
        return {name: getattr(self, name) for name in names if name not in ("data_dir", "device", "output")}


def fill_in(settings: TrainingSettings) -> TrainingSettings:
    """The settings with nothing left open but the split of a dataset by name, which has its own; what is given stays.

    How images of one's own are prepared fits a sample of them. Raises ValueError where there are none that can be read.
    """
    if settings.is_own:
        classes = {} if settings.pairs else find_classes(settings.dataset)
        files = image_files(settings.pairs) if settings.pairs else [file for files in classes.values() for file in files]
        mode, image_size, channels = choose_settings(files, settings.preprocess)
        are_few = len(files) < FEW_PHOTOS
        split = "pairs" if settings.pairs else settings.split or default_split(classes)
        epochs, validation_share = FOLDER_EPOCHS, FOLDER_VALIDATION_SHARE
    else:
        dataset = DATASETS.get(settings.dataset, DATASETS["mnist"])  # load_splits says which there are
        mode, image_size, channels, are_few, split = dataset.preprocess, dataset.image_size, 1, False, None
        epochs, validation_share = EPOCHS, VALIDATION_SHARE
    encoder = settings.encoder or ENCODER_FOR["few photos" if mode == "photo" and are_few else mode]
    margin = loss_class(settings.loss).default_margin
    return dataclasses.replace(
        settings,
        output=settings.folder,
        split=split,
        preprocess=mode,
        image_size=settings.image_size or image_size,
        channels=settings.channels or channels,
        encoder=encoder,
        embedding_dim=settings.embedding_dim or encoder_class(encoder).default_dim,
        margin=margin if settings.margin is None else settings.margin,
        epochs=epochs if settings.epochs is None else settings.epochs,
        validation_share=validation_share if settings.validation_share is None else settings.validation_share,
    )


def check(settings: TrainingSettings) -> None:
    """Raise ValueError for the first number out of range, for names of nothing, and for what does not go together."""
    encoder, loss = settings.encoder and encoder_class(settings.encoder), loss_class(settings.loss)
    about_folders = [name for name in ABOUT_FOLDERS if getattr(settings, name) is not None]
    if about_folders and not settings.is_own:
        raise ValueError(f"{_option(about_folders[0])} is about a folder of images, and --dataset is {settings.dataset}")
    if settings.pairs and not loss.takes_labelled_pairs:
        raise ValueError(
            f"loss {settings.loss} needs classes, and --pairs has none; allowed: {', '.join(for_labelled_pairs())}"
        )
    for name, (low, high) in ALLOWED.items():
        value = getattr(settings, name)
        if value is not None and not low <= value <= high:
            raise ValueError(f"{_option(name)} is {value}, allowed: {low} to {high}")
    if settings.pretrained and not (encoder and encoder.has_pretrained):
        able = ", ".join(name for name, each in ENCODERS.items() if each.has_pretrained)
        which = f"encoder {settings.encoder} has no such weights" if encoder else "it needs an encoder that has such weights"
        raise ValueError(f"--pretrained: {which}, allowed with: --encoder {able}")
    if settings.margin is not None and loss.default_margin is None:
        with_margin = ", ".join(name for name, each in LOSSES.items() if each.default_margin is not None)
        raise ValueError(f"--margin is {settings.margin}, but loss {settings.loss} has none, allowed with: {with_margin}")
    if settings.output and os.path.exists(settings.output) and not settings.output.is_dir():
        raise ValueError(f"--output is {str(settings.output)!r}, which is a file, allowed: a folder, there or to be made")


def what_to_lower(settings: TrainingSettings) -> str:
    """The options that decide how much memory a training takes, with their values."""
    names = ("batch_size", *["image_size"] * settings.is_own)
    return " or ".join(f"{_option(name)} ({value})" for name in names if (value := getattr(settings, name)))


def command_of(settings: TrainingSettings) -> str:
    """The command that trains so in a terminal; a folder of images by its name alone, and what to write left out."""
    words = ["python", "train.py"]
    for field in dataclasses.fields(settings):
        value, name = getattr(settings, field.name), field.name
        if value == field.default or name in ("data_dir", "device", "output"):
            continue
        if isinstance(value, bool):
            words.append(_option(name) if value else "--no-" + _option(name)[2:])
        else:
            is_place = name == "pairs" or (name == "dataset" and settings.is_own)
            words += [_option(name), Path(value).name if is_place else str(value)]
    return shlex.join(words)


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")
