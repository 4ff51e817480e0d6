"""Folders of images: which classes are found, whatever the depth, names and links."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from paper import photo
from PIL import Image

from siamese.config import EncoderConfig, PreprocessConfig
from siamese.data import folders, storage
from siamese.data.folders import choose_settings, folder_files, read_folder
from siamese.images.canonical import canonical_image
from siamese.images.formats import OTHER_SUFFIXES, SUFFIXES
from siamese.images.load import load_image

INK, PHOTO = PreprocessConfig("ink"), PreprocessConfig("photo")


def test_suffixes_are_compared_in_lower_case():
    assert all(suffix == suffix.lower() for suffix in (*SUFFIXES, *OTHER_SUFFIXES))
    assert not set(SUFFIXES) & set(OTHER_SUFFIXES)


# ---- Reading ----


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


def test_where_processes_cannot_be_started_one_reads_all(digit_folder, monkeypatch):
    expected = read_folder(digit_folder, INK, EncoderConfig())
    monkeypatch.setattr(folders, "MANY_FILES", 5)

    def refuse(*_):
        raise OSError(errno.EROFS, "Read-only file system")  # as Python says where /dev/shm cannot be written

    monkeypatch.setattr(folders, "ProcessPoolExecutor", refuse)
    np.testing.assert_array_equal(read_folder(digit_folder, INK, EncoderConfig()).images, expected.images)


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
    assert choose_settings(folder_files(digit_folder))[:3] == ("ink", 28, 1)
    for kind, mode in (("grey", "L"), ("colour", "RGB")):
        for number in range(4):
            path = tmp_path / kind / "a" / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            photo(number, (200, 150), mode).save(path)
    assert choose_settings(folder_files(tmp_path / "grey"))[:3] == ("photo", 64, 1)
    assert choose_settings(folder_files(tmp_path / "colour"))[:3] == ("photo", 64, 3)
    assert choose_settings(folder_files(tmp_path / "colour"), "ink")[:3] == ("ink", 40, 1)


def test_coloured_parts_on_white_keep_their_colours_where_photographs_are_asked_for(tmp_path):
    for number, colour in enumerate(("red", "green", "blue")):
        path = tmp_path / "a" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        part = Image.new("RGB", (200, 200), "white")
        part.paste(colour, (70, 70, 130, 130))
        part.save(path)
    assert choose_settings(folder_files(tmp_path))[:3] == ("ink", 40, 1)
    assert choose_settings(folder_files(tmp_path), "photo")[:3] == ("photo", 64, 3)


def test_real_drawings_and_faces_are_told_apart(full_mnist_root):
    assert choose_settings(folder_files(full_mnist_root / "faces"))[:3] == ("photo", 64, 1)
    assert choose_settings(folder_files(full_mnist_root / "omniglot" / "images_background"))[0] == "ink"


def test_settings_of_unreadable_files_are_refused(tmp_path):
    (tmp_path / "1.png").write_text("no picture")
    with pytest.raises(ValueError, match="none of a sample of"):
        choose_settings(folder_files(tmp_path))


def test_reading_draws_no_bar_into_a_log(digit_folder, capfd):
    read_folder(digit_folder, PreprocessConfig(), EncoderConfig(), progress=True)
    assert capfd.readouterr() == ("", "")
