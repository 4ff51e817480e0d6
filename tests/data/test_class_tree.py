"""Class folders below a folder: parts of a dataset, copies, links, system folders, and what only looks like pictures."""

import os
import re
import shutil
from collections import Counter
from pathlib import Path

import pytest
from brought import write_classes, zipped
from PIL import Image

from siamese.config import EncoderConfig, PreprocessConfig
from siamese.data.class_lists import Layout
from siamese.data.class_tree import find_classes, read_tree, suggest_names
from siamese.data.folders import read_folder
from siamese.visitors.class_folders import counts, take_archive
from siamese.visitors.limits import TrainingLimits


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (8, 8)).save(path)
    return path


def put_all(folder: Path, names: str) -> None:
    for name in names.split():
        put(folder / name)


def sizes(folder: Path) -> dict[str, int]:
    return {name: len(files) for name, files in find_classes(folder).items()}


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
    assert read_tree(tmp_path).unread == read_tree(tmp_path).remarks == ()


def test_no_folder_and_no_image_are_said(tmp_path):
    with pytest.raises(ValueError, match="is not a folder"):
        find_classes(tmp_path / "missing")
    with pytest.raises(ValueError, match="there are no images in"):
        find_classes(tmp_path)
    (tmp_path / "a.psd").write_bytes(b"8BPS")
    with pytest.raises(ValueError, match=r"there are no images in .*; .*a\.psd: a picture of a kind that is not read"):
        find_classes(tmp_path)


# ---- Parts of a dataset ----


@pytest.mark.parametrize(
    ("files", "expected", "said"),
    [
        ("train/cat/1.png train/dog/1.png test/cat/2.png val/cat/3.png", {"cat": 3, "dog": 1}, "test, train, val: parts"),
        ("Training/a/1.png VALIDATION/a/2.png Testing/b/1.png", {"a": 2, "b": 1}, "Testing, Training, VALIDATION: parts"),
        ("train_set/a/1.png eval/a/2.png", {"a": 2}, "eval, train_set: parts"),
        ("set/train/a/1.png set/test/a/2.png", {"set/a": 2}, "test, train: parts"),  # as ZIP files have it
        ("train/a/1.png train/b/1.png", {"a": 1, "b": 1}, "train: parts"),
        ("train/a/1.png test/9.png test/8.png", {"a": 1}, "2 images directly in test, of no class, left out"),
        ("train/a/1.png test/a/2.png more/b/1.png", {"a": 2, "more/b": 1}, "test, train: parts"),
        ("cat/train/1.png cat/test/2.png dog/train/1.png", {"cat": 2, "dog": 1}, "test, train in each class: parts"),
        ("train/Latin/a/1.png test/Greek/a/1.png", {"Greek/a": 1, "Latin/a": 1}, "test, train: parts"),
        ("train/1.png test/2.png", {"test": 1, "train": 1}, "test, train are taken for classes"),
    ],
)
def test_parts_of_a_dataset_are_no_classes(files, expected, said, tmp_path):
    put_all(tmp_path, files)
    assert sizes(tmp_path) == expected
    assert any(said in remark for remark in read_tree(tmp_path).remarks)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ("Latin/a/1.png Greek/a/1.png", {"Greek/a": 1, "Latin/a": 1}),
        ("train/1.png bus/1.png", {"bus": 1, "train": 1}),  # vehicles
        ("train/freight/1.png bus/1.png", {"bus": 1, "train/freight": 1}),
        ("Jul/1.png Aug/1.png test/1.png", {"Aug": 1, "Jul": 1, "test": 1}),
        ("thumb/1.png little/1.png", {"little": 1, "thumb": 1}),  # fingers
    ],
)
def test_classes_keep_their_names_where_they_only_sound_like_parts_or_copies(files, expected, tmp_path):
    put_all(tmp_path, files)
    assert sizes(tmp_path) == expected
    assert read_tree(tmp_path).remarks == ()


def test_the_images_of_a_class_in_all_parts_are_one_class(tmp_path, digits):
    for part, start in (("train", 0), ("test", 10)):
        for label in range(3):
            (tmp_path / part / f"digit {label}").mkdir(parents=True)
            for number, image in enumerate(digits[0][digits[1] == label][start : start + 5]):
                Image.fromarray(image).save(tmp_path / part / f"digit {label}" / f"{number}.png")
    found = read_folder(tmp_path, PreprocessConfig("ink"), EncoderConfig())
    assert found.names == ("digit 0", "digit 1", "digit 2")
    assert found.labels.tolist() == [0] * 10 + [1] * 10 + [2] * 10
    assert found.remarks[0].startswith("test, train: parts of the dataset")


