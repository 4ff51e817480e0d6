"""What a model is trained on, chosen by and measured on: parts of a dataset, a folder or a file of pairs.

Images are canonical (see siamese.images.canonical) and stay uint8.
"""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from siamese.config import UNSEEN_SPLITS, DataRecord, EncoderConfig, PreprocessConfig, counted, readable, shorten
from siamese.data.datasets import DATASETS, load_dataset
from siamese.data.folders import read_folder
from siamese.data.further import with_further
from siamese.data.given_parts import take_given
from siamese.data.labelled_images import MOST_EVALUATED, LabelledImages, group_numbers, sources_of
from siamese.data.own_images import OwnImages
from siamese.data.pairs import LabelledPairs, read_pairs, split_pairs
from siamese.data.partition import LEAST_OF_CLASS, hold_out_seen, split_classes, split_images, split_validation
from siamese.data.storage import allocate, let_go
from siamese.strict import folder_name

FOLDER_VALIDATION_SHARE = FOLDER_TEST_SHARE = 0.2
LEAST_CLASSES = 6  # two for each part; where there are fewer, LEAST_OF_CLASS images of each


def default_split(classes: Mapping[str, Sequence[Path]]) -> str:
    """How a folder of such classes is split where nobody says: by classes, or, where these are few, within them."""
    has_large = any(len(files) >= LEAST_OF_CLASS for files in classes.values())
    return "within" if len(classes) < LEAST_CLASSES and has_large else "classes"


def choose_split(
    labels: np.ndarray,
    names: tuple[str, ...],
    first: np.ndarray,
    in_turn: Sequence[str],
    shares: tuple[float, float, int],
    part: np.ndarray | None = None,
) -> tuple[str, str]:
    """The first of the splits `in_turn` that the images of a folder (see `read_folder`) are enough for, and a remark on it.

    `shares` are of validation and test, and the seed. Raises ValueError where they are enough for none.
    """
    numbered = LabelledImages(np.arange(len(labels)), labels, None, group_numbers(names), names)  # nothing is copied
    for split in in_turn:
        try:
            return split, split_folder(numbered, split, first, *shares, part)[-1]
        except ValueError as error:
            reason = error
    raise reason


def split_folder(
    data: LabelledImages,
    split: str,
    first: np.ndarray,
    validation_share: float,
    test_share: float,
    seed: int,
    part: np.ndarray | None = None,
) -> tuple[tuple[LabelledImages, LabelledImages, LabelledImages], bool, str]:
    """Training, validation and test of the images of a folder, whether they are the parts that these come in, and a remark
    on such parts (see take_given).

    Raises ValueError where they are too few, with what would be enough.
    """
    check_classes(data.labels, data.names)
    given, remark = take_given(data, part, split, first, validation_share, seed)
    parts = given or _split_anew(data, split, first, (validation_share, test_share, seed))
    return parts, given is not None, remark


def _split_anew(
    data: LabelledImages, split: str, first: np.ndarray, shares: tuple[float, float, int]
) -> tuple[LabelledImages, LabelledImages, LabelledImages]:
    if split == "groups":
        return split_classes(data, *shares, by_group=True, first=first)
    try:
        return (split_images if split == "within" else split_classes)(data, *shares, first=first)
    except ValueError as error:
        sizes = np.bincount(data.labels[first == np.arange(len(data))], minlength=len(data.names))
        if len(sizes) >= LEAST_CLASSES or (sizes >= LEAST_OF_CLASS).sum() >= 2:
            raise
        raise ValueError(
            f"too few classes ({len(sizes)}) to keep some apart for validation and test, and too few images in each of "
            f"them ({sizes.min()} to {sizes.max()}, near copies counted once) to keep some of these: a training takes at "
            f"least {LEAST_CLASSES} classes, or {LEAST_OF_CLASS} images in each of at least 2"
        ) from error


def check_classes(labels: np.ndarray, names: tuple[str, ...]) -> None:
    """Raise ValueError, with what helps, where there is but one class."""
    if len(names) > 1:
        return
    where = f"in one folder, {shorten(names[0])}" if names[0] else "directly in the folder"
    raise ValueError(
        f"there is only one class: all {counted(len(labels), 'usable image')} lie {where}. To learn what is the same and "
        "what is different takes two or more: put the images of each class (a person, a sign, a kind of part) into a "
        "folder of its own. Where you know only of pairs whether they are the same, list these in a CSV file of pairs"
    )


