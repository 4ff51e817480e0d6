"""A look through images before anything is trained on them: `siamese check`, and the check of the page."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from siamese.config import EncoderConfig, PreprocessConfig
from siamese.data.class_lists import BY_FOLDERS, Layout
from siamese.data.class_tree import find_classes, suggest_names
from siamese.data.folders import FEW_PHOTOS, FolderImages, choose_settings, read_folder

if TYPE_CHECKING:  # it brings torch
    from siamese.data.pairs import LabelledPairs, ReadPairs


@dataclass(frozen=True)
class FolderCheck:
    """What a training would find in a folder, and how it would see it."""

    mode: str  # of preprocessing: "ink" or "photo"
    size: int  # px, a side
    channels: int  # 1 grey, 3 colour
    found: FolderImages
    split: str  # what a training would hold out: see siamese.data.splits; "" where there is too little to train on
    problem: str  # then, what is missing
    suggestion: str = ""  # a regular expression that tells classes from the names of the files, where all are in one class

    @property
    def sizes(self) -> dict[str, int]:
        """The number of usable images of each class."""
        return {name: int(size) for name, size in zip(self.found.names, np.bincount(self.found.labels), strict=True)}

    @property
    def seen(self) -> str:
        """How the network would see the images, in words: "photo, 64 x 64 px, colour"."""
        return _seen(self.mode, self.size, self.channels)


@dataclass(frozen=True)
class PairsCheck:
    """What a training would find in a file of pairs, and how it would see the images."""

    mode: str  # as of FolderCheck
    size: int
    channels: int
    found: "ReadPairs"
    parts: "tuple[LabelledPairs, ...]"  # training, validation and test; none where there is too little to train on
    problem: str  # then, what is missing

    @property
    def seen(self) -> str:
        """As of FolderCheck."""
        return _seen(self.mode, self.size, self.channels)


def _seen(mode: str, size: int, channels: int) -> str:
    return f"{mode}, {size} x {size} px, {'colour' if channels == 3 else 'grey'}"


def check_folder(
    folder: str | Path, progress: bool = False, few_classes: int = 0, layout: Layout = BY_FOLDERS
) -> FolderCheck:
    """Read a folder of class folders as a training would; `progress` shows a bar on stderr.

    The split is the one that train.py takes by itself. Given `few_classes`, it is one by classes, or, where there are fewer
    than that, one within classes first, as on the page. Raises ValueError where there is no such folder, no image in it that
    can be read, or no class of two.
    """
    # Brings torch, for which a process that only reads what it is to do should not wait.
    from siamese.data.splits import FOLDER_TEST_SHARE, FOLDER_VALIDATION_SHARE, choose_split, default_split

    classes = find_classes(folder, layout)
    files = [file for images in classes.values() for file in images]
    mode, size, channels = _settings(files)
    encoder = EncoderConfig(image_size=size, channels=channels)
    found = read_folder(folder, PreprocessConfig(mode), encoder, progress, layout)
    in_turn, split, problem = (default_split(classes),), "", ""
    if few_classes:
        in_turn = ("within", "classes") if len(found.names) < few_classes else ("classes",)
    try:
        shares = (FOLDER_VALIDATION_SHARE, FOLDER_TEST_SHARE, 0)
        split, remark = choose_split(found.labels, found.names, found.first, in_turn, shares, found.part)
        found = dataclasses.replace(found, remarks=(*found.remarks, *filter(None, [remark])))
    except ValueError as error:
        problem = str(error)
    suggestion = suggest_names(next(iter(classes.values()))) if len(classes) == 1 else ""
    return FolderCheck(mode, size, channels, found, split, problem, suggestion)


def check_pairs(file: str | Path, progress: bool = False) -> PairsCheck:
    """Read a file of pairs as a training would; `progress` shows a bar on stderr.

    Raises ValueError where it cannot be read, contradicts itself, or no pair of a kind can be used.
    """
    from siamese.data.pairs import image_files, read_pairs, split_pairs
    from siamese.data.splits import FOLDER_TEST_SHARE, FOLDER_VALIDATION_SHARE

    mode, size, channels = _settings(image_files(file))
    found = read_pairs(file, PreprocessConfig(mode), EncoderConfig(image_size=size, channels=channels), progress)
    parts, problem = (), ""
    try:
        parts = split_pairs(found.pairs, FOLDER_VALIDATION_SHARE, FOLDER_TEST_SHARE, 0, found.first)
    except ValueError as error:
        problem = str(error)
    return PairsCheck(mode, size, channels, found, parts, problem)


def _settings(files: Sequence[Path]) -> tuple[str, int, int]:
    """Mode of preprocessing, image size and channels that a training would take by itself."""
    from siamese.encoders.backbone import side_for
    from siamese.encoders.pretrained import PHOTO_BACKBONE, photo_weights

    mode, size, channels, side = choose_settings(files)
    if mode == "photo" and len(files) < FEW_PHOTOS and photo_weights()[0]:
        size = side_for(PHOTO_BACKBONE, side)
    return mode, size, channels