def test_archives_are_read_the_same(tmp_path, digits):
    for part in ("train", "valid"):
        write_classes(tmp_path / "made" / "set" / part, digits, classes=2, images=4)
    put(tmp_path / "made" / "set" / "train" / "class 0" / "@eaDir" / "1.png" / "SYNOPHOTO_THUMB_M.jpg")
    take_archive(zipped(tmp_path / "made", tmp_path / "made.zip"), tmp_path / "own", TrainingLimits())
    assert counts(tmp_path / "own") == {"set/class 0": 8, "set/class 1": 8}


# ---- Copies and what systems leave ----


@pytest.mark.parametrize(
    "copies",
    [
        "cat/augmented/1.png", "augmented/cat/1.png", "cat_aug/1.png", "cat-augmented/1.png", "augmented_cat/1.png",
        "cat/aug/1.png", "cat/thumbs/1.png", "cat/thumbnails/1.png", "Augmented Images/1.png",
    ],
)  # fmt: skip
def test_folders_of_copies_become_no_classes_and_are_said(copies, tmp_path):
    put_all(tmp_path, "cat/1.png dog/1.png")
    put(tmp_path / copies)
    assert sizes(tmp_path) == {"cat": 1, "dog": 1}
    (remark,) = read_tree(tmp_path).remarks
    assert remark.startswith("1 image of folders that hold augmented copies or thumbnails by their names left out, as in ")
    assert str(Path(copies).parent) in remark


def test_copies_are_taken_where_nothing_else_is_there(tmp_path):
    put_all(tmp_path, "augmented/cat/1.png augmented/dog/1.png")
    assert sizes(tmp_path) == {"augmented/cat": 1, "augmented/dog": 1}


def test_what_systems_leave_is_passed_over_in_silence(tmp_path):
    put_all(tmp_path, "cat/1.png cat/@eaDir/1.png/SYNO_S.jpg .thumbnails/2.png __MACOSX/cat/._1.png #recycle/3.png")
    put_all(tmp_path, "cat/.@__thumb/1.png @Recycle/4.png $RECYCLE.BIN/5.png")
    assert sizes(tmp_path) == {"cat": 1}
    assert read_tree(tmp_path).remarks == ()


# ---- Links ----


def test_links_that_run_in_circles_end_and_are_said(tmp_path):
    put(tmp_path / "set" / "a" / "1.png")
    put(tmp_path / "other" / "1.png")
    os.symlink(tmp_path / "set", tmp_path / "set" / "a" / "loop")
    os.symlink("..", tmp_path / "set" / "a" / "up")
    os.symlink(tmp_path, tmp_path / "set" / "a" / "above")  # which would bring in what lies beside
    os.symlink("itself", tmp_path / "set" / "itself")
    assert sizes(tmp_path / "set") == {"a": 1}
    (remark,) = read_tree(tmp_path / "set").remarks
    assert remark.startswith("3 links to folders that are read already")
    assert read_tree(tmp_path / "set").unread == ((tmp_path / "set" / "itself", "a link to nothing"),)


def test_folders_and_files_that_are_links_are_followed_once(tmp_path):
    put_all(tmp_path, "set/b/1.png elsewhere/c/1.png elsewhere/d/1.png file.png")
    os.symlink(tmp_path / "elsewhere", tmp_path / "set" / "more")
    os.symlink(tmp_path / "set" / "b", tmp_path / "set" / "a")  # before it in the order of names
    os.symlink(tmp_path / "elsewhere" / "c", tmp_path / "elsewhere" / "d" / "c")
    os.symlink(tmp_path / "file.png", tmp_path / "set" / "b" / "2.png")
    os.symlink(tmp_path / "gone", tmp_path / "set" / "gone")
    tree = read_tree(tmp_path / "set")
    assert sizes(tmp_path / "set") == {"b": 2, "more/c": 1, "more/d": 1}
    assert tree.unread == ((tmp_path / "set" / "gone", "a link to nothing"),)
    assert "2 links to folders that are read already" in tree.remarks[0]
    os.symlink(tmp_path / "set", tmp_path / "link to all")
    assert sizes(tmp_path / "link to all") == {"b": 2, "more/c": 1, "more/d": 1}


# ---- What looks like pictures ----


