"""What is asked of a training: one dataclass that the command line and the page both fill, its checks, and what fits data.

Error sentences name settings as train.py's options do.
"""

import dataclasses
import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from siamese.config import MOST_STEPS, MOST_VIEWS, NORMALISATIONS, readable, shorten
from siamese.data.class_tree import find_classes
from siamese.data.datasets import DATASETS
from siamese.data.folders import choose_settings
from siamese.data.labelled_numbers import read_numbers
from siamese.data.number_splits import usual_length
from siamese.data.own_images import HubChoices, OwnImages, hub_name, own_images
from siamese.data.own_numbers import NumberChoices, OwnNumbers, own_numbers
from siamese.data.pairs import image_files
from siamese.data.splits import FOLDER_TEST_SHARE, FOLDER_VALIDATION_SHARE, default_split
from siamese.encoders import ENCODERS, LOADED_ONLY, encoder_class, encoders_of
from siamese.encoders.backbone import PREFIX, choose_backbone, side_for
from siamese.encoders.choice import encoder_for
from siamese.encoders.pretrained import find_weights
from siamese.losses import LOSSES, for_labelled_pairs, loss_class
from siamese.model_folder.weights import load_model
from siamese.training.recipe import learning_of, recipe_for

VALIDATION_SHARE = 0.1
ABOUT_FOLDERS = (
    "split", "preprocess", "aspect", "image_size", "channels", "image_column", "label_column", "dataset_split",
    "classes_from_names",
)  # fmt: skip
ABOUT_IMAGES = ("also", "preprocess", "aspect", "image_size", "channels", "image_column", "rotations", "compose", "views")
ABOUT_SEQUENCES = ("series_column", "time_column", "length", "pad", "normalise")
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
    "views": (1, MOST_VIEWS),
    "seed": (0, 2**31 - 1),
}


