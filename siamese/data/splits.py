"""What a model is trained on, chosen by and measured on: parts of a dataset, a folder or a file of pairs.

Images are canonical (see siamese.images.canonical) and stay uint8.
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from siamese.config import UNSEEN_SPLITS, DataRecord, EncoderConfig, PreprocessConfig
from siamese.data.datasets import DATASETS, load_dataset
from siamese.data.folders import read_folder
from siamese.data.labelled_images import MOST_EVALUATED, LabelledImages, group_numbers
from siamese.data.pairs import LabelledPairs, read_pairs, split_pairs
from siamese.data.sampling import derived_seed
from siamese.data.storage import allocate

SEEN_SHARE, MOST_SEEN = 0.1, 1000  # images of training classes held out to compare with unseen classes, at most
LEAST_SEEN_CLASSES = 5  # that they are of
LEAST_KEPT = 4  # images of such a class that are left to train on


def split_validation(data: LabelledImages, share: float, seed: int) -> tuple[LabelledImages, LabelledImages]:
    """Cut `share` (0..1) of each class off for validation by a seeded draw: (training, validation), disjoint."""
    is_validation = _share_of_each_class(data.labels, share, seed, np.arange(len(data)))
    return data.take(np.flatnonzero(~is_validation)), data.take(np.flatnonzero(is_validation))


def _share_of_each_class(labels: np.ndarray, share: float, seed: int, first: np.ndarray) -> np.ndarray:
    """A seeded draw of `share` of each class, bool (N,); what has the same `first` goes together."""
    generator = np.random.default_rng(seed)
    is_drawn = np.zeros(len(labels), dtype=bool)
    for members in _by_class(labels, first == np.arange(len(labels))):
        is_drawn[generator.permutation(members)[: round(share * len(members))]] = True
    return is_drawn[first]


def _by_class(labels: np.ndarray, is_wanted: np.ndarray) -> list[np.ndarray]:
    """The wanted images of each class, in the order of the classes."""
    wanted = np.flatnonzero(is_wanted)
    order = wanted[np.argsort(labels[wanted], kind="stable")]
    return np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)


def split_classes(
    data: LabelledImages, validation_share: float, test_share: float, seed: int, by_group: bool = False
) -> tuple[LabelledImages, LabelledImages, LabelledImages]:
    """Give whole classes to training, validation and test, by a seeded draw; each part counts its classes from 0.

    Shares are of the classes, 0..1; each part has at least two. With `by_group` whole groups are given, of which each part
    has at least one, and shares are of the groups. A share of 0 gives an empty part. Raises ValueError where there are too
    few.
    """
    groups = data.groups if by_group else np.arange(int(data.labels.max()) + 1)
    count, least, what = int(groups.max()) + 1, 1 if by_group else 2, "groups" if by_group else "classes"
    validation, test = (max(least, round(share * count)) if share else 0 for share in (validation_share, test_share))
    if count - validation - test < least:
        raise ValueError(
            f"too few {what} ({count}): validation takes {validation} and the test {test}, and at least {least} must be "
            f"left to train on. Add {what}, or use --split within, which tests on the classes it trains on"
        )
    order = np.random.default_rng(seed).permutation(count)
    parts = (order[validation + test :], order[:validation], order[validation : validation + test])
    parts = [np.flatnonzero(np.isin(groups, part)) for part in parts]  # classes
    if by_group and min(len(part) for part in parts if len(part)) < 2:
        raise ValueError(
            "a group has only one class, and so no pairs of different classes: put several classes into each folder"
        )
    return tuple(_of_classes(data, part) for part in parts)


def _of_classes(data: LabelledImages, classes: np.ndarray) -> LabelledImages:
    numbers = np.full(int(data.labels.max()) + 1, -1)
    numbers[classes] = np.arange(len(classes))
    part = data.take(np.flatnonzero(numbers[data.labels] >= 0))
    groups = None if data.groups is None else data.groups[classes]
    names = None if data.names is None else tuple(data.names[label] for label in classes)
    return dataclasses.replace(part, labels=numbers[part.labels], groups=groups, names=names)


def hold_out_seen(training: LabelledImages, seed: int) -> tuple[LabelledImages, LabelledImages | None]:
    """Training less a few images of some of its classes, and those: what a model can do on classes that it has seen.

    Two or more images of a class, none with near duplicates, from classes that keep enough; at most SEEN_SHARE and MOST_SEEN
    of all. None where fewer than LEAST_SEEN_CLASSES can spare any.
    """
    is_single = np.ones(len(training), bool) if training.has_copies is None else ~training.has_copies
    able = [images for images in _by_class(training.labels, is_single) if len(images) >= LEAST_KEPT + 2]
    budget = min(MOST_SEEN, int(SEEN_SHARE * len(training)))
    if min(len(able), budget // 2) < LEAST_SEEN_CLASSES:
        return training, None
    generator = np.random.default_rng(derived_seed(seed, 4))
    is_seen, per_class = np.zeros(len(training), dtype=bool), max(2, budget // len(able))
    for place in generator.permutation(len(able)):
        images = generator.permutation(able[place])[: min(per_class, max(2, int(SEEN_SHARE * len(able[place]))))]
        if is_seen.sum() + len(images) > budget:
            break
        is_seen[images] = True
    return training.take(np.flatnonzero(~is_seen)), training.take(np.flatnonzero(is_seen))


def split_images(
    data: LabelledImages, validation_share: float, test_share: float, seed: int, first: np.ndarray | None = None
) -> tuple[LabelledImages, LabelledImages, LabelledImages]:
    """Give a share of each class to validation and to the test; near duplicates, with the same `first` (N,), stay together.

    Raises ValueError where that leaves a part without pairs.
    """
    first = np.arange(len(data)) if first is None else first
    is_test = _share_of_each_class(data.labels, test_share, seed, first)
    rest = np.flatnonzero(~is_test)
    first = np.searchsorted(rest, first[rest])
    share = validation_share / (1 - test_share)
    is_validation = _share_of_each_class(data.labels[rest], share, derived_seed(seed, 2), first)
    training, validation, test = map(data.take, (rest[~is_validation], rest[is_validation], np.flatnonzero(is_test)))
    for name, part in (("validation", validation), ("test", test)):
        sizes = np.bincount(part.labels)
        if (sizes >= 2).sum() < 1 or (sizes > 0).sum() < 2:
            raise ValueError(
                f"{name} would have {len(part)} images, too few to form same and different pairs: add images, or raise "
                f"--{name}-share"
            )
    return training, validation, test


def with_rotations(data: LabelledImages) -> LabelledImages:
    """Each class also turned by 90, 180 and 270 degrees, as three classes more (Santoro et al. 2016, for Omniglot)."""
    count = int(data.labels.max()) + 1
    images = allocate((4 * len(data), *data.images.shape[1:]))
    for turns in range(4):
        images[turns * len(data) : (turns + 1) * len(data)] = np.rot90(data.images, turns, axes=(1, 2))

    def of_each_turn(numbers: np.ndarray, count: int) -> np.ndarray:
        return np.concatenate([numbers + turns * count for turns in range(4)])

    groups = None if data.groups is None else of_each_turn(data.groups, int(data.groups.max()) + 1)
    return LabelledImages(images, of_each_turn(data.labels, count), groups=groups)


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
    source: str,
    data_dir: str | Path,
    preprocess: PreprocessConfig,
    encoder: EncoderConfig,
    split: str | None,
    validation_share: float,
    test_share: float,
    rotations: bool,
    seed: int,
) -> Splits:
    """A dataset by name, where `split` is None, or a folder of images or a file of pairs, split as it says.

    What the splits are, siamese.config.DataRecord says. With `rotations`, training goes over each class turned by quarters
    too. Raises ValueError where there is no such dataset, or too little in it.
    """
    if split == "pairs":
        return load_pair_splits(source, preprocess, encoder, validation_share, test_share, seed)
    if split is None:
        found = _split_dataset(source, data_dir, preprocess, encoder, validation_share, seed)
    else:
        found = _split_folder(source, preprocess, encoder, split, validation_share, test_share, seed)
    training = with_rotations(found.training) if rotations else found.training
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
    return dataclasses.replace(found, training=training, record=record)


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
    folder: str,
    preprocess: PreprocessConfig,
    encoder: EncoderConfig,
    split: str,
    validation_share: float,
    test_share: float,
    seed: int,
) -> Splits:
    """A folder of images, in three parts; nothing is counted yet."""
    found = read_folder(folder, preprocess, encoder, progress=True)
    has_copies = np.bincount(found.first)[found.first] > 1
    everything = LabelledImages(found.images, found.labels, has_copies, group_numbers(found.names), found.names)
    shares, seen = (validation_share, test_share, seed), None
    if split in UNSEEN_SPLITS:
        training, validation, test = split_classes(everything, *shares, by_group=split == "groups")
        training, seen = hold_out_seen(training, seed)
    else:
        training, validation, test = split_images(everything, *shares, found.first)
    validation, test = (part.at_most(MOST_EVALUATED, seed) for part in (validation, test))
    name = Path(folder).resolve().name  # the rest of the path is nobody's business
    record = DataRecord(dataset=f"{name}-folder" if name in DATASETS else name, split=split)
    return Splits(training, validation, test, record, found.left_out, found.remarks, seen)


def load_pair_splits(
    file: str, preprocess: PreprocessConfig, encoder: EncoderConfig, validation_share: float, test_share: float, seed: int
) -> Splits:
    """A file of labelled pairs, split so that no image is in two parts. Raises ValueError where that leaves too few."""
    found = read_pairs(file, preprocess, encoder, progress=True)
    training, *held_out = split_pairs(found.pairs, validation_share, test_share, seed, found.first)
    validation, test = (part.at_most(MOST_EVALUATED // 4, seed) for part in held_out)  # of each kind; two images each
    record = DataRecord(
        dataset=Path(file).name,
        training_images=len(training.images),
        validation_images=len(validation.images),
        test_images=len(test.images),
        split="pairs",
        left_out=len(found.left_out),
        pairs=len(training.is_same),
    )
    return Splits(training, validation, test, record, found.left_out, found.remarks)
