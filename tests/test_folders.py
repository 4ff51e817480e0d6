"""Folders of images: which classes are found, whatever the depth, names and links."""

import os
from pathlib import Path

import pytest
from PIL import Image

from siamese.folders import SUFFIXES, find_classes


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
    with pytest.raises(ValueError, match="is no folder"):
        find_classes(tmp_path / "missing")
    with pytest.raises(ValueError, match="there is no image in"):
        find_classes(tmp_path)


def test_suffixes_are_compared_in_lower_case():
    assert all(suffix == suffix.lower() for suffix in SUFFIXES)