@dataclass(frozen=True)
class TrainingSettings:
    """All that a training depends on, each by the name of train.py's option; what is None is chosen later."""

    # Key of siamese.data.datasets.DATASETS, a folder of images or of sequences, a table, or USER/NAME@COMMIT on the Hub
    dataset: str = "mnist"
    pairs: str | None = None  # instead: a CSV file of labelled pairs
    also: str | None = None  # folder of further images to train on, see siamese.data.further
    data_dir: str = "data"  # folder of datasets
    dataset_config: str | None = None  # of a dataset of the Hub that has several; None here and below: the only one
    dataset_split: str | None = None  # take this part of the dataset alone; None: all
    series_column: str = ""  # of a table of sequences: which one a row is of
    time_column: str = ""  # of sequences: by which steps are ordered and spaced; "": by their place
    length: int = 0  # of sequences: steps that the network sees, 2..4096; 0: what most have
    pad: bool = False  # of sequences: fill up to that length, instead of resampling to it
    normalise: str = "columns"  # of sequences: see siamese.config.NumbersConfig
    image_column: str | None = None  # of the Hub, or of a list of images
    label_column: str | None = None
    classes_from_names: str | None = None  # of a folder: a regular expression, see siamese.data.class_lists.Layout
    split: str | None = None  # of a folder, see siamese.config.DataRecord; None: see default_split
    preprocess: str | None = None  # of a folder: "ink" or "photo"; None here and below: what fits its pictures
    aspect: str | None = None  # of a folder of drawings, see siamese.config.PreprocessConfig; that of `init`, if any
    image_size: int | None = None  # of a folder: px a side, 8..512
    channels: int | None = None  # of a folder: 1 grey, 3 colour
    rotations: bool = False  # quarter turns of each class are classes too
    compose: bool = False  # each batch has new classes too, see siamese.data.compositions
    encoder: str | None = None  # key of siamese.encoders.ENCODERS, or "timm/NAME"
    backbone_weights: str | None = None  # of "timm/NAME": see siamese.encoders.pretrained; None: those that timm names
    tune: bool | None = None  # of "timm/NAME": whether its weights go on learning; None: see siamese.training.recipe
    embedding_dim: int | None = None  # 1..4096; the encoder's own if None
    views: int | None = None  # of an image, see siamese.encoders.turned_views; 1, or those of `init`, if None
    init: str | None = None  # model folder whose weights to start from, and whose encoder is taken; None: random weights
    loss: str = "supcon"  # key of siamese.losses.LOSSES
    margin: float | None = None  # in units of distance, 0..100; the loss's own if None
    epochs: int | None = None  # 1..10,000, or 0 of `init` alone; None here and below: see siamese.training.recipe
    batch_size: int | None = None  # images per step
    lr: float | None = None  # peak learning rate, 1e-8..10
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
    def choices(self) -> HubChoices:
        """What of a dataset of the Hub is meant."""
        return HubChoices(
            self.dataset_config, self.image_column, self.label_column, self.dataset_split, self.classes_from_names,
            self.series_column, self.time_column,
        )  # fmt: skip

    @property
    def number_choices(self) -> NumberChoices:
        """What of a table, or of a folder of sequences, is meant."""
        return NumberChoices(
            self.label_column, self.series_column, self.time_column, self.dataset_split, self.classes_from_names,
            self.normalise,
        )  # fmt: skip

    @property
    def own(self) -> OwnImages | OwnNumbers | None:
        """The user's own images or numbers to train on, or those of a dataset of the Hub; None: a dataset by name."""
        is_by_name = self.dataset in DATASETS and not self.pairs
        if not is_by_name and (numbers := own_numbers(self.dataset, self.pairs, self.number_choices, self.choices)):
            return numbers
        if self.pairs:
            return OwnImages(Path(self.pairs), readable(Path(self.pairs).name))
        if self.dataset in DATASETS:
            return None
        return own_images(self.dataset, self.choices)

    @property
    def own_table(self) -> bool:
        """Whether `dataset` is a table, whose rows `pairs` may be of."""
        return own_numbers(self.dataset, None, self.number_choices) is not None and Path(self.dataset).is_file()

    @property
    def is_own(self) -> bool:
        """Whether there are such images."""
        return self.own is not None

    @property
    def folder(self) -> Path:
        """The folder to write."""
        is_of_hub = not self.pairs and self.dataset not in DATASETS and not Path(self.dataset).is_dir()
        name = Path(self.dataset.partition("@")[0] if is_of_hub else self.pairs or os.path.abspath(self.dataset))
        name = readable(name.stem if self.pairs or name.is_file() else name.name)
        return Path(self.output or "runs/" + "-".join(filter(None, [name, self.encoder, self.loss])))

    def fixed(self) -> dict:
        """What decides the result, and so must not change between an interrupted training and its continuation."""
        names = (field.name for field in dataclasses.fields(self))
        return {name: getattr(self, name) for name in names if name not in ("data_dir", "device", "output")}


@dataclass(frozen=True)
class Chosen:
    """What data say of how they are to be seen and split."""

    mode: str  # of preprocessing
    count: int  # images, rows or sequences
    split: str | None
    validation_share: float = FOLDER_VALIDATION_SHARE
    image_size: int | None = None  # here and below of images: px that the network sees
    channels: int | None = None
    side: int = 0  # px, of most of them
    length: int = 0  # of sequences: steps that the network sees


def _of_images(settings: TrainingSettings, own: OwnImages) -> Chosen:
    classes = {} if own.are_pairs else find_classes(own.place, own.layout)
    files = image_files(own.place) if own.are_pairs else [file for files in classes.values() for file in files]
    mode, image_size, channels, side = choose_settings(files, settings.preprocess)
    split = "pairs" if own.are_pairs else settings.split or default_split(classes)
    return Chosen(mode, len(files), split, image_size=image_size, channels=channels, side=side)


def _of_numbers(settings: TrainingSettings, own: OwnNumbers) -> Chosen:
    found = read_numbers(own, least=0 if own.are_pairs else 2)
    by_class = {name: [own.place] * size for name, size in found.sizes.items()}
    split = "pairs" if own.are_pairs else settings.split or default_split(by_class)
    length = 0
    if own.mode == "sequences":
        length = settings.length or usual_length(found, "pad" if settings.pad else "resample")
    return Chosen(own.mode, len(found.values), split, length=length)