def with_rotations(data: LabelledImages) -> LabelledImages:
    """Each class also turned by 90, 180 and 270 degrees, as three classes more (Santoro et al. 2016, for Omniglot)."""
    count = int(data.labels.max()) + 1
    images = allocate((4 * len(data), *data.images.shape[1:]))
    for turns in range(4):
        images[turns * len(data) : (turns + 1) * len(data)] = np.rot90(data.images, turns, axes=(1, 2))
        let_go(images)

    def of_each_turn(numbers: np.ndarray, count: int) -> np.ndarray:
        return np.concatenate([numbers + turns * count for turns in range(4)])

    groups = None if data.groups is None else of_each_turn(data.groups, int(data.groups.max()) + 1)
    names = data.names and tuple(
        name + f", turned by {90 * turns}°" * bool(turns) for turns in range(4) for name in data.names
    )
    sources = None if data.sources is None else np.tile(data.sources, 4)
    return LabelledImages(images, of_each_turn(data.labels, count), groups=groups, names=names, sources=sources)


@dataclass(frozen=True)
class Splits:
    """What a model is fitted on, chosen by, and measured on."""

    training: LabelledImages | LabelledPairs
    validation: LabelledImages | LabelledPairs
    test: LabelledImages | LabelledPairs
    record: DataRecord
    left_out: tuple[tuple[Path, str], ...] = ()
    remarks: tuple[str, ...] = ()
    seen: LabelledImages | None = None  # of training classes, where validation and test are of others


def load_splits(
    source: str | OwnImages,
    data_dir: str | Path,
    preprocess: PreprocessConfig,
    encoder: EncoderConfig,
    split: str | None,
    validation_share: float,
    test_share: float,
    rotations: bool,
    seed: int,
    also: str | None = None,
) -> Splits:
    """A dataset by name, where `split` is None, or images of one's own, split as it says.

    What the splits are, siamese.config.DataRecord says. Training also has the images of the folder `also`, if any, and with
    `rotations` goes over each class turned by quarters too. Raises ValueError where there is no such dataset, or too little
    in it.
    """
    if split is not None and not isinstance(source, OwnImages):
        source = OwnImages(Path(source), folder_name(source))
    if split == "pairs":
        return load_pair_splits(source, preprocess, encoder, validation_share, test_share, seed)
    if split is None:
        found = _split_dataset(source, data_dir, preprocess, encoder, validation_share, seed)
    else:
        found = _split_folder(source, preprocess, encoder, split, validation_share, test_share, seed)
    if also:
        held_out = [part for part in (found.validation, found.test, found.seen) if part]
        further = with_further(found.training, held_out, also, preprocess, encoder)
        name, count = folder_name(also), further.count * (4 if rotations else 1)
        found = dataclasses.replace(
            found,
            training=further.training,
            record=dataclasses.replace(found.record, also=name, also_images=count),
            left_out=(*found.left_out, *further.left_out),
            remarks=(*found.remarks, *further.remarks),
        )
    return counted_parts(dataclasses.replace(found, training=with_rotations(found.training)) if rotations else found)


def counted_parts(found: Splits) -> Splits:
    """The same with a record that says how many images and classes each part has."""
    training = found.training
    sizes = np.bincount(training.labels)

    def count_groups(part: LabelledImages) -> int:
        return len(np.unique(part.groups[part.labels])) if found.record.split == "groups" else 0

    record = dataclasses.replace(
        found.record,
        classes=len(sizes),
        smallest_class=int(sizes.min()),
        largest_class=int(sizes.max()),
        training_images=len(training),
        validation_images=len(found.validation),
        test_images=len(found.test),
        validation_classes=len(np.unique(found.validation.labels)),
        test_classes=len(np.unique(found.test.labels)),
        left_out=len(found.left_out),
        validation_groups=count_groups(found.validation),
        test_groups=count_groups(found.test),
        seen_images=len(found.seen) if found.seen else 0,
        seen_classes=len(np.unique(found.seen.labels)) if found.seen else 0,
    )
    return dataclasses.replace(found, record=record)


