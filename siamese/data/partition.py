"""Images given to training, validation and test by seeded draws: shares of each class, whole classes, or groups of them.

Near duplicates go to one part.
"""

import dataclasses

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from siamese.config import counted
from siamese.data.labelled_images import LabelledImages
from siamese.data.sampling import derived_seed

SEEN_SHARE, MOST_SEEN = 0.1, 1000  # images of training classes held out to compare with unseen classes, at most
LEAST_SEEN_CLASSES = 5  # that they are of
LEAST_KEPT = 4  # images of such a class that are left to train on
LEAST_OF_CLASS = 6  # images, two for each part


def split_validation(
    data: LabelledImages, share: float, seed: int, first: np.ndarray | None = None
) -> tuple[LabelledImages, LabelledImages]:
    """Cut `share` (0..1) of each class off for validation by a seeded draw: (training, validation), disjoint.

    Near duplicates, with the same `first` (N,), stay together.
    """
    is_validation = _share_of_each_class(data.labels, share, seed, np.arange(len(data)) if first is None else first)
    return data.take(np.flatnonzero(~is_validation)), data.take(np.flatnonzero(is_validation))


def _share_of_each_class(
    labels: np.ndarray, share: float, seed: int, first: np.ndarray, least: int = 0, of: int = 0
) -> np.ndarray:
    """A seeded draw of `share` of each class, bool (N,), and at least `least` of one that has as many as `of`.

    What has the same `first` goes together.
    """
    generator = np.random.default_rng(seed)
    is_drawn = np.zeros(len(labels), dtype=bool)
    for members in _by_class(labels, first == np.arange(len(labels))):
        count = max(round(share * len(members)), least if len(members) >= of else 0)
        is_drawn[generator.permutation(members)[:count]] = True
    return is_drawn[first]


def _by_class(labels: np.ndarray, is_wanted: np.ndarray) -> list[np.ndarray]:
    """The wanted images of each class, in the order of the classes."""
    wanted = np.flatnonzero(is_wanted)
    order = wanted[np.argsort(labels[wanted], kind="stable")]
    return np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)


def split_classes(
    data: LabelledImages,
    validation_share: float,
    test_share: float,
    seed: int,
    by_group: bool = False,
    first: np.ndarray | None = None,
) -> tuple[LabelledImages, LabelledImages, LabelledImages]:
    """Give whole classes to training, validation and test, by a seeded draw; each part counts its classes from 0.

    Shares are of the classes, 0..1; each part has at least two. With `by_group` whole groups are given, of which each part
    has at least one, and shares are of the groups. A share of 0 gives an empty part. Classes (groups) that share near
    duplicates, images with the same `first` (N,), go together; where that leaves a part without, an image is left out of
    validation and test that another part has a copy of. Raises ValueError where there are too few.
    """
    groups = data.groups if by_group else np.arange(int(data.labels.max()) + 1)
    count, least, what = int(groups.max()) + 1, 1 if by_group else 2, "groups" if by_group else "classes"
    validation, test = (max(least, round(share * count)) if share else 0 for share in (validation_share, test_share))
    if count - validation - test < least:
        raise ValueError(
            f"too few {what} ({count}): validation takes {validation} and the test {test}, and at least {least} must be "
            f"left to train on. Add {what}, or choose the split within, which tests on the classes it trains on"
        )
    owner = groups[data.labels]  # (N,)
    linked = np.arange(count) if first is None else _linked(owner, owner[first], count)
    parts = _draw_parts(count, validation, test, least, linked, seed)
    part_of = np.zeros(count, np.int64)
    for number, part in enumerate(parts):
        part_of[part] = number
    if first is not None:
        kept = without_leaks(part_of[owner], first)
        if any(len(np.unique(data.labels[kept[part_of[owner[kept]] == part]])) < 2 for part in np.unique(part_of[owner])):
            raise ValueError(
                "images of different classes are near copies of each other, so many that no test can be kept apart"
            )
        data = data.take(kept) if len(kept) < len(data) else data
    parts = [np.flatnonzero(np.isin(groups, part)) for part in parts]  # classes
    if by_group and min(len(part) for part in parts if len(part)) < 2:
        raise ValueError(
            "a group has only one class, and so no pairs of different classes: put several classes into each folder"
        )
    return tuple(of_classes(data, part) for part in parts)


def _linked(a: np.ndarray, b: np.ndarray, count: int) -> np.ndarray:
    """For each of `count` things, the number of the set of those that the pairs a, b (N,) connect it with."""
    return connected_components(coo_array((np.ones(len(a)), (a, b)), shape=(count, count)), directed=False)[1]


def _draw_parts(count: int, validation: int, test: int, least: int, linked: np.ndarray, seed: int) -> list[np.ndarray]:
    """Training, validation and test of `count` things, by a seeded draw; what is `linked` goes together, if it can."""
    order = np.random.default_rng(seed).permutation(count)
    room, parts = [count, validation, test], [[], [], []]
    for link in dict.fromkeys(linked[order].tolist()):
        members = order[linked[order] == link]
        part = next((part for part in (1, 2) if len(parts[part]) + len(members) <= room[part]), 0)
        parts[part].extend(members.tolist())
    if any(len(part) < min(least, most) for part, most in zip(parts, room, strict=True)):
        parts = order[validation + test :], order[:validation], order[validation : validation + test]
    return [np.array(part, dtype=np.int64) for part in parts]


def without_leaks(part: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Which images remain without those in a later part, 0..2 (N,), than the earliest that has a near duplicate of it."""
    earliest = np.full(len(part), 3)
    np.minimum.at(earliest, first, part)
    return np.flatnonzero(part <= earliest[first])


def of_classes(data: LabelledImages, classes: np.ndarray) -> LabelledImages:
    """The images of these classes, which are counted from 0."""
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
    for least in (0, 2):  # of each class that has enough, where its shares make no pairs
        is_test = _share_of_each_class(data.labels, test_share, seed, first, least, LEAST_OF_CLASS)
        rest = np.flatnonzero(~is_test)
        first_of_rest = np.searchsorted(rest, first[rest])
        share = validation_share / (1 - test_share)
        seeds = derived_seed(seed, 2)
        is_validation = _share_of_each_class(data.labels[rest], share, seeds, first_of_rest, least, LEAST_OF_CLASS - 2)
        parts = rest[~is_validation], rest[is_validation], np.flatnonzero(is_test)
        without = [
            f"{name} would have {counted(len(part), 'image')}"
            for name, part in zip(("training", "validation", "test"), parts, strict=True)
            if not has_pairs(data.labels[part])
        ]
        if not without:
            return tuple(map(data.take, parts))
    raise ValueError(f"{without[0]}, too few to form same and different pairs: add images to each class")


def has_pairs(labels: np.ndarray) -> bool:
    """Whether there are two images of a class, and two classes."""
    sizes = np.bincount(labels)
    return bool((sizes >= 2).any() and (sizes > 0).sum() >= 2)