def _of_dataset(settings: TrainingSettings, own: None) -> Chosen:
    dataset = DATASETS.get(settings.dataset, DATASETS["mnist"])  # load_splits says which there are
    side = dataset.image_size
    return Chosen(dataset.preprocess, dataset.images, None, VALIDATION_SHARE, side, 1, side)


CHOOSE = {OwnImages: _of_images, OwnNumbers: _of_numbers, type(None): _of_dataset}


def fill_in(settings: TrainingSettings) -> TrainingSettings:
    """The settings with nothing left open but the split of a dataset by name, which has its own; what is given stays.

    How images of one's own are prepared fits a sample of them. Raises ValueError where there are none that can be read, and
    where `init` is no model that a training can start from.
    """
    wanted, settings = settings.aspect, _with_initial_encoder(settings)
    own = settings.own
    chosen = CHOOSE[type(own)](settings, own)
    mode, count, image_size = chosen.mode, chosen.count, chosen.image_size
    adapts = own is not None and mode == "ink"  # datasets by name are seen as MNIST was made, which keeps proportions
    if wanted == "adaptive" and not adapts:
        raise ValueError(f"--aspect is adaptive, which is about drawings, and these are seen as {mode}, allowed: kept")
    encoder = settings.encoder or encoder_for(mode, count, settings.image_size if own else image_size)
    weights, widest = None, ALLOWED["embedding_dim"][1]
    if encoder.startswith(PREFIX):
        weights, image_size = find_weights(encoder, settings.backbone_weights).asked, side_for(encoder, chosen.side)
        widest = choose_backbone(encoder, settings.image_size or image_size, "")[1]
    learning = learning_of(encoder, count, settings.tune)
    margin, recipe = loss_class(settings.loss).default_margin, recipe_for(count, learning, settings.epochs)
    return dataclasses.replace(
        settings,
        output=settings.folder,
        split=chosen.split,
        preprocess=mode,
        aspect=(settings.aspect or "adaptive") if adapts else "kept",
        image_size=settings.image_size or image_size,
        channels=settings.channels or chosen.channels,
        length=chosen.length,
        encoder=encoder,
        backbone_weights=weights,
        tune=learning == "tuned",
        views=settings.views or 1,
        embedding_dim=settings.embedding_dim or min(widest, encoder_class(encoder).default_dim),
        margin=margin if settings.margin is None else settings.margin,
        batch_size=recipe.batch_size if settings.batch_size is None else settings.batch_size,
        epochs=recipe.epochs,
        lr=recipe.lr if settings.lr is None else settings.lr,
        validation_share=chosen.validation_share if settings.validation_share is None else settings.validation_share,
    )


def _with_initial_encoder(settings: TrainingSettings) -> TrainingSettings:
    """The settings with what is open of encoder and proportions taken from the model to start from."""
    names = ("embedding_dim", "image_size", "channels")
    if not settings.init or all(getattr(settings, name) for name in ("encoder", "views", "aspect", *names)):
        return settings  # an interrupted training goes on without that model
    if isinstance(settings.own, OwnNumbers):
        raise ValueError("--init is for models of images, and these are numbers: leave it out")
    initial = load_model(settings.init)[1]
    encoder = initial.encoder
    if encoder.backbone or encoder.shape:
        raise ValueError(
            f"--init is {shorten(settings.init)}, a model of {encoder.name}, allowed: models of {', '.join(ENCODERS)}; "
            "--backbone-weights takes weights of timm's networks"
        )
    taken = {name: getattr(settings, name) or getattr(encoder, name) for name in ("views", *names)}
    aspect = settings.aspect or initial.preprocess.aspect
    return dataclasses.replace(settings, encoder=settings.encoder or encoder.name, aspect=aspect, **taken)


