"""The flags that say which images of a dataset of the Hub, or of a list of images, are meant."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from siamese.data.own_images import HubChoices, OwnImages, hub_name, own_images

if TYPE_CHECKING:
    from siamese.data.own_numbers import NumberChoices, OwnNumbers

CHOICES = ("dataset_config", "dataset_split", "image_column", "label_column")


def add_flags(parser: argparse.ArgumentParser, splits: Sequence[str] = ("--dataset-split",)) -> None:
    """The flags, each by the name of one of CHOICES; `splits` are those that name a part."""
    add = parser.add_argument
    add("--dataset-config", metavar="NAME", help="of a dataset of the Hub that has several configurations: which one")
    for name in splits:
        add(name, metavar="NAME", help="take this part of the dataset alone, such as train; if not given, all of them")
    add(
        "--classes-from-names",
        metavar="REGEX",
        help="classes by the names of files: the first group in a name without suffix; `siamese check` suggests one",
    )
    add("--image-column", metavar="NAME", help="column of the images, or of their files; found if there is one")
    add("--label-column", metavar="NAME", help="column of the classes; found if there is one")
    add("--series-column", metavar="NAME", help="of a table of sequences: column that says which one a row is of")
    add(
        "--time-column",
        metavar="NAME",
        help="of sequences: column of the times of their steps; else in their order",
    )


def choices_of(arguments: argparse.Namespace, split: str | None = None) -> HubChoices:
    """What the flags say; `split` where they are not called --dataset-split."""
    split = getattr(arguments, "dataset_split", split)
    return HubChoices(
        arguments.dataset_config, arguments.image_column, arguments.label_column, split, arguments.classes_from_names,
        arguments.series_column, arguments.time_column,
    )  # fmt: skip


def fetched(dataset: str, choices: HubChoices) -> str:
    """The dataset as it is where it is here, by name or as a folder; else USER/NAME@COMMIT, which is fetched first.

    Raises ValueError, HubError among them, where it is neither, or the flags are about something else.
    """
    from siamese.data.datasets import DATASETS  # brings torch

    if Path(dataset).is_dir() and dataset not in DATASETS:
        if choices.config is not None:
            raise ValueError(f"--dataset-config is about a dataset of the Hub, and {dataset} is a folder here")
        if hub_name(dataset) and not dataset.endswith("/"):
            print(f"note: {dataset} is the folder here; for a dataset of the Hub, write {dataset}@main", file=sys.stderr)
        return dataset
    if dataset in DATASETS or hub_name(dataset) is None or Path(dataset).is_file():
        return dataset
    if "@" not in dataset and Path(dataset).parent.is_dir():  # so it was meant to be here
        raise ValueError(f"{dataset} is not a folder here; for a dataset of the Hub, write {dataset}@main")
    from siamese.hub.errors import HubError, HubUnavailableError  # these bring the library of the Hub
    from siamese.hub.fetch_dataset import fetch_dataset

    try:
        return fetch_dataset(dataset, choices)
    except HubError as error:
        is_missing = isinstance(error, HubUnavailableError) or str(error).startswith("there is no")
        if "@" in dataset or not is_missing:
            raise
        raise type(error)(f"{error}; nor is it a folder here") from error


def own_of(dataset: str, arguments: argparse.Namespace, part: str | None = None) -> "OwnImages | OwnNumbers | None":
    """The images or numbers of a folder, a table, or a dataset of the Hub, which is fetched first; None: one by name.

    `part` where no flag is called --dataset-split. Raises ValueError as `fetched` does, or where there is nothing.
    """
    from siamese.data.datasets import DATASETS  # these bring torch
    from siamese.data.own_numbers import own_numbers

    if dataset in DATASETS:
        return None
    choices = choices_of(arguments, part)
    source = fetched(dataset, choices)
    return own_numbers(source, None, number_choices_of(arguments, part), choices) or own_images(source, choices)


def number_choices_of(arguments: argparse.Namespace, part: str | None = None) -> "NumberChoices":
    """What the flags say of numbers; `part` as of `own_of`."""
    from siamese.data.own_numbers import NumberChoices  # brings torch

    names = (arguments.label_column, arguments.series_column, arguments.time_column)
    return NumberChoices(*names, getattr(arguments, "dataset_split", part), arguments.classes_from_names)
