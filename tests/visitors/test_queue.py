"""Training for visitors: limits, what they bring, isolation, the queue, stopping, and that nothing stays behind."""

import json
import os
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from siamese import Verifier
from siamese.visitors import class_folders as intake
from siamese.visitors.limits import TrainingLimits
from siamese.visitors.queue import Run, Workshop
from siamese.visitors.task import Checked, Job
from siamese.visitors.workspace import Workspace

LIMITS = TrainingLimits(seconds=120, epochs=40, images=200, classes=12, megabytes=2, waiting=2, minutes=1, threads=1)


@pytest.fixture
def workshop(tmp_path, monkeypatch) -> Iterator[Workshop]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Workshop(LIMITS) as opened:
        yield opened
    assert list(tmp_path.glob("siamese-train-*")) == []


def write_classes(folder: Path, digits, classes: int = 3, images: int = 20) -> Path:
    for label in range(classes):
        (folder / f"class {label}").mkdir(parents=True)
        for number, index in enumerate(np.flatnonzero(digits[1] == label)[:images]):
            Image.fromarray(digits[0][index]).save(folder / f"class {label}" / f"{number}.png")
    return folder


def zipped(folder: Path, archive: Path) -> Path:
    with zipfile.ZipFile(archive, "w") as opened:
        for file in sorted(folder.rglob("*.*")):
            opened.write(file, file.relative_to(folder))
    return archive


@pytest.fixture
def archive(tmp_path, digits) -> Path:
    return zipped(write_classes(tmp_path / "brought", digits), tmp_path / "brought.zip")


def wait(condition: Callable[[], object], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def training(space: Workspace, epochs: int) -> Run:
    """A training on the bundled sample that has made its first steps."""
    space.check("sample")
    run = space.start("compact", "supcon", epochs)
    wait(lambda: "curves" in run.page)
    return run


# ---- Limits ----


def test_limits_come_from_the_environment_and_are_said():
    limits = TrainingLimits.from_environment({"SIAMESE_TRAIN_SECONDS": "90", "SIAMESE_TRAIN_MEGABYTES": " 7 "})
    assert limits == TrainingLimits(seconds=90, megabytes=7)
    assert "90 seconds and 40 epochs, on up to 2,000 images of 200 classes and 7 MB" in limits.sentence()
    assert "at the latest after 60 minutes" in limits.sentence()


def test_training_can_be_switched_off():
    assert TrainingLimits.from_environment({"SIAMESE_TRAIN": "Off"}) is None
    assert TrainingLimits.from_environment({"SIAMESE_TRAIN": ""}) == TrainingLimits()


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "many", "9" * 30, "²"])
def test_a_limit_that_is_none_is_named_with_what_is_allowed(value):
    with pytest.raises(ValueError, match=r"^SIAMESE_TRAIN_EPOCHS is '.*', allowed: a whole number from 1 to 1000$"):
        TrainingLimits.from_environment({"SIAMESE_TRAIN_EPOCHS": value})
    with pytest.raises(ValueError, match=r"^SIAMESE_TRAIN is 'maybe', allowed: on, off$"):
        TrainingLimits.from_environment({"SIAMESE_TRAIN": "maybe"})


def test_the_time_on_a_hosted_gpu_grows_with_the_work_up_to_the_limit():
    times = [Job("train", "", "", epochs=epochs, images=3000, seconds=60).gpu_seconds() for epochs in (1, 20, 40, 1000)]
    assert times == sorted(times)
    assert times[0] < 45
    assert times[1] < times[2] <= times[3] == 100


# ---- What is brought ----


def test_an_archive_is_unpacked_checked_and_replaced_by_the_next(workshop, archive, tmp_path, digits):
    space = workshop.open()
    assert space.take_archive(archive) == ()
    report, checked = space.check("zip")
    assert (checked.classes, checked.images) == (3, 60)
    assert checked.plan()["split"] == "within"
    assert "class 2" in report
    assert str(space.folder) not in report
    space.take_archive(zipped(write_classes(tmp_path / "next", digits, classes=10, images=3), tmp_path / "next.zip"))
    checked = space.check("zip")[1]
    assert checked.classes == 10
    assert checked.plan()["split"] is None  # enough to hold whole classes out