def check(settings: TrainingSettings) -> None:
    """Raise ValueError for the first number out of range, for names of nothing, and for what does not go together."""
    loss, own = loss_class(settings.loss), settings.own
    check_kind(settings, own)
    about_folders = [name for name in ABOUT_FOLDERS if getattr(settings, name) is not None]
    if about_folders and not settings.is_own and not hub_name(settings.dataset):
        raise ValueError(f"{_option(about_folders[0])} is about a folder of images, and --dataset is {settings.dataset}")
    if own and own.are_pairs and not loss.takes_labelled_pairs:
        what = "--pairs" if settings.pairs else settings.dataset
        raise ValueError(
            f"loss {settings.loss} needs classes, and {what} has none; allowed: {', '.join(for_labelled_pairs())}"
        )
    if settings.also and own and own.are_pairs:
        raise ValueError(f"--also is {settings.also}, further images of classes, and pairs have no classes: leave it out")
    if settings.also and not Path(settings.also).is_dir():
        raise ValueError(f"--also is {settings.also}, which is no folder here, allowed: a folder of class folders")
    for name, (low, high) in ALLOWED.items():
        value = getattr(settings, name)
        low = 0 if name == "epochs" and settings.init else low
        if value is not None and not low <= value <= high:
            raise ValueError(f"{_option(name)} is {value}, allowed: {low} to {high}")
    if settings.encoder in LOADED_ONLY:
        raise ValueError(f"encoder {settings.encoder} is of older models alone; train --encoder {PREFIX}{settings.encoder}")
    if settings.backbone_weights and not (settings.encoder or "").startswith(PREFIX):
        raise ValueError(
            f"--backbone-weights is about a network of timm, and --encoder is {settings.encoder or 'not given'}, allowed: "
            f"--encoder {PREFIX}NAME"
        )
    if settings.tune and not (settings.encoder or "").startswith(PREFIX):
        raise ValueError(
            f"--tune is about a network of timm, and --encoder is {settings.encoder or 'not given'}, allowed: --encoder "
            f"{PREFIX}NAME"
        )
    if settings.margin is not None and loss.default_margin is None:
        with_margin = ", ".join(name for name, each in LOSSES.items() if each.default_margin is not None)
        raise ValueError(f"--margin is {settings.margin}, but loss {settings.loss} has none, allowed with: {with_margin}")
    if settings.compose and loss.knows_classes:
        raise ValueError(f"--compose makes new classes, and loss {settings.loss} has to know them all: choose another loss")
    if settings.output and os.path.exists(settings.output) and not settings.output.is_dir():
        raise ValueError(f"--output is {str(settings.output)!r}, which is a file, allowed: a folder, there or to be made")


def check_kind(settings: TrainingSettings, own: OwnImages | OwnNumbers | None) -> None:
    """Raise ValueError for what is about another kind of input than is given; of the Hub, once that is fetched."""
    if settings.length and not 2 <= settings.length <= MOST_STEPS:
        raise ValueError(f"--length is {settings.length}, allowed: 2 to {MOST_STEPS}, or 0 for what most have")
    if settings.normalise not in NORMALISATIONS:
        raise ValueError(f"--normalise is {settings.normalise}, allowed: {', '.join(NORMALISATIONS)}")
    if own is None and settings.dataset not in DATASETS and hub_name(settings.dataset):
        return
    takes = own.mode if isinstance(own, OwnNumbers) else "images"
    others = {"images": ABOUT_SEQUENCES, "vectors": ABOUT_IMAGES + ABOUT_SEQUENCES, "sequences": ABOUT_IMAGES}[takes]
    what = settings.pairs or settings.dataset
    for name in others:
        if getattr(settings, name) != getattr(TrainingSettings, name):
            kind = "images" if name in ABOUT_IMAGES else "sequences"
            raise ValueError(f"{_option(name)} is about {kind}, and {what} holds {takes}: leave it out")
    if settings.encoder and (kind := encoder_class(settings.encoder)).takes != takes:
        allowed = ", ".join(encoders_of(takes))
        raise ValueError(f"encoder {settings.encoder} takes {kind.takes}, and {what} holds {takes}, allowed: {allowed}")


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
            is_place = name in ("pairs", "also") or (name == "dataset" and settings.is_own)
            words += [_option(name), Path(value).name if is_place else str(value)]
    return shlex.join(words)


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")
