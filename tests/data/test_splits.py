"""Splits of datasets and folders: which one a folder is large enough for, and that near copies are in one part."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from dataset_files import put_omniglot
from PIL import Image

from siamese.config import EncoderConfig, PreprocessConfig
from siamese.data.folders import read_folder
from siamese.data.labelled_images import LabelledImages, sources_of
from siamese.data.splits import choose_split, default_split, load_splits, split_folder, with_rotations


def test_omniglot_is_validated_on_alphabets_held_out_and_rotated_in_training_alone(tmp_path):
    put_omniglot(tmp_path)
    settings = (PreprocessConfig("ink"), EncoderConfig(image_size=40))
    splits = load_splits("omniglot", tmp_path, *settings, None, 0.1, 0.2, rotations=True, seed=0)
    record = splits.record
    assert (record.dataset, record.split, record.classes) == ("omniglot", "groups", 4 * 9)
    assert (record.validation_groups, record.validation_classes) == (1, 3)
    assert (record.test_groups, record.test_classes, record.test_images) == (2, 6, 48)
    assert len(splits.validation) == 24
    assert len(splits.training) == 4 * 9 * 8  # too few classes to hold out images of seen ones


def numbered(labels: list[int]) -> LabelledImages:
    """Images that are their own number."""
    images = np.arange(len(labels), dtype=np.uint32).view(np.uint8).reshape(len(labels), 2, 2)
    return LabelledImages(images, np.array(labels))


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([6, 6], "within"), ([6, 6, 3], "within"), ([7] * 5, "within"), ([4] * 6, "classes"), ([60] * 6, "classes"),
        ([2] * 6, "classes"), ([5] * 5, "refused"), ([4, 4], "refused"), ([20, 5], "within"),
        ([6, 3], "refused"), ([9], "refused"),
    ],
)  # fmt: skip
def test_a_folder_is_split_by_classes_or_within_few_or_refused_with_what_is_enough(sizes, expected):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    names = tuple(f"class {number}" for number in range(len(sizes)))
    split = default_split({name: [Path()] * size for name, size in zip(names, sizes, strict=True)})
    data, shares = dataclasses.replace(numbered(labels), names=names), (0.2, 0.2, 0)
    if expected == "refused":
        with pytest.raises(ValueError, match=r"only one class|too few classes") as refusal:
            split_folder(data, split, np.arange(len(labels)), *shares)
        assert "--" not in str(refusal.value)
        return
    assert split == expected
    assert choose_split(labels, names, np.arange(len(labels)), ("groups", split), shares) == (expected, "")
    for part in split_folder(data, split, np.arange(len(labels)), *shares)[0]:
        counts = np.bincount(part.labels)
        assert (counts >= 2).any()
        assert (counts > 0).sum() >= 2


@pytest.mark.parametrize("split", ["classes", "groups", "within"])
def test_one_class_is_met_with_advice_that_helps(split):
    for name, place in (("", "directly in the folder"), ("me/left", "in one folder, 'me/left'")):
        data = dataclasses.replace(numbered([0] * 40), names=(name,), groups=np.array([0]))
        with pytest.raises(ValueError, match=f"only one class: all 40 usable images lie {place}") as refusal:
            split_folder(data, split, np.arange(40), 0.2, 0.2, 0)
        assert "within" not in str(refusal.value)
        assert "a folder of its own" in str(refusal.value)


@pytest.mark.parametrize("split", ["classes", "within"])
def test_near_copies_of_a_folder_are_in_one_part_whatever_their_class_and_number(split, digits, tmp_path):
    for label in range(8):
        for number, image in enumerate(digits[0][digits[1] == label][:8]):
            path = tmp_path / str(label) / f"{number}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(image).resize((56, 56), Image.Resampling.BICUBIC).save(path)
    for label, count in ((0, 1), (1, 24)):  # copies of an image of 0 in 5, and many of one of 1
        original = Image.open(tmp_path / str(label) / "0.png")
        for number in range(count):
            copy = original.point(lambda value, by=number: min(255, int(value * (1 - by / 100))))
            copy.save(tmp_path / ("1" if label else "5") / f"copy {number}.jpg", quality=90)
    settings = (PreprocessConfig("ink"), EncoderConfig(image_size=28))
    found = read_folder(tmp_path, *settings)
    group = {image.tobytes(): first for image, first in zip(found.images, found.first.tolist(), strict=True)}
    assert sorted(np.bincount(found.first))[-2:] == [2, 25]
    for seed in range(6):
        splits = load_splits(str(tmp_path), "", *settings, split, 0.2, 0.2, False, seed)
        training = [splits.training, *([splits.seen] if splits.seen else [])]
        parts = [{group[image.tobytes()] for part in parts for image in part.images}
                 for parts in (training, [splits.validation], [splits.test])]  # fmt: skip
        assert not parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2]
        assert sum(len(part) for part in (*training, splits.validation, splits.test)) == len(found.images)
        file = {image.tobytes(): path for image, path in zip(found.images, found.files, strict=True)}
        for part in (*training, splits.validation, splits.test):
            assert [tmp_path / str(source) for source in part.sources] == [file[image.tobytes()] for image in part.images]


def test_rotated_classes_are_classes_of_their_own():
    data = dataclasses.replace(
        numbered([0, 0, 1, 1, 1]), groups=np.array([0, 1]), names=("a", "b"), sources=sources_of("vwxyz")
    )
    turned = with_rotations(data)
    assert turned.groups.tolist() == [0, 1, 2, 3, 4, 5, 6, 7]
    assert turned.names == ("a", "b", *(f"{name}, turned by {by}°" for by in (90, 180, 270) for name in "ab"))
    assert turned.sources.tolist() == list("vwxyz" * 4)
    assert turned.labels.tolist() == [0, 0, 1, 1, 1, 2, 2, 3, 3, 3, 4, 4, 5, 5, 5, 6, 6, 7, 7, 7]
    for turns in range(4):
        for image, original in zip(turned.images[5 * turns : 5 * turns + 5], data.images, strict=True):
            assert np.array_equal(image, np.rot90(original, turns))
