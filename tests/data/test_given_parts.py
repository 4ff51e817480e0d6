"""Parts that a dataset comes in: taken where they ask the question, and else said to be split anew."""

import numpy as np
import pytest

from siamese.data.given_parts import NONE, TEST, TRAINING, VALIDATION, take_given
from siamese.data.labelled_images import LabelledImages


def data_of(labels: list[int]) -> LabelledImages:
    """Images that are their own number."""
    names = tuple(f"class {number}" for number in range(max(labels) + 1))
    return LabelledImages(np.arange(len(labels)), np.array(labels), names=names)


def take(labels, part, split, first=None, seed=0):
    first = np.arange(len(labels)) if first is None else np.array(first)
    found, remark = take_given(data_of(labels), np.array(part), split, first, 0.25, seed)
    return found and [each.images.tolist() for each in found], remark


SAME = [0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1]  # 8 to train on, 4 and 4
SAME_PARTS = [TRAINING] * 8 + [VALIDATION] * 4 + [TEST] * 4
OTHER = np.repeat(np.arange(8), 2).tolist()
OTHER_PARTS = [TRAINING] * 8 + [VALIDATION] * 4 + [TEST] * 4


def test_parts_with_the_same_classes_are_taken_for_the_split_within():
    found, remark = take(SAME, SAME_PARTS, "within")
    assert found == [list(range(8)), [8, 9, 10, 11], [12, 13, 14, 15]]
    assert remark == "the parts are those that the dataset comes in: 8 for training, 4 for validation, 4 for test"


def test_parts_with_other_classes_are_taken_for_the_split_by_classes():
    found, _ = take_given(data_of(OTHER), np.array(OTHER_PARTS), "classes", np.arange(16), 0.25, 0)
    assert [each.images.tolist() for each in found] == [list(range(8)), [8, 9, 10, 11], [12, 13, 14, 15]]
    assert [each.names for each in found] == [
        ("class 0", "class 1", "class 2", "class 3"), ("class 4", "class 5"), ("class 6", "class 7"),
    ]  # fmt: skip
    assert [np.unique(each.labels).tolist() for each in found] == [[0, 1, 2, 3], [0, 1], [0, 1]]


@pytest.mark.parametrize("split", ["classes", "within"])
def test_without_validation_a_share_of_training_is_that(split):
    labels = (OTHER if split == "classes" else [0, 1] * 4 + [0, 1] * 4)[:]
    found, _ = take(labels, [TRAINING] * 12 + [TEST] * 4, split)
    assert found[2] == [12, 13, 14, 15]
    assert sorted(found[0] + found[1]) == list(range(12))
    assert len(found[1]) == 4 if split == "classes" else len(found[1]) > 1


def test_without_a_test_validation_is_that():
    found, _ = take(OTHER, [TRAINING] * 12 + [VALIDATION] * 4, "classes")
    assert found[2] == [12, 13, 14, 15]
    assert len(found[1]) == 4


@pytest.mark.parametrize(
    ("labels", "part", "split", "why"),
    [
        (SAME, SAME_PARTS, "classes", "its test has classes of its training; the split within takes them as they are"),
        (OTHER, OTHER_PARTS, "within", "its test has classes that its training has not"),
        (OTHER, OTHER_PARTS, "groups", "whole groups are to be held out"),
        (OTHER, [NONE, *OTHER_PARTS[1:]], "classes", "not every image is in one of them"),
        (OTHER, [TEST] * 16, "classes", "not every image is in one of them"),
        (SAME[:13] + [0] * 3, SAME_PARTS, "within", "test has too few images to form same and different pairs"),
    ],
)
def test_parts_that_ask_another_question_are_not_taken_and_that_is_said(labels, part, split, why):
    assert take(labels, part, split) == (None, f"the parts that the dataset comes in are read as one and split anew: {why}")


@pytest.mark.parametrize("part", [None, [TRAINING] * 16, [NONE] * 16])
def test_nothing_is_said_where_there_are_no_parts(part):
    part = part and np.array(part)
    assert take_given(data_of(OTHER), part, "classes", np.arange(16), 0.25, 0) == (None, "")


def test_near_copies_stay_in_the_earliest_part_alone():
    first = list(range(16))
    first[13] = 2  # a copy of a training image in the test
    first[9] = 8  # and two of validation that are alike
    found, _ = take(SAME, SAME_PARTS, "within", first)
    assert found == [list(range(8)), [8, 9, 10, 11], [12, 14, 15]]
