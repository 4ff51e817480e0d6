"""Folders of images: which classes are found, whatever the depth, names and links."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from siamese import Verifier
from siamese.commands import train
from siamese.config import EncoderConfig, PreprocessConfig
from siamese.data import folders, storage
from siamese.data.folders import SUFFIXES, choose_settings, find_classes, folder_files, read_folder
from siamese.images.canonical import canonical_image
from siamese.images.load import load_image

INK, PHOTO = PreprocessConfig("ink"), PreprocessConfig("photo")


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (8, 8)).save(path)
    return path


def test_a_class_is_a_folder_that_directly_holds_images_at_any_depth(tmp_path):
    files = [put(tmp_path / name) for name in ("b/2.png", "b/10.png", "a/x/1.JPG", "a/x/y/1.pgm", "größe 1/é.png", "0.bmp")]
    (tmp_path / "b" / "notes.txt").write_text("no image")
    (tmp_path / "empty").mkdir()
    put(tmp_path / ".hidden" / "1.png")
    put(tmp_path / "b" / ".hidden.png")
    assert find_classes(tmp_path) == {
        "": [files[5]],
        "a/x": [files[2]],
        "a/x/y": [files[3]],
        "b": [files[1], files[0]],
        "größe 1": [files[4]],
    }


def test_links_that_run_in_circles_end(tmp_path):
    put(tmp_path / "a" / "1.png")
    os.symlink(tmp_path, tmp_path / "a" / "loop")
    assert list(find_classes(tmp_path)) == ["a"]


def test_no_folder_and_no_image_are_said(tmp_path):
    with pytest.raises(ValueError, match="is not a folder"):
        find_classes(tmp_path / "missing")
    with pytest.raises(ValueError, match="there are no images in"):
        find_classes(tmp_path)


def test_suffixes_are_compared_in_lower_case():
    assert all(suffix == suffix.lower() for suffix in SUFFIXES)


# ---- Reading ----


def photo(seed: int, size: tuple[int, int] = (60, 40), mode: str = "RGB") -> Image.Image:
    """Smooth colours all over, and nothing that repeats."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).convert(mode)


def test_images_are_what_the_verifier_would_see_in_the_order_of_their_names(digit_folder):
    found = read_folder(digit_folder, INK, EncoderConfig())
    assert found.names == tuple(f"digit {label}" for label in range(7))
    assert len(found.files) == len(found.images) == 28
    assert (found.left_out, found.remarks) == ((), ())
    for image, label, file in zip(found.images, found.labels, found.files, strict=True):
        assert file.parent.name == found.names[label]
        np.testing.assert_array_equal(image, canonical_image(load_image(file), INK, 28, 1))


def test_several_processes_and_a_file_on_disk_read_the_same(digit_folder, monkeypatch):
    expected = read_folder(digit_folder, INK, EncoderConfig())
    (digit_folder / "digit 3" / "bad.png").write_text("no picture")
    monkeypatch.setattr(folders, "MANY_FILES", 5)
    monkeypatch.setattr(storage, "MOST_IN_MEMORY", 100)
    found = read_folder(digit_folder, INK, EncoderConfig())
    assert isinstance(found.images, np.memmap)
    np.testing.assert_array_equal(found.images, expected.images)
    np.testing.assert_array_equal(found.labels, expected.labels)
    assert [file.name for file, _ in found.left_out] == ["bad.png"]