def _split_dataset(
    name: str,
    data_dir: str | Path,
    preprocess: PreprocessConfig,
    encoder: EncoderConfig,
    validation_share: float,
    seed: int,
) -> Splits:
    """A dataset by name, tested on its own test set; nothing is counted yet."""
    everything, test = load_dataset(name, data_dir, preprocess, encoder)
    if everything.groups is None:
        split, seen = "given", None
        training, validation = split_validation(everything, validation_share, seed)
    else:  # its test is of other classes, and so is validation
        split = "groups"
        training, validation, _ = split_classes(everything, validation_share, 0, seed, by_group=True)
        training, seen = hold_out_seen(training, seed)
    record = DataRecord(dataset=name, split=split)
    return Splits(training, validation.at_most(MOST_EVALUATED, seed), test, record, seen=seen)


def _split_folder(
    own: OwnImages,
    preprocess: PreprocessConfig,
    encoder: EncoderConfig,
    split: str,
    validation_share: float,
    test_share: float,
    seed: int,
) -> Splits:
    """A folder of images, in three parts; nothing is counted yet."""
    found = read_folder(own.place, preprocess, encoder, progress=True, layout=own.layout)
    has_copies = np.bincount(found.first)[found.first] > 1
    sources = sources_of(readable(os.path.relpath(file, own.place)) for file in found.files)
    groups = group_numbers(found.names)
    everything = LabelledImages(found.images, found.labels, has_copies, groups, found.names, sources)
    name = f"{own.name}-folder" if own.name in DATASETS else own.name
    record = DataRecord(dataset=name, split=split, revision=own.commit, is_public=own.is_public)
    parts = hold_out(everything, found.first, found.part, record, (validation_share, test_share, seed), found.left_out)
    return dataclasses.replace(parts, remarks=(*found.remarks, *parts.remarks))


def hold_out(
    everything: LabelledImages,
    first: np.ndarray,
    part: np.ndarray | None,
    record: DataRecord,
    shares: tuple[float, float, int],
    left_out: tuple[tuple[Path, str], ...] = (),
) -> Splits:
    """Training, validation and test of one's own data, split as `record` says; nothing is counted yet.

    `first`, `part` and `left_out` are as of siamese.data.folders.FolderImages; `shares` are of validation and test, and the
    seed. Raises ValueError where there is too little, and says why something was left out, if it was.
    """
    split, seed = record.split, shares[2]
    try:
        (training, validation, test), has_own_parts, choice = split_folder(everything, split, first, *shares, part)
    except ValueError as error:
        if not left_out:
            raise
        file, reason = left_out[0]
        raise ValueError(f"{error}. Left out: {counted(len(left_out), 'image')}, the first {file}: {reason}") from error
    remarks, seen = (choice,) if choice else (), None
    if missing := len(everything) - len(training) - len(validation) - len(test):
        what = counted(missing, "image")
        remarks += (f"{what} left out of validation and test, of which other parts have near copies",)
    if split in UNSEEN_SPLITS:
        training, seen = hold_out_seen(training, seed)
    elif len(everything.names) < LEAST_CLASSES:
        what = counted(len(everything.names), "class", "classes")
        remarks += (f"{what}, too few to hold out whole ones: validation and test are other images of the same classes",)
    validation, test = (part.at_most(MOST_EVALUATED, seed) for part in (validation, test))
    return Splits(
        training, validation, test, dataclasses.replace(record, has_own_parts=has_own_parts), left_out, remarks, seen
    )


def load_pair_splits(
    own: OwnImages,
    preprocess: PreprocessConfig,
    encoder: EncoderConfig,
    validation_share: float,
    test_share: float,
    seed: int,
) -> Splits:
    """A file of labelled pairs, split so that no image is in two parts. Raises ValueError where that leaves too few."""
    found = read_pairs(own.place, preprocess, encoder, progress=True)
    training, *held_out = split_pairs(found.pairs, validation_share, test_share, seed, found.first)
    validation, test = (part.at_most(MOST_EVALUATED // 4, seed) for part in held_out)  # of each kind; two images each
    record = DataRecord(
        dataset=own.name,
        revision=own.commit,
        is_public=own.is_public,
        training_images=len(training.images),
        validation_images=len(validation.images),
        test_images=len(test.images),
        split="pairs",
        left_out=len(found.left_out),
        pairs=len(training.is_same),
    )
    return Splits(training, validation, test, record, found.left_out, found.remarks)