def test_an_archive_that_is_refused_leaves_the_one_before(workshop, archive, tmp_path, digits):
    space = workshop.open()
    space.take_archive(archive)
    before = sorted(space.folder.rglob("*"))
    (tmp_path / "broken.zip").write_bytes(archive.read_bytes()[:-300])
    with pytest.raises(ValueError, match="archive"):
        space.take_archive(tmp_path / "broken.zip")
    many = zipped(write_classes(tmp_path / "many", digits, classes=10, images=21), tmp_path / "many.zip")
    with pytest.raises(ValueError, match=r"^that makes 210 images, allowed: at most 200$"):
        space.take_archive(many)
    assert sorted(space.folder.rglob("*")) == before


def test_bad_files_of_an_archive_are_named_by_the_check(workshop, tmp_path, digits):
    folder = write_classes(tmp_path / "some", digits)
    (folder / "class 1" / "broken.png").write_bytes(b"no image")
    space = workshop.open()
    space.take_archive(zipped(folder, tmp_path / "some.zip"))
    report, checked = space.check("zip")
    assert "class 1/broken.png</b>: " in report
    assert checked.images == 60


def test_too_little_cannot_be_trained_on(workshop, tmp_path, digits):
    space = workshop.open()
    with pytest.raises(ValueError, match="no images yet: upload a ZIP"):
        space.check("zip")
    space.take_archive(zipped(write_classes(tmp_path / "few", digits, classes=1), tmp_path / "few.zip"))
    with pytest.raises(ValueError, match="20 usable images in 1 classes, to train takes at least 12 in 2"):
        space.check("zip")
    with pytest.raises(ValueError, match="no checked images"):
        space.start("compact", "supcon", 1)


def test_classes_are_made_by_hand_from_files_and_drawings(workshop, tmp_path, digits):
    files = sorted(write_classes(tmp_path / "files", digits, classes=1).rglob("*.png"))
    space = workshop.open()
    assert space.add_files(files[:3], " My  cats ") == "My cats"
    assert space.add_files(files[:2], "my CATS") == "My cats"  # the names of the files are taken already
    assert space.add_drawing(Image.fromarray(255 - digits[0][0]), "../../etc") == "_.._etc"
    assert space.counts() == {"My cats": 5, "_.._etc": 1}
    assert {path.parent.parent for path in space.folder.rglob("*.png")} == {space.folder / "own-pictures"}
    (tmp_path / "big.png").write_bytes(b"0" * 2_000_001)
    for paths, label, message in (
        ([tmp_path / "big.png"], "big", r"that makes 2\.0 MB, allowed: at most 2 in all"),
        ([tmp_path / "page.html"], "a", "page.html' is no image by its name"),
        ([], "a", "there is no file"),
        (files[:1], "  ", "allowed: 1 to 40 characters"),
        (files[:1], "///", "allowed: one with a letter or a digit"),
        (files * 10, "a", "that makes 206 images, allowed: at most 200"),
    ):
        with pytest.raises(ValueError, match=message):
            space.add_files(paths, label)
    assert space.counts() == {"My cats": 5, "_.._etc": 1}
    for number in range(10):
        space.add_drawing(Image.fromarray(digits[0][number]), f"class {number}")
    with pytest.raises(ValueError, match=r"^that makes 13 classes, allowed: at most 12$"):
        space.add_drawing(Image.fromarray(digits[0][0]), "one more")
    space.forget_hand()
    assert space.counts() == {}


@given(st.text(max_size=60))
def test_any_name_becomes_safe_or_is_refused(text):
    name = intake.safe_file_name(f"{text}_.PNG")
    assert name == Path(name).name
    assert name.endswith(".png")
    assert not name.startswith(".")
    try:
        label = intake.safe_class_name(text)
    except ValueError:
        return
    assert label == Path(label).name == label.strip()
    assert not label.startswith(".")
    assert label.isprintable()
    assert intake.safe_class_name(label) == label


# ---- Training ----


