"""What visitors bring: put into classes under safe names, within limits, or refused with all as it was."""

from pathlib import Path

import pytest
from brought import write_classes, zipped
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from siamese.visitors.class_folders import (
    LONGEST_CLASS,
    add_drawing,
    add_files,
    counts,
    safe_class_name,
    safe_file_name,
    sort_by_names,
    take_archive,
)
from siamese.visitors.limits import TrainingLimits


def test_an_archive_replaces_the_one_before(archive, digits, tmp_path, limits):
    folder = tmp_path / "folder"
    assert take_archive(archive, folder, limits) == ()
    assert counts(folder) == {"class 0": 20, "class 1": 20, "class 2": 20}
    brought = write_classes(tmp_path / "next", digits, classes=10, images=3)
    (brought / "class 1" / "notes.txt").write_text("what I saw")
    assert take_archive(zipped(brought, tmp_path / "next.zip"), folder, limits) == ("class 1/notes.txt",)
    assert counts(folder) == {f"class {label}": 3 for label in range(10)}


def test_an_archive_that_is_refused_leaves_the_one_before(archive, digits, tmp_path, limits):
    place = tmp_path / "visitor"
    take_archive(archive, place / "folder", limits)
    before = sorted(place.rglob("*"))
    (tmp_path / "text" / "a").mkdir(parents=True)
    (tmp_path / "text" / "a" / "0.png").write_text("no image")
    (tmp_path / "broken.zip").write_bytes(archive.read_bytes()[:-300])
    many = write_classes(tmp_path / "many", digits, classes=10, images=21)
    for refused, bounds, message in (
        (tmp_path / "broken.zip", limits, "archive"),
        (zipped(tmp_path / "text", tmp_path / "text.zip"), limits, "^none of the 1 files that are images by their names"),
        (zipped(many, tmp_path / "many.zip"), limits, "^that makes 210 images, allowed: at most 200$"),
        (tmp_path / "many.zip", TrainingLimits(classes=9), "^that makes 10 classes, allowed: at most 9$"),
    ):
        with pytest.raises(ValueError, match=message):
            take_archive(refused, place / "folder", bounds)
    assert sorted(place.rglob("*")) == before


def test_classes_are_made_from_files_and_drawings(tmp_path, digits, limits):
    folder = tmp_path / "own-pictures"
    files = sorted(write_classes(tmp_path / "files", digits, classes=1).rglob("*.png"))
    assert counts(folder) == {}
    assert add_files(files[:3], " My  cats ", folder, limits) == "My cats"
    assert add_files(files[:2], "my CATS", folder, limits) == "My cats"  # the names of the files are taken already
    assert add_drawing(Image.fromarray(255 - digits[0][0]), "../../etc", folder, limits) == "_.._etc"
    assert counts(folder) == {"My cats": 5, "_.._etc": 1}
    assert {path.parent.parent for path in tmp_path.rglob("*.png") if path not in files} == {folder}


def test_files_that_do_not_fit_are_refused_and_none_is_kept(tmp_path, digits, limits):
    folder = tmp_path / "own-pictures"
    files = sorted(write_classes(tmp_path / "files", digits, classes=1).rglob("*.png"))
    add_files(files[:6], "some", folder, limits)
    (tmp_path / "big.png").write_bytes(b"0" * 2_000_001)
    for paths, label, message in (
        ([tmp_path / "big.png"], "big", r"that makes 2\.0 MB, allowed: at most 2 in all"),
        ([tmp_path / "page.html"], "a", "page.html' is not an image by its name"),
        ([], "a", "there is no file"),
        (files[:1], "  ", f"allowed: 1 to {LONGEST_CLASS} characters"),
        (files[:1], "///", "allowed: one with a letter or a digit"),
        (files * 10, "a", "that makes 206 images, allowed: at most 200"),
    ):
        with pytest.raises(ValueError, match=message):
            add_files(paths, label, folder, limits)
    assert counts(folder) == {"some": 6}
    for number in range(11):
        add_drawing(Image.fromarray(digits[0][number]), f"class {number}", folder, limits)
    with pytest.raises(ValueError, match=r"^that makes 13 classes, allowed: at most 12$"):
        add_drawing(Image.fromarray(digits[0][0]), "one more", folder, limits)


@given(st.text(max_size=60))
def test_any_name_becomes_safe_or_is_refused(text):
    name = safe_file_name(f"{text}_.PNG")
    assert name == Path(name).name
    assert name.endswith(".png")
    assert not name.startswith(".")
    try:
        label = safe_class_name(text)
    except ValueError:
        return
    assert label == Path(label).name == label.strip()
    assert not label.startswith(".")
    assert label.isprintable()
    assert safe_class_name(label) == label


def test_an_archive_whose_list_names_the_classes_becomes_class_folders(digits, tmp_path, limits):
    brought = tmp_path / "brought"
    brought.mkdir()
    rows = ["file,label"]
    for number in range(12):
        Image.fromarray(digits[0][number]).save(brought / f"{number:02}.png")
        rows.append(f"{number:02}.png,{'sign/a' if number % 2 else 'sign b'}")
    (brought / "labels.csv").write_text("\n".join(rows))
    Image.fromarray(digits[0][30]).save(brought / "other.png")
    assert take_archive(zipped(brought, tmp_path / "own.zip"), tmp_path / "own", limits) == ("other.png",)
    assert counts(tmp_path / "own") == {"sign b": 6, "sign_a": 6}
    drawing = Image.fromarray(digits[0][20])
    assert add_drawing(drawing, "sign_a", tmp_path / "own", limits) == "sign_a"
    assert counts(tmp_path / "own") == {"sign b": 6, "sign_a": 7}


def write_trees(folder: Path, digits, images: int = 4) -> Path:
    """So many pictures of each of three trees in one folder, as birch_000.png, and one of nothing in particular."""
    folder.mkdir(parents=True, exist_ok=True)
    for label, name in enumerate(("birch", "oak", "elm")):
        for number, image in enumerate(digits[0][digits[1] == label][:images]):
            Image.fromarray(image).save(folder / f"{name}_{number:03}.png")
    Image.fromarray(digits[0][999]).save(folder / "notes.png")
    return folder


@pytest.mark.parametrize("place", ["", "trees/all"])
def test_images_are_sorted_by_the_names_of_their_files_in_whatever_folder(place, digits, tmp_path, limits):
    folder = tmp_path / "own"
    write_trees(tmp_path / "brought" / place, digits)
    take_archive(zipped(tmp_path / "brought", tmp_path / "flat.zip"), folder, limits)
    assert len(counts(folder)) == 1
    assert [Path(name).name for name in sort_by_names(folder, limits)] == ["notes.png"]
    assert counts(folder) == {"birch": 4, "elm": 4, "oak": 4}
    with pytest.raises(ValueError, match="the names of the files do not tell the classes"):  # there are classes now
        sort_by_names(folder, limits)


def test_where_names_make_too_many_classes_or_impossible_ones_nothing_is_moved(digits, tmp_path, limits):
    folder = write_trees(tmp_path / "own", digits)
    for bounds, message in (
        (TrainingLimits(classes=2), "makes 3 classes, allowed: at most 2"),
        (limits, "allowed: 1 to 40"),
    ):
        before = sorted(folder.rglob("*"))
        with pytest.raises(ValueError, match=message):
            sort_by_names(folder, bounds)
        assert sorted(folder.rglob("*")) == before
        for number in range(2):
            Image.fromarray(digits[0][number]).save(folder / f"{'long' * 12}_{number}.png")
