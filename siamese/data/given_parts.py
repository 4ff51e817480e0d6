"""The parts that a dataset comes in, as train and test, taken for training, validation and test where they ask the question.

The question is whether the test is of classes that training never saw, or of the same ones.
"""

import numpy as np

from siamese.config import UNSEEN_SPLITS
from siamese.data.labelled_images import LabelledImages
from siamese.data.partition import has_pairs, of_classes, split_classes, split_validation, without_leaks

TRAINING, VALIDATION, TEST, NONE = range(4)
Parts = tuple[LabelledImages, LabelledImages, LabelledImages]


def take_given(
    data: LabelledImages, part: np.ndarray | None, split: str, first: np.ndarray, validation_share: float, seed: int
) -> tuple[Parts | None, str]:
    """Training, validation and test of images whose part, TRAINING to NONE (N,), is given; and a remark on the choice.

    Of a dataset without validation, a share (0..1) of its training is that; without a test, its validation is the test.
    Near duplicates, which have the same `first` (N,), stay in the earliest part alone. None where no parts are given
    ("" is the remark then), or they do not ask what `split` does.
    """
    if part is None or not {VALIDATION, TEST} & set(part.tolist()):
        return None, ""
    part = part.copy()
    if TEST not in part:
        part[part == VALIDATION] = TEST
    anew = "the parts that the dataset comes in are read as one and split anew: "
    if NONE in part or TRAINING not in part:
        return None, f"{anew}not every image is in one of them"
    classes = [set(data.labels[part == number].tolist()) for number in (TRAINING, VALIDATION, TEST)]
    held_out = classes[VALIDATION] | classes[TEST]
    if split == "within" and not held_out <= classes[TRAINING]:
        return None, f"{anew}its test has classes that its training has not"
    if split in UNSEEN_SPLITS and held_out & classes[TRAINING]:
        return None, f"{anew}its test has classes of its training; the split within takes them as they are"
    if split == "groups":
        return None, f"{anew}whole groups are to be held out"
    try:
        found = _take(data, part, split, first, validation_share, seed)
    except ValueError as error:
        return None, f"{anew}{error}"
    named = dict(zip(("training", "validation", "test"), found, strict=True))
    if lacking := [name for name, each in named.items() if not has_pairs(each.labels)]:
        return None, f"{anew}{lacking[0]} has too few images to form same and different pairs"
    sizes = ", ".join(f"{len(each):,} for {name}" for name, each in named.items())
    return found, f"the parts are those that the dataset comes in: {sizes}"


def _take(
    data: LabelledImages, part: np.ndarray, split: str, first: np.ndarray, validation_share: float, seed: int
) -> Parts:
    is_unseen, has_validation = split in UNSEEN_SPLITS, VALIDATION in part
    kept = without_leaks(part, first)
    whole = data.take(kept) if len(kept) < len(data) else data
    part, first = part[kept], np.unique(first[kept], return_index=True, return_inverse=True)
    first = first[1][first[2]]  # as positions among those that are kept

    def of(number: int) -> LabelledImages:
        chosen = whole.take(np.flatnonzero(part == number))
        return of_classes(chosen, np.unique(chosen.labels)) if is_unseen else chosen

    training, test = of(TRAINING), of(TEST)
    if has_validation:
        return training, of(VALIDATION), test
    chosen = np.flatnonzero(part == TRAINING)
    first = np.searchsorted(chosen, first[chosen])  # the first of a group lies in the part that it is kept in
    if is_unseen:
        training, validation, _ = split_classes(training, validation_share, 0, seed, first=first)
    else:
        training, validation = split_validation(training, validation_share, seed, first)
    return training, validation, test
