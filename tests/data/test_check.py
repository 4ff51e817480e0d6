"""A folder looked through before a training: what a training would find in it, and the same in the terminal."""

import json

import numpy as np
import pytest
from brought import write_classes
from PIL import Image

from siamese.__main__ import main
from siamese.config import EncoderConfig, PreprocessConfig
from siamese.data.check import check_folder
from siamese.data.splits import load_splits
from siamese.encoders.pretrained import photo_weights


@pytest.fixture
def folder(tmp_path, digits):
    """3 classes of digits, one file that is no image, and one class of a single image."""
    made = write_classes(tmp_path / "own", digits)
    (made / "class 1" / "broken.png").write_bytes(b"no image")
    (made / "class 2" / "19.png").unlink()
    (made / "alone").mkdir()
    Image.fromarray(digits[0][999]).save(made / "alone" / "0.png")
    return made


def test_a_check_finds_what_a_training_would(folder):
    checked = check_folder(folder)
    assert (checked.mode, checked.size, checked.channels) == ("ink", 28, 1)
    assert checked.seen == "ink, 28 x 28 px, grey"
    assert checked.sizes == {"class 0": 20, "class 1": 20, "class 2": 19}
    assert [file.name for file, _ in checked.found.left_out] == ["broken.png", "0.png"]
    preprocess, encoder = PreprocessConfig(checked.mode), EncoderConfig(image_size=checked.size, channels=checked.channels)
    splits = load_splits(str(folder), "", preprocess, encoder, "within", 0.2, 0.2, False, 0)
    assert sum(map(len, (splits.training, splits.validation, splits.test))) == len(checked.found.labels)
    assert splits.left_out == checked.found.left_out


def test_photographs_are_seen_in_colour(tmp_path):
    generator = np.random.default_rng(0)
    for label in "ab":
        (tmp_path / label).mkdir()
        for number in range(3):
            Image.fromarray(generator.integers(0, 256, (90, 120, 3), np.uint8)).save(tmp_path / label / f"{number}.jpg")
    size = 64 if photo_weights()[0] is None else 96
    assert check_folder(tmp_path).seen == f"photo, {size} x {size} px, colour"


def test_the_terminal_says_what_the_check_found(folder, capsys):
    assert main(["check", str(folder)]) == 0
    words = capsys.readouterr().out
    assert (
        "59 usable images in 3 classes, 19 to 20 in each; 2 left out; a training would see them as ink, 28 x 28 px, grey"
        in words
    )
    assert f"left out {folder / 'class 1' / 'broken.png'}: " in words
    assert main(["check", str(folder), "--json"]) == 0
    answer, checked = json.loads(capsys.readouterr().out), check_folder(folder)
    assert answer["classes"] == checked.sizes
    assert (answer["preprocess"], answer["image_size"], answer["channels"]) == ("ink", 28, 1)


def test_a_folder_of_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="is not a folder"):
        check_folder(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="there are no images in"):
        check_folder(tmp_path)
