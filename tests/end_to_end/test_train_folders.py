"""Training on a folder of images of one's own: classes or groups held out, or images within classes."""

import json
import os
import shutil

import pytest
from paper import photo
from PIL import Image

from siamese import Verifier
from siamese.commands import train

pytestmark = pytest.mark.slow


def test_a_folder_trains_from_end_to_end_on_classes_held_out(digit_folder, root, tmp_path, capsys):
    (digit_folder / "digit 2" / "bad `x`.png").write_text("no picture")
    output = tmp_path / "model"
    arguments = ["--dataset", str(digit_folder), "--device", "cpu", "--epochs", "1", "--batch-size", "16"]
    assert train.main([*arguments, "--output", str(output)]) == 0
    stdout, stderr = capsys.readouterr()
    assert "3 classes to train on; validation on 2 and test on 2 other classes; seen as ink, 28 x 28 px, grey" in stdout
    assert "bad `x`.png" in stderr
    assert "the test has only 2 classes" in stderr
    verifier = Verifier.from_pretrained(output)
    data = verifier.config.data
    assert (data.dataset, data.split, data.left_out) == ("digits", "classes", 1)
    assert (data.classes, data.validation_classes, data.test_classes) == (3, 2, 2)
    assert (data.training_images, data.validation_images, data.test_images) == (12, 8, 8)
    card = (output / "README.md").read_text(encoding="utf-8")
    assert "1 file was left out" in card
    assert "    bad `x`.png: " in card
    assert str(tmp_path) not in card.replace(verifier.config.training.command, "")
    assert verifier.embed([digit_folder / "digit 0" / "0.png"]).shape == (1, 64)


def test_classes_seen_in_training_are_measured_beside_those_unseen(digits, tmp_path, capsys):
    for label in range(10):
        for number, image in enumerate(digits[0][digits[1] == label][:20]):
            path = tmp_path / "digits" / str(label) / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
    arguments = ["--dataset", str(tmp_path / "digits"), "--epochs", "1", "--batch-size", "32", "--device", "cpu"]
    assert train.main([*arguments, "--output", str(tmp_path / "model")]) == 0
    config = Verifier.from_pretrained(tmp_path / "model").config
    assert (config.data.training_images, config.data.seen_images, config.data.seen_classes) == (108, 12, 6)
    assert (config.seen.same_pairs, config.seen.different_pairs) == (6, 60)
    assert "new images of classes seen in training, 6 same and 60 different pairs" in capsys.readouterr().out
    assert "seen classes" in (tmp_path / "model" / "README.md").read_text(encoding="utf-8")


def test_a_folder_of_folders_trains_on_whole_groups_held_out(digits, tmp_path, capsys):
    for label in range(10):
        for number, image in enumerate(digits[0][digits[1] == label][:4]):
            path = tmp_path / "signs" / f"group {label // 2}" / str(label) / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
    arguments = [
        "--dataset",
        str(tmp_path / "signs"),
        "--split",
        "groups",
        "--rotations",
        "--epochs",
        "1",
        "--device",
        "cpu",
    ]
    arguments += ["--batch-size", "16", "--validation-share", "0.2", "--test-share", "0.4"]
    assert train.main([*arguments, "--output", str(tmp_path / "model")]) == 0
    assert "validation on 2 and test on 4 other classes, of 1 and 2 other groups; seen" in capsys.readouterr().out
    data = Verifier.from_pretrained(tmp_path / "model").config.data
    assert (data.split, data.classes, data.training_images) == ("groups", 16, 64)
    assert (data.validation_groups, data.test_groups, data.test_images) == (1, 2, 16)
    card = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    assert "the test the 4 classes of 2 others" in card


def test_without_folders_of_classes_there_are_no_groups(digit_folder, tmp_path, capsys):
    assert train.main(["--dataset", str(digit_folder), "--split", "groups", "--output", str(tmp_path / "model")]) == 2
    assert "too few groups (1)" in capsys.readouterr().err


def test_a_folder_of_colour_photographs_trains_within_its_classes(tmp_path):
    for label in range(4):
        for number in range(10):
            path = tmp_path / "photos" / str(label) / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.blend(photo(label, (90, 60)), photo(100 * label + number + 10, (90, 60)), 0.3).save(path)
    arguments = ["--dataset", str(tmp_path / "photos"), "--split", "within", "--image-size", "24", "--epochs", "1"]
    arguments += ["--test-share", "0.3", "--validation-share", "0.3", "--device", "cpu"]
    assert train.main([*arguments, "--output", str(tmp_path / "model")]) == 0
    config = Verifier.from_pretrained(tmp_path / "model").config
    assert (config.preprocess.mode, config.encoder.channels, config.encoder.image_size) == ("photo", 3, 24)
    assert (config.data.split, config.data.classes, config.data.test_classes) == ("within", 4, 4)
    assert config.metrics.balanced_accuracy > 80


@pytest.mark.parametrize("batch_size", [3, 22, 256])
def test_many_classes_of_few_images_train_at_any_batch_size(batch_size, tmp_path):
    for label in range(20):
        for number in range(3):
            path = tmp_path / "photos" / str(label) / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            photo(100 * label + number).save(path)
    arguments = ["--dataset", str(tmp_path / "photos"), "--image-size", "16", "--epochs", "1", "--device", "cpu"]
    assert train.main([*arguments, "--batch-size", str(batch_size), "--output", str(tmp_path / "model")]) == 0


@pytest.mark.parametrize("flag", ["--split classes", "--image-size 32", "--channels 3", "--preprocess photo"])
def test_flags_about_folders_are_refused_without_one(flag, tmp_path, capsys):
    assert train.main(["--dataset", "mnist-sample", *flag.split(), "--output", str(tmp_path / "model")]) == 2
    assert f"{flag.split()[0]} is about a folder of images" in capsys.readouterr().err


def test_too_few_classes_are_said_before_training(digit_folder, tmp_path, capsys):
    for label in range(2, 7):
        shutil.rmtree(digit_folder / f"digit {label}")
    assert train.main(["--dataset", str(digit_folder), "--output", str(tmp_path / "model")]) == 2
    assert "too few classes (2)" in capsys.readouterr().err


def test_names_that_are_no_utf8_train_to_the_end(digit_folder, tmp_path, capsys):
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/Z\xfcrich")
    digit_folder.rename(folder)
    with open(os.fsdecode(os.fsencode(folder) + b"/digit 1/copie\xe9.png"), "wb") as file:
        file.write(b"no picture")
    output = tmp_path / "model"
    arguments = ["--dataset", folder, "--device", "cpu", "--epochs", "1", "--batch-size", "16", "--output", str(output)]
    assert train.main(arguments) == 0
    config = Verifier.from_pretrained(output).config
    assert config.data.dataset == "Z\\xfcrich"
    card = (output / "README.md").read_text(encoding="utf-8")
    assert "    copie\\xe9.png: " in card
    json.dumps(json.loads((output / "config.json").read_text(encoding="utf-8")), ensure_ascii=False).encode()
    assert train.main(["--dataset", folder, "--output", str(output), "--epochs", "0"]) == 2