def damage(folder: Path) -> dict[str, str]:
    """Put damaged files into a folder: name -> part of the reason that must be given."""
    good = (folder / "0.png").read_bytes()
    jpeg = folder / "photo.jpg"
    photo(0, (300, 200)).save(jpeg)
    photographed = jpeg.read_bytes()
    jpeg.unlink()
    broken = {
        "empty.png": b"",
        "zeros.png": bytes(1000),
        "text.png": b"no picture",
        "cut header.png": good[:20],
        "cut.png": good[: len(good) // 2],
        "cut.jpg": photographed[: len(photographed) // 2],
        "page.jpg": b"<html><script>alert(1)</script></html>",
        "vector.png": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        "archive.png": b"PK\x03\x04" + bytes(100),
        "document.png": b"%PDF-1.7 " + bytes(100),
        "noise.gif": b"GIF89a" + bytes(range(256)),
        "noise.webp": b"RIFF\x00\x01\x00\x00WEBPVP8 " + bytes(range(200)),
        "noise.tif": b"II*\x00" + bytes(range(200)),
        "noise.bmp": b"BM" + bytes(range(200)),
        "noise.pgm": b"P5 1000000 1000000 255 ",
        "short.pgm": b"P5 28 28 255 " + bytes(100),
        "unicode \u00e9\u4e2d.png": b"\xff" * 50,
        "new\nline.png": b"no picture",
    }
    reasons = {}
    for name, content in broken.items():
        (folder / name).write_bytes(content)
        reasons[name] = ""
    for name, size, reason in (
        ("one pixel.png", (1, 1), "1x1"),
        ("a line.png", (200, 3), "200x3"),
        ("wide.png", (20_000, 30), "20000x30"),
    ):
        image = Image.new("L", size, 255)
        image.putpixel((0, 0), 0)
        image.save(folder / name)
        reasons[name] = reason
    Image.new("L", (50, 50), 255).save(folder / "blank.png")
    Image.new("RGBA", (50, 50), (0, 0, 0, 0)).save(folder / "transparent.png")
    (folder / "copy.png").write_bytes(good)
    (folder / "folder.png").mkdir()
    os.symlink(folder / "nowhere.png", folder / "dangling.png")
    os.symlink(folder / "circle.png", folder / "circle.png")
    os.mkfifo(folder / "pipe.png")
    reasons |= {"blank.png": "", "transparent.png": "", "copy.png": "the same image as", "dangling.png": "not a file"}
    return reasons | {"circle.png": "", "pipe.png": "not a file"}


def test_of_a_damaged_folder_the_rest_is_read_and_every_bad_file_named_with_its_reason(digit_folder, digits):
    reasons = damage(digit_folder / "digit 2")
    assert len(reasons) >= 25
    (digit_folder / "alone").mkdir()
    Image.fromarray(digits[0][digits[1] == 9][0]).save(digit_folder / "alone" / "1.png")
    found = read_folder(digit_folder, INK, EncoderConfig())
    left_out = {file.name: reason for file, reason in found.left_out}
    assert left_out.pop("1.png") == "the only usable image of its class"
    assert left_out.keys() == reasons.keys()
    for name, part in reasons.items():
        assert left_out[name].strip(), name
        assert part in left_out[name], name
    assert len(found.images) == 28
    assert found.names == tuple(f"digit {label}" for label in range(7))


def test_unusual_but_sound_pictures_are_used(tmp_path):
    for number, mode in enumerate(["1", "L", "P", "RGB", "RGBA", "CMYK", "LA"]):
        kind = "tif" if mode in ("CMYK", "LA") else "png"
        (tmp_path / "a").mkdir(exist_ok=True)
        photo(number, mode=mode).save(tmp_path / "a" / f"{mode}.{kind}")
    deep = np.random.default_rng(0).integers(0, 65536, (4, 6), dtype=np.uint16).repeat(10, 0).repeat(10, 1)
    Image.fromarray(deep).save(tmp_path / "a" / "16 bit.png")
    frames = [photo(number) for number in (20, 21)]
    frames[0].save(tmp_path / "a" / "animated.gif", save_all=True, append_images=frames[1:])
    found = read_folder(tmp_path, PHOTO, EncoderConfig(image_size=32, channels=3))
    assert found.left_out == ()
    assert found.images.shape == (9, 32, 32, 3)


def test_a_copy_in_another_class_is_left_out_and_said(digit_folder):
    (digit_folder / "digit 6" / "copy.png").write_bytes((digit_folder / "digit 1" / "0.png").read_bytes())
    ((file, reason),) = read_folder(digit_folder, INK, EncoderConfig()).left_out
    assert file.name == "copy.png"
    assert "in another class (digit 1)" in reason


def test_uneven_classes_and_small_images_are_remarked(tmp_path):
    for number in range(24):
        path = tmp_path / ("large" if number > 1 else "small") / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        photo(number, (20, 20)).save(path)
    remarks = read_folder(tmp_path, PHOTO, EncoderConfig(image_size=64)).remarks
    assert any("2 to 22 images" in remark for remark in remarks)
    assert any("24 images smaller than the 64 px" in remark for remark in remarks)


def test_a_folder_without_a_usable_class_says_why(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.png").write_text("no picture")
    with pytest.raises(ValueError, match=r"no class with two usable images; .*1.png"):
        read_folder(tmp_path, INK, EncoderConfig())


# ---- Settings ----


def test_drawings_and_photographs_are_told_apart(digit_folder, tmp_path):
    assert choose_settings(folder_files(digit_folder)) == ("ink", 28, 1)
    for kind, mode in (("grey", "L"), ("colour", "RGB")):
        for number in range(4):
            path = tmp_path / kind / "a" / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            photo(number, (200, 150), mode).save(path)
    assert choose_settings(folder_files(tmp_path / "grey")) == ("photo", 64, 1)
    assert choose_settings(folder_files(tmp_path / "colour")) == ("photo", 64, 3)


def test_real_drawings_and_faces_are_told_apart(full_mnist_root):
    assert choose_settings(folder_files(full_mnist_root / "faces")) == ("photo", 64, 1)
    assert choose_settings(folder_files(full_mnist_root / "omniglot" / "images_background"))[0] == "ink"


def test_settings_of_unreadable_files_are_refused(tmp_path):
    (tmp_path / "1.png").write_text("no picture")
    with pytest.raises(ValueError, match="none of a sample of"):
        choose_settings(folder_files(tmp_path))


# ---- Training on a folder ----


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
