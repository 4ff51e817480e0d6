"""Settings: filled in once, checked, and said in a command that asks for the same."""

import dataclasses
import shlex
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from siamese.commands import train as command_line
from siamese.encoders import ENCODERS, choice
from siamese.encoders.pretrained import PACKAGES, PHOTO_BACKBONE
from siamese.losses import LOSSES
from siamese.model_folder.files import BUNDLED_WEIGHTS
from siamese.training.settings import TrainingSettings, check, command_of, fill_in

settings_of_all_kinds = st.builds(
    TrainingSettings,
    dataset=st.sampled_from(["mnist", "mnist-sample", "kmnist"]),
    encoder=st.sampled_from(list(ENCODERS)),
    loss=st.sampled_from(list(LOSSES)),
    embedding_dim=st.none() | st.integers(1, 4096),
    epochs=st.none() | st.integers(1, 10_000),
    batch_size=st.integers(2, 100_000),
    lr=st.floats(1e-8, 10),
    augment=st.booleans(),
    rotations=st.booleans(),
    compose=st.booleans(),
    seed=st.integers(0, 2**31 - 1),
)


@given(settings_of_all_kinds)
def test_the_command_of_settings_asks_the_command_line_for_the_same(settings):
    check(settings)
    words = shlex.split(command_of(settings))
    assert words[:2] == ["python", "train.py"]
    arguments, _ = command_line.parse_arguments(words[2:])
    assert fill_in(command_line.settings_of(arguments)) == fill_in(settings)


def test_the_command_line_and_the_dataclass_have_one_set_of_defaults():
    arguments, _ = command_line.parse_arguments([])
    assert dataclasses.replace(command_line.settings_of(arguments), output=None) == TrainingSettings()


def test_settings_are_filled_in_for_a_dataset_by_name_and_leave_just_its_split_open():
    filled = fill_in(TrainingSettings("mnist-sample"))
    assert (filled.preprocess, filled.image_size, filled.channels) == ("ink", 28, 1)
    assert filled.embedding_dim == ENCODERS["compact"].default_dim
    assert filled.encoder == "compact"
    assert filled.output == Path("runs/mnist-sample-supcon")
    assert fill_in(TrainingSettings("fashion-mnist")).encoder == "residual"  # photographs
    assert fill_in(TrainingSettings("fashion-mnist", encoder="seed")).encoder == "seed"
    left = {field.name for field in dataclasses.fields(filled) if getattr(filled, field.name) is None}
    choices = {"dataset_config", "dataset_split", "image_column", "label_column", "classes_from_names"}
    assert left == {"pairs", "also", "margin", "split", "backbone_weights", "init", *choices}


@given(settings_of_all_kinds)
def test_what_is_filled_in_once_stays_as_it_is(settings):
    filled = fill_in(settings)
    assert fill_in(filled) == filled
    given = {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}
    assert all(getattr(filled, name) == value for name, value in given.items() if value is not None)


@pytest.mark.parametrize(
    ("pictures", "expected"),
    [
        ("drawings", ("classes", "ink", 28, 1, "compact", 24, 0.2)),
        ("photographs", ("classes", "photo", 64, 3, "hog", 12, 0.2)),
        ("photographs, and a network for them", ("classes", "photo", 96, 3, PHOTO_BACKBONE, 1, 0.2)),
    ],
)
def test_settings_for_a_folder_fit_its_pictures(pictures, expected, digits, tmp_path, monkeypatch):
    if "network" in pictures:
        pytest.importorskip(next(iter(PACKAGES.values())), reason="an extra")
    else:
        monkeypatch.setattr(choice, "photo_weights", lambda: (None, "not installed"))
    random = np.random.default_rng(0)
    for number, image in enumerate(digits[0][:6]):
        place = tmp_path / "pictures" / str(number % 2)
        place.mkdir(parents=True, exist_ok=True)
        photo = random.integers(0, 255, (90, 90, 3), np.uint8)
        Image.fromarray(255 - image if pictures == "drawings" else photo).save(place / f"{number}.png")
    filled = fill_in(TrainingSettings(str(tmp_path / "pictures")))
    names = ("split", "preprocess", "image_size", "channels", "encoder", "epochs", "validation_share")
    assert tuple(getattr(filled, name) for name in names) == expected


def test_proportions_adapt_for_drawings_of_ones_own_and_stay_those_of_the_model_that_is_trained_on(digits, tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (6, 90, 90), np.uint8)
    for kind, pictures in (("drawings", 255 - digits[0][:6]), ("photographs", noise)):
        for number, picture in enumerate(pictures):
            (place := tmp_path / kind / str(number % 2)).mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(place / f"{number}.png")
    model = str(BUNDLED_WEIGHTS / "digits")
    drawings, photographs = str(tmp_path / "drawings"), str(tmp_path / "photographs")
    assert fill_in(TrainingSettings(drawings)).aspect == "adaptive"
    assert fill_in(TrainingSettings(drawings, aspect="kept")).aspect == "kept"
    assert fill_in(TrainingSettings(drawings, init=model)).aspect == "kept"
    assert fill_in(TrainingSettings(drawings, init=model, aspect="adaptive")).aspect == "adaptive"
    known = {"encoder": "compact", "embedding_dim": 64, "image_size": 28, "channels": 1}  # all of its network
    filled = fill_in(TrainingSettings(drawings, init=model, **known))
    assert (filled.aspect, filled.views) == ("kept", 3)
    assert fill_in(TrainingSettings("mnist-sample")).aspect == "kept"  # made like MNIST's, whose images pass unchanged
    assert fill_in(TrainingSettings(photographs)).aspect == "kept"
    with pytest.raises(ValueError, match="--aspect is adaptive, which is about drawings, and these are seen as photo"):
        fill_in(TrainingSettings(photographs, aspect="adaptive"))
    with pytest.raises(ValueError, match="--aspect is about a folder of images, and --dataset is mnist"):
        check(TrainingSettings("mnist", aspect="adaptive"))


def test_where_a_folder_lies_is_not_part_of_the_command(tmp_path):
    (tmp_path / "my pets").mkdir()
    command = command_of(TrainingSettings(str(tmp_path / "my pets"), output=tmp_path / "model", epochs=3))
    assert command == "python train.py --dataset 'my pets' --epochs 3"
