"""Classes by hand: what is brought is shown, each picture and each class can be taken away, and nothing else can."""

import base64
import io
import shutil
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from page_elements import HOSTILE_NAMES, Elements
from PIL import Image

from siamese.demo.camera import START
from siamese.demo.elements import note
from siamese.demo.train import by_hand
from siamese.visitors.disk import Disk
from siamese.visitors.limits import MEGABYTE, TrainingLimits
from siamese.visitors.workspace import Workspace, Workspaces

LIMITS = TrainingLimits(images=200, classes=12, megabytes=2)


@pytest.fixture
def space(tmp_path) -> Workspace:
    with Workspaces(LIMITS, Disk(tmp_path / "disk", 100 * MEGABYTE)) as opened:
        yield opened.open()


@pytest.fixture
def files(digits, tmp_path) -> list[str]:
    """Three digits, as PNG, TIFF and PGM."""
    paths = [tmp_path / name for name in ("a.png", "b.tiff", "c.pgm")]
    for path, digit in zip(paths, digits[0], strict=False):
        Image.fromarray(digit).save(path)
    return [str(path) for path in paths]


def event(**data: object) -> gr.EventData:
    return gr.EventData(None, data)


def removable(shown: str) -> list[str]:
    return [attributes["data-remove"] for attributes in Elements(shown).of_class("remove")]


def test_every_format_has_its_thumbnail_and_every_picture_and_class_a_button(space, files, digits):
    _, shown = by_hand.add_files("cats", files, space)
    assert "Added 3 pictures to cats." in shown
    assert sorted(removable(shown)) == ["cats", "cats/a.png", "cats/b.tiff", "cats/c.pgm"]
    pictures = Elements(shown).of_class("picture")
    drawn = {each["alt"]: Image.open(io.BytesIO(base64.b64decode(each["src"].partition(",")[2]))) for each in pictures}
    for file, digit in zip(files, digits[0], strict=False):
        assert np.abs(np.asarray(drawn[Path(file).name].convert("L"), int) - digit).max() < 60  # a JPEG


def test_a_picture_goes_alone_and_a_class_whole(space, files, digits):
    by_hand.add_files("cats", files, space)
    shown, report, start, said = by_hand.remove(space, event(remove="cats/b.tiff"))
    assert "Removed a picture of cats." in shown
    assert (report, start.interactive, said) == ("", False, note("Check all again before you start."))
    assert space.counts() == {"cats": 2}
    Image.fromarray(digits[0][5]).save(again := files[0])
    by_hand.add_files("dogs", [again], space)
    shown, *_ = by_hand.remove(space, event(remove="cats"))
    assert space.counts() == {"dogs": 1}
    assert removable(shown) == ["dogs", "dogs/a.png"]
    shown, *_ = by_hand.remove(space, event(remove="dogs/a.png"))
    assert "Removed a picture of dogs.<" in shown
    assert "No class yet. Name one and add pictures to it" in shown


@pytest.mark.parametrize(
    "what",
    [None, "", "birds", "cats/other.png", "cats/../dogs/a.png", "../cats", "/etc/passwd", "cats//etc/passwd", ".", "..",
     "cats/", "cats/.", "cats/..", "cats/*", "*", "\x00", "\ud800", 7, ["cats"], {"a": 1}, "<script>alert(1)</script>"],
)  # fmt: skip
def test_what_is_not_there_is_not_removed(what, space, files):
    by_hand.add_files("cats", files, space)
    before = space.counts() if what != "cats/" else {}
    shown, *_ = by_hand.remove(space, event(remove=what))
    assert space.counts() == before
    if before:
        assert "there is no " in Elements(shown).text
        assert "<script" not in shown


def test_what_a_camera_records_becomes_pictures_of_the_class(space, digits):
    frames = []
    for digit in digits[0][:3]:
        Image.fromarray(digit).resize((320, 320)).save(file := io.BytesIO(), "JPEG")
        frames.append(START + base64.b64encode(file.getvalue()).decode())
    shown = by_hand.add_frames("me", space, event(frames=frames))
    assert "Added 3 pictures to me." in shown
    assert len(Elements(shown).of_class("thumbnails")) == 1
    assert space.counts() == {"me": 3}
    shown = by_hand.add_frames("me", space, event(frames="no frames"))
    assert "these are no pictures of a camera" in shown
    shown = by_hand.add_frames("", space, event(frames=frames))
    assert "the class has no name yet: name it first; allowed: 1 to 40 characters" in shown
    assert space.counts() == {"me": 3}


def test_of_very_many_pictures_the_last_are_shown(space, digits, tmp_path):
    paths = []
    for number in range(30):
        Image.fromarray(digits[0][number]).save(path := tmp_path / f"{number:02}.png")
        paths.append(str(path))
    _, shown = by_hand.add_files("many", paths, space)
    assert len(Elements(shown).of_class("picture")) == by_hand.SHOWN_OF_CLASS
    assert "and 6 more" in Elements(shown).text


def test_what_is_no_picture_has_its_name_and_can_be_removed(space, tmp_path):
    (path := tmp_path / "broken.png").write_bytes(b"no image")
    _, shown = by_hand.add_files("cats", [str(path)], space)
    assert "broken.png" in Elements(shown).text
    assert removable(shown) == ["cats", "cats/broken.png"]


def test_whatever_classes_are_called_their_pictures_lie_in_the_space_and_names_are_text(space, files):
    for name in HOSTILE_NAMES:
        _, shown = by_hand.add_files(name, [shutil.copy(files[0], f"{files[0]}.png")], space)
        assert {tag for tag, _ in Elements(shown).elements} <= {"p", "ul", "li", "b", "small", "button", "span", "img"}
        assert all(not key.startswith("on") for _, attributes in Elements(shown).elements for key in attributes)
        assert "<script" not in shown
        shown.encode()
        if len(space.counts()) == LIMITS.classes:
            space.forget_hand()
    assert {path.parent.parent.name for path in space.folder.rglob("*.png")} <= {"own-pictures"}