def test_a_model_is_trained_and_taken_home_and_all_of_it_is_gone_with_the_page(workshop, archive, digits, tmp_path):
    space = workshop.open()
    space.take_archive(archive)
    space.check("zip")
    with pytest.raises(ValueError, match=r"^epochs are 41, allowed: 1 to 40$"):
        space.start("compact", "supcon", 41)
    run = space.start("compact", "supcon", 1)
    for action in (lambda: space.start("compact", "supcon", 1), lambda: space.take_archive(archive)):
        with pytest.raises(ValueError, match="a training is under way"):
            action()
    wait(lambda: run.is_over)
    assert "problem" not in run.page, run.page["problem"]
    assert 'class="report"' in run.page["report"]
    assert "<svg" in run.page["map"]
    model = space.take_model()
    assert model.name == "my-model-1.zip"
    assert workshop.open().model is None
    config = json.loads((space.model_folder() / "config.json").read_text())
    assert config["data"]["dataset"] == "uploaded-pictures"
    for file in space.model_folder().iterdir():
        assert str(tmp_path).encode() not in file.read_bytes(), file.name
    home = tmp_path / "home.zip"
    home.write_bytes(space.archive().read_bytes())
    taken = Verifier.from_pretrained(home)
    images = list(digits[0][:20])
    np.testing.assert_array_equal(taken.embed(images), model.embed(images))
    with zipfile.ZipFile(home) as opened:
        opened.extractall(tmp_path / "home")
    np.testing.assert_array_equal(Verifier.from_pretrained(tmp_path / "home").embed(images), model.embed(images))
    folder = space.folder
    space.close()
    assert not folder.exists()
    with pytest.raises(ValueError, match="this page was closed"):
        _ = space.folder


def test_what_cannot_be_trained_on_is_said_and_the_next_can_train(workshop, tmp_path, digits):
    space = workshop.open()
    space.take_archive(zipped(write_classes(tmp_path / "some", digits, classes=2, images=6), tmp_path / "some.zip"))
    space.check("zip")
    run = space.start("compact", "no such loss", 1)
    wait(lambda: run.is_over)
    assert "no such loss" in run.page["problem"]
    with pytest.raises(ValueError, match="no trained model"):
        space.take_model()
    space._check_idle()


def test_one_trains_at_a_time_and_closing_a_page_ends_its_training_within_seconds(workshop):
    first, second, third = workshop.open(), workshop.open(), workshop.open()
    run = training(first, epochs=40)
    second.check("sample")
    other = second.start("compact", "supcon", 40)
    third.check("sample")
    with pytest.raises(ValueError, match="2 trainings are waiting already"):
        third.start("compact", "supcon", 1)
    assert (workshop.place(run), workshop.place(other)) == (0, 1)
    assert other.worker is None
    assert first.folder.parent == second.folder.parent
    pid, folder = run.worker._process.pid, first.folder
    started = time.monotonic()
    first.close()
    assert time.monotonic() - started < 3
    assert not is_alive(pid)
    assert not folder.exists()
    wait(lambda: workshop.place(other) == 0 and other.worker, 3)
    assert second.folder.exists()
    second.finish()
    second.close()
    wait(lambda: other.is_over, 5)
    assert not is_alive(other.worker._process.pid)


def test_to_stop_is_to_keep_the_best_so_far_or_to_leave_the_queue(workshop):
    first, second = workshop.open(), workshop.open()
    run = training(first, epochs=40)
    second.check("sample")
    waiting = second.start("compact", "supcon", 1)
    second.finish()
    wait(lambda: waiting.is_over, 5)
    assert waiting.page["problem"] == "Taken out of the queue."
    first.finish()
    wait(lambda: run.is_over)
    assert "problem" not in run.page
    training_record = first.take_model().config.training
    assert training_record.epochs == 40
    assert training_record.finished_at_step > 0


def test_what_is_not_used_any_more_is_deleted_after_its_time(workshop, archive, monkeypatch):
    monkeypatch.setattr("siamese.visitors.queue.SWEEP_SECONDS", 0.05)
    space = workshop.open()
    space.take_archive(archive)
    folder = space.folder
    monkeypatch.setattr(space, "_used", time.monotonic() - 61)
    wait(lambda: not folder.exists(), 3)
    assert space.counts() == {}
    space.take_archive(archive)  # the page is still open


def test_the_process_of_a_training_has_no_secrets_and_ends_when_the_server_does(workshop, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    run = training(workshop.open(), epochs=40)
    process = run.worker._process
    assert b"hf_secret" not in Path(f"/proc/{process.pid}/environ").read_bytes()
    process.stdin.close()  # as when the server is gone
    wait(lambda: process.poll() is not None, 5)
    wait(lambda: run.is_over, 5)
    assert run.page["problem"].startswith("This went wrong here")


def test_checked_data_say_what_they_are_measured_on():
    assert "on images of these classes" in Checked("zip", "folder", 9, 100).sentence()
    assert "on whole classes" in Checked("zip", "folder", 10, 100).sentence()
    assert "on images of these classes" in Checked("sample", "mnist-sample", 10, 3000).sentence()
