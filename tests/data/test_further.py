"""Further images to train on: in training alone, in the classes of their names, and none that is held out."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from terminal import assert_refused, run

from siamese.config import DataRecord, EncoderConfig, ModelFolderConfig, PreprocessConfig
from siamese.data.datasets import DATASETS
from siamese.data.splits import load_splits
from siamese.model_folder.model_card import render_card
from siamese.training.settings import TrainingSettings, command_of

INK, ENCODER = PreprocessConfig("ink"), EncoderConfig(image_size=28)
SAMPLE, _ = DATASETS["mnist-sample"].load("")


def save(image: np.ndarray, folder: Path, number: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).resize((90, 90)).save(folder / f"{number}.png")


def put_digits(folder: Path, classes: dict[str, int], of_each: int = 3) -> None:
    """Pictures of the sample's digits that are no pixel like its own: a class folder for each digit."""
    for name, digit in classes.items():
        for number in np.flatnonzero(SAMPLE.labels == digit)[:of_each]:
            save(SAMPLE.images[number], folder / name, number)


def splits_of(source: str, also: Path | None, split: str | None = None, rotations: bool = False):
    return load_splits(source, "", INK, ENCODER, split, 0.2, 0.2, rotations, 0, also and str(also))


def test_they_are_behind_those_of_the_dataset_in_the_classes_of_their_names_and_nowhere_else(tmp_path):
    put_digits(tmp_path / "others", {"7": 7, "1": 1, "letters/x": 3})
    plain, more = (splits_of("mnist-sample", also) for also in (None, tmp_path / "others"))
    count = len(plain.training)
    assert (more.training.images[:count] == plain.training.images).all()
    assert sorted(more.training.labels[count:].tolist()) == [1] * 3 + [7] * 3 + [10] * 3
    assert more.training.names == (*map(str, range(10)), "letters/x")
    for part in ("validation", "test"):
        assert (getattr(more, part).images == getattr(plain, part).images).all()
    record = more.record
    assert (record.also, record.also_images, record.training_images, record.classes) == ("others", 9, count + 9, 11)
    assert any("9 further images to train on, from others" in remark for remark in more.remarks)


def test_what_is_held_out_is_not_trained_on_by_this_way(tmp_path):
    put_digits(tmp_path / "own", {f"signs/{digit}": digit for digit in range(6)}, of_each=8)
    plain = splits_of(str(tmp_path / "own"), None, "within")
    also = splits_of(str(tmp_path / "own"), tmp_path / "own", "within")
    held_out = len(plain.validation) + len(plain.test)
    assert len(also.training) == 2 * len(plain.training)
    assert any(f"{held_out} further images left out" in remark for remark in also.remarks)
    secret = {image.tobytes() for part in (also.validation, also.test) for image in part.images}
    assert not any(image.tobytes() in secret for image in also.training.images)


def test_nor_are_other_images_of_classes_that_are_held_out(tmp_path):
    put_digits(tmp_path / "own", {f"{digit}": digit for digit in range(10)}, of_each=4)
    for name in map(str, range(10)):
        for number in (int(name) + 500, int(name) + 600):  # not among the first four of each digit
            save(SAMPLE.images[number], tmp_path / "more" / name, number)
    plain = splits_of(str(tmp_path / "own"), None, "classes")
    more = splits_of(str(tmp_path / "own"), tmp_path / "more", "classes")
    assert more.training.names == plain.training.names
    assert len(more.training) == len(plain.training) + 2 * len(plain.training.names)


def test_they_are_turned_with_the_others_and_of_groups_of_their_own(tmp_path):
    put_digits(tmp_path / "own", {f"{'ab'[digit % 2]}/{digit}": digit for digit in range(4)}, of_each=8)
    put_digits(tmp_path / "more", {"c/8": 8, "c/9": 9, "a/0": 5})
    splits = splits_of(str(tmp_path / "own"), tmp_path / "more", "within", rotations=True)
    training = splits.training
    assert (splits.record.also_images, splits.record.training_images) == (4 * 9, len(training))
    assert training.names[:6] == ("a/0", "a/2", "b/1", "b/3", "c/8", "c/9")
    assert training.groups.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11]
    assert len(training.sources) == len(training)
    quarter = len(training) // 4
    assert (training.images[quarter : 2 * quarter] == np.rot90(training.images[:quarter], axes=(1, 2))).all()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--also", "nowhere"), ("--also is nowhere", "no folder here")),
        (("--also", "tests", "--hosted", "t4-small", "--push", "--repo-id", "ada/digits"), ("--also is tests", "a job")),
    ],
)
def test_what_cannot_be_read_along_is_refused(flags, words, tmp_path, capsys):
    output = ("--output", str(tmp_path / "out"))
    assert_refused(run(["train", "--dataset", "mnist-sample", *flags, *output], capsys), *words)
    assert not (tmp_path / "out").exists()


def test_the_card_and_the_command_name_the_folder_and_not_where_it_lies():
    data = DataRecord("mnist-sample", also="unipen", also_images=1234)
    assert "Of the training images, 1,234 are further ones, of the folder `unipen`." in render_card(
        ModelFolderConfig(data=data)
    )
    assert "further ones" not in render_card(ModelFolderConfig(data=DataRecord("mnist-sample")))
    assert command_of(TrainingSettings(also="/home/ada/unipen")) == "python train.py --also unipen"