def test_pictures_of_other_kinds_are_read_or_named_with_the_reason(digit_folder, digits):
    place, pictures = digit_folder / "digit 0", [Image.fromarray(image) for image in digits[0][digits[1] == 0][10:20]]
    pictures[0].save(place / "a.jfif", "JPEG")
    pictures[1].save(place / "b.avif")
    pictures[2].save(place / "c.jp2")
    pictures[3].save(place / "no suffix", "PNG")
    pictures[4].save(place / "d.png.1", "PNG")
    pictures[5].save(place / "e.dib")
    os.mkfifo(place / "pipe")
    heic = b"\0\0\0\x18ftypheic" + bytes(99)
    for name, content in (("x.HEIC", heic), ("y.psd", b"8BPS"), ("z.svg", b"<svg/>"), ("w.jpg", heic), ("v.txt", b"BM")):
        (place / name).write_bytes(content)
    found = read_folder(digit_folder, PreprocessConfig("ink"), EncoderConfig())
    assert len(found.images) == 28 + 6
    reasons = {file.name: reason for file, reason in found.left_out}
    assert sorted(reasons) == ["w.jpg", "x.HEIC", "y.psd", "z.svg"]
    for name in ("y.psd", "z.svg"):
        assert reasons[name] == "a picture of a kind that is not read: save it as PNG or JPEG"
    for name in ("w.jpg", "x.HEIC"):
        assert re.search("pillow-heif|damaged", reasons[name])


def flat(folder: Path, target: Path, separator: str = "_") -> Path:
    """The images of class folders in one folder, named by their class."""
    target.mkdir()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        shutil.copy(file, target / f"{file.parent.name}{separator}{file.stem}{file.suffix}")
    return target


@pytest.mark.parametrize("separator", ["_", " - ", "."])
def test_names_of_files_tell_classes_once_that_is_asked_for(digit_folder, tmp_path, separator):
    mixed = flat(digit_folder, tmp_path / "flat", separator)
    (folder,) = find_classes(mixed).values()
    expression = suggest_names(folder)
    named = {"digit 0": "zero", "digit 1": "one"}  # names that end with a number cannot be told from the number
    for old, new in named.items():
        for file in mixed.glob(f"{old}*"):
            file.rename(mixed / file.name.replace(old, new))
    assert expression
    classes = find_classes(mixed, Layout(names=r"(digit \d|zero|one).*"))
    assert {name: [file.read_bytes() for file in files] for name, files in classes.items()} == {
        named.get(name, name): [file.read_bytes() for file in files]
        for name, files in sorted(find_classes(digit_folder).items(), key=lambda item: named.get(item[0], item[0]))
    }


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["birch_001", "birch_002", "oak_1", "oak_2"], {"birch": 2, "oak": 2}),
        (["Black Oak (1)", "Black Oak (2)", "Elm1", "Elm2"], {"Black Oak": 2, "Elm": 2}),
        (["IMG_0001", "IMG_0002", "IMG_0003"], None),
        (["1", "2", "3", "4"], None),
        (["birch", "oak", "elm_1", "elm_2"], None),
        (["a_1", "b_1", "c_1", "d_1"], None),
    ],
)
def test_classes_are_suggested_where_names_are_numbered(names, expected):
    files = [Path(f"{name}.jpg") for name in names]
    expression = suggest_names(files)
    assert bool(expression) == bool(expected)
    if expected:
        assert Counter(re.fullmatch(expression, file.stem)[1] for file in files) == expected


def test_an_expression_that_is_none_or_matches_nothing_is_refused(digit_folder):
    with pytest.raises(ValueError, match=r"--classes-from-names is '\(', no regular expression: missing"):
        find_classes(digit_folder, Layout(names="("))
    with pytest.raises(ValueError, match="and of no file does it match the name, such as '0'"):
        find_classes(digit_folder, Layout(names="[a-z]+"))
    tree = read_tree(digit_folder, Layout(names="[0-2]"))
    assert {name: len(files) for name, files in tree.classes.items()} == {"0": 7, "1": 7, "2": 7}
    assert len(tree.unread) == 7
    assert "its name tells no class" in tree.unread[0][1]


def test_trees_as_of_lfw_and_cub_are_read_as_their_classes(digit_folder, tmp_path):
    for name, place in (("lfw", "lfw-deepfunneled/{0}/{0}_{1:04}"), ("cub", "CUB_200_2011/images/{2:03}.{0}/{0}_{1:04}_7")):
        for label in range(7):
            for number, file in enumerate(sorted((digit_folder / f"digit {label}").iterdir())):
                copy = tmp_path / name / (place.format(f"Some_{'abcdefg'[label]}", number, label) + file.suffix)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, copy)
    for text in ("classes.txt", "images.txt", "image_class_labels.txt", "attributes/certainties.txt", "parts/parts.txt"):
        (tmp_path / "cub" / "CUB_200_2011" / text).parent.mkdir(exist_ok=True)
        (tmp_path / "cub" / "CUB_200_2011" / text).write_text("1 001.Some_a\n")
    (tmp_path / "lfw" / "pairs.txt").write_text("10 300\n")
    expected = [[file.read_bytes() for file in files] for files in find_classes(digit_folder).values()]
    for name in ("lfw", "cub"):
        tree = read_tree(tmp_path / name)
        assert [[file.read_bytes() for file in files] for files in tree.classes.values()] == expected
        assert not tree.unread
        assert [label.rpartition("Some_")[2] for label in tree.classes] == list("abcdefg")
