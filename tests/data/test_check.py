"""A folder looked through before a training: what a training would find in it, and the same in the terminal."""

import itertools
import json

import numpy as np
import pytest
from brought import write_classes
from pair_files import write_csv, write_images
from PIL import Image

from siamese.__main__ import main
from siamese.config import EncoderConfig, PreprocessConfig
from siamese.data.check import check_folder, check_pairs
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


def test_a_check_of_pairs_finds_what_a_training_would_and_says_so(tmp_path, digits, capsys):
    images = write_images(tmp_path / "digits", digits)
    (images / "0-0.png").write_text("no picture")
    rows = []
    for label, number in itertools.product(range(0, 10, 2), range(0, 10, 2)):  # rings of four images, two of each digit
        ring = [f"{kind}-{each}" for kind in (label, label + 1) for each in (number, number + 1)]
        rows += [(f"digits/{a}.png", f"digits/{b}.png", int(a[0] == b[0])) for a, b in itertools.combinations(ring, 2)]
    file = write_csv(tmp_path / "pairs.csv", rows)
    checked = check_pairs(file)
    preprocess, encoder = PreprocessConfig(checked.mode), EncoderConfig(image_size=checked.size, channels=checked.channels)
    splits = load_splits(str(file), "", preprocess, encoder, "pairs", 0.2, 0.2, False, 0)
    sizes = [len(part.is_same) for part in (splits.training, splits.validation, splits.test)]
    assert [len(part.is_same) for part in checked.parts] == sizes
    assert main(["check", str(file)]) == 0
    words = capsys.readouterr().out
    assert f"left out {images / '0-0.png'}: " in words
    assert "note: 3 pairs left out because an image is" in words
    assert (
        "147 usable pairs, 49 same and 98 different, of 99 images; 1 left out; a training would see them as ink, " in words
    )
    learns = f"grey, learn from {sizes[0]:,} of the pairs, choose by {sizes[1]:,} and be tested on {sizes[2]:,}"
    assert f"28 x 28 px, {learns}, which share no image" in words
    assert main(["check", str(file), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["same_pairs"], answer["different_pairs"], answer["images"]) == (49, 98, 99)
    assert answer["pairs"] == dict(zip(("training", "validation", "test"), sizes, strict=True))
    assert [entry["file"] for entry in answer["left_out"]] == [str(images / "0-0.png")]


def test_too_few_pairs_are_counted_and_refused_with_what_is_missing(tmp_path, digits, capsys):
    write_images(tmp_path / "digits", digits)
    file = write_csv(
        tmp_path / "pairs.csv", [("digits/0-0.png", "digits/0-1.png", 1), ("digits/0-0.png", "digits/1-1.png", 0)]
    )
    assert main(["check", str(file)]) == 2
    said = capsys.readouterr()
    assert "2 usable pairs, 1 same and 1 different, of 3 images" in said.out
    assert "allowed: at least 2 of each" in said.err
    assert "Traceback" not in said.err
