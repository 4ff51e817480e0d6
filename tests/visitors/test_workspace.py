"""What one visitor brings and makes is checked, trained on, taken home, apart from others', and gone with the page."""

import json
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from brought import is_alive, wait, write_classes, zipped
from PIL import Image

from siamese import Verifier
from siamese.visitors.queue import Run
from siamese.visitors.workspace import Workspace


def training(space: Workspace, epochs: int) -> Run:
    """A training on the bundled sample that has made its first steps."""
    space.check("sample")
    run = space.start("compact", "supcon", epochs)
    wait(lambda: run.state.progress and run.state.progress.step)
    return run


# ---- What is brought ----


def test_an_archive_is_unpacked_checked_and_replaced_by_the_next(workspaces, archive, tmp_path, digits):
    space = workspaces.open()
    assert space.take_archive(archive) == ()
    assert (space.has("zip"), space.has("hand")) == (True, False)
    report, checked = space.check("zip")
    assert (checked.classes, checked.images) == (3, 60)
    assert checked.plan()["split"] == "within"
    assert [shown.name for shown in report.shown] == ["class 0", "class 1", "class 2"]
    assert str(space.folder) not in str(report)
    space.take_archive(zipped(write_classes(tmp_path / "next", digits, classes=10, images=3), tmp_path / "next.zip"))
    checked = space.check("zip")[1]
    assert checked.classes == 10
    assert checked.plan()["split"] is None  # enough to hold whole classes out


def test_bad_files_of_an_archive_are_named_by_the_check(workspaces, tmp_path, digits):
    folder = write_classes(tmp_path / "some", digits)
    (folder / "class 1" / "broken.png").write_bytes(b"no image")
    space = workspaces.open()
    space.take_archive(zipped(folder, tmp_path / "some.zip"))
    report, checked = space.check("zip")
    assert report.files[0][0] == "class 1/broken.png"
    assert checked.images == 60


def test_too_little_cannot_be_trained_on(workspaces, tmp_path, digits):
    space = workspaces.open()
    with pytest.raises(ValueError, match="no images yet: upload a ZIP"):
        space.check("zip")
    with pytest.raises(ValueError, match="no images yet: add some to a class"):
        space.check("hand")
    with pytest.raises(ValueError, match=r"^the source of the images is 'web', allowed: sample, zip, hand$"):
        space.check("web")
    space.take_archive(zipped(write_classes(tmp_path / "few", digits, classes=1), tmp_path / "few.zip"))
    with pytest.raises(ValueError, match="20 usable images in 1 class; training needs at least 12 in 2"):
        space.check("zip")
    assert not space.has("zip")
    with pytest.raises(ValueError, match="no checked images"):
        space.start("compact", "supcon", 1)


def test_classes_made_by_hand_are_counted_checked_and_forgotten(workspaces, tmp_path, digits):
    files = sorted(write_classes(tmp_path / "files", digits, classes=1).rglob("*.png"))
    space = workspaces.open()
    assert space.counts() == {}
    assert space.add_files(files[:8], "cats") == "cats"
    for number in range(4):
        assert space.add_drawing(Image.fromarray(255 - digits[0][100 + number]), "dogs") == "dogs"
    assert space.counts() == {"cats": 8, "dogs": 4}
    assert {path.parent.parent for path in space.folder.rglob("*.png")} == {space.folder / "own-pictures"}
    assert space.check("hand")[1].images == 12
    space.forget_hand()
    assert space.counts() == {}


@pytest.mark.slow
@pytest.mark.exhaustive
def test_what_is_trained_on_is_what_was_checked(workspaces, archive, tmp_path, digits):
    files = sorted(write_classes(tmp_path / "files", digits, classes=2).rglob("*.png"))
    space = workspaces.open()
    space.add_files(files[:10], "a")
    space.add_files(files[20:30], "b")
    space.take_archive(archive)
    changes = {
        "hand": [
            lambda: space.add_files(files[10:11], "a"),
            lambda: space.add_drawing(Image.fromarray(digits[0][100]), "b"),
            lambda: next((space.folder / "own-pictures").rglob("*.png")).write_bytes(files[11].read_bytes()),
            space.forget_hand,
        ],
        "zip": [lambda: space.take_archive(archive)],  # even where it is the same
    }
    for source, each in changes.items():
        for change in each:
            space.check(source)
            change()
            with pytest.raises(ValueError, match=r"^the images have changed since they were checked: check them again$"):
                space.start("compact", "supcon", 1)
    space.check("zip")
    space.add_files(files[12:13], "a")  # other images than those that were checked
    space.start("compact", "supcon", 1)


def test_what_is_lent_stays_as_it_is_until_it_is_given_back(workspaces, archive, digits):
    space = workspaces.open()
    with pytest.raises(ValueError, match="no checked images"), space.lend():
        pass
    space.take_archive(archive)
    space.check("zip")
    with space.lend() as checked:
        files = list(Path(checked.dataset).rglob("*.png"))
        assert (len(files), space.idle_seconds(), space.is_in_use()) == (60, 0, True)
        for change in (
            lambda: space.take_archive(archive), lambda: space.add_drawing(Image.fromarray(digits[0][0]), "cats"),
            space.forget_hand, lambda: space.start("compact", "supcon", 1), lambda: space.lend().__enter__(),
        ):  # fmt: skip
            with pytest.raises(ValueError, match="being sent to the Hub: wait"):
                change()
        assert all(file.exists() for file in files)
    space.take_archive(archive)
    with pytest.raises(ValueError, match="have changed since they were checked"), space.lend():
        pass


def test_what_changes_while_it_is_checked_is_checked_again(workspaces, tmp_path, digits, monkeypatch):
    files = sorted(write_classes(tmp_path / "files", digits, classes=2).rglob("*.png"))
    space = workspaces.open()
    space.add_files(files[:20], "a")
    space.add_files(files[20:], "b")

    def check(run: Run) -> None:
        workspaces.queue.do(run)
        space.add_files(files[:1], "c")

    monkeypatch.setattr(workspaces.queue, "check", check)
    with pytest.raises(ValueError, match="have changed while they were checked"):
        space.check("hand")
    with pytest.raises(ValueError, match="no checked images"):
        space.start("compact", "supcon", 1)


def test_an_archive_stays_where_too_many_checks_are_waiting(workspaces, archive):
    space = workspaces.open()
    space.take_archive(archive)
    workspaces.queue.waiting = 0
    with pytest.raises(ValueError, match="0 checks of images are waiting already"):
        space.check("zip")
    assert space.has("zip")
    assert [path.name for path in space.folder.iterdir()] == ["uploaded-pictures"]
    workspaces.queue.waiting = 1
    assert space.check("zip")[1].images == 60


# ---- Training ----


@pytest.mark.slow
def test_a_model_is_trained_and_taken_home_and_all_of_it_is_gone_with_the_page(workspaces, archive, digits, tmp_path):
    space = workspaces.open()
    space.take_archive(archive)
    space.check("zip")
    with pytest.raises(ValueError, match=r"^epochs are 41, allowed: 1 to 40$"):
        space.start("compact", "supcon", 41)
    run = space.start("compact", "supcon", 1)
    for action in (lambda: space.start("compact", "supcon", 1), lambda: space.take_archive(archive)):
        with pytest.raises(ValueError, match="a training is under way"):
            action()
    wait(lambda: run.is_over)
    assert run.state.problem is None
    assert run.state.result.test_images > 0
    assert run.state.map.names == ("class 0", "class 1", "class 2")
    model = space.take_model()
    assert model.name == "my-model-1.zip"
    assert workspaces.open().model is None
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
    copy = tmp_path / "copy.zip"
    copy.write_bytes(home.read_bytes())
    space.also_delete(copy)
    folder = space.folder
    space.close()
    assert not folder.exists()
    assert not copy.exists()
    with pytest.raises(ValueError, match="this page was closed"):
        _ = space.folder


@pytest.mark.slow
def test_what_cannot_be_trained_on_is_said_and_the_next_can_train(workspaces, tmp_path, digits):
    space = workspaces.open()
    space.take_archive(zipped(write_classes(tmp_path / "some", digits, classes=2, images=6), tmp_path / "some.zip"))
    space.check("zip")
    run = space.start("compact", "no such loss", 1)
    wait(lambda: run.is_over)
    assert "no such loss" in run.state.problem
    with pytest.raises(ValueError, match="no trained model"):
        space.take_model()
    with pytest.raises(ValueError, match="no trained model"):
        space.model_folder()
    space.take_archive(zipped(tmp_path / "some", tmp_path / "again.zip"))


@pytest.mark.slow
def test_one_trains_at_a_time_and_closing_a_page_ends_its_training_within_seconds(workspaces):
    first, second, third = workspaces.open(), workspaces.open(), workspaces.open()
    run = training(first, epochs=40)
    second.check("sample")
    other = second.start("compact", "supcon", 40)
    third.check("sample")
    with pytest.raises(ValueError, match="2 trainings are waiting already"):
        third.start("compact", "supcon", 1)
    assert (workspaces.queue.place(run), workspaces.queue.place(other)) == (0, 1)
    assert other.process is None
    assert first.folder.parent == second.folder.parent
    pid, folder = run.process._process.pid, first.folder
    started = time.monotonic()
    first.close()
    assert time.monotonic() - started < 3
    assert not is_alive(pid)
    assert not folder.exists()
    wait(lambda: workspaces.queue.place(other) == 0 and other.process, 3)
    assert second.folder.exists()
    second.finish()
    second.close()
    wait(lambda: other.is_over, 5)
    assert not is_alive(other.process._process.pid)


@pytest.mark.slow
@pytest.mark.exhaustive
def test_to_stop_is_to_keep_the_best_so_far_or_to_leave_the_queue(workspaces):
    first, second = workspaces.open(), workspaces.open()
    run = training(first, epochs=40)
    second.check("sample")
    waiting = second.start("compact", "supcon", 1)
    second.finish()
    wait(lambda: waiting.is_over, 5)
    assert waiting.state.problem == "Taken out of the queue."
    first.finish()
    wait(lambda: run.is_over)
    assert run.state.problem is None
    record = first.take_model().config.training
    assert record.epochs == 40
    assert record.finished_at_step > 0


def test_what_is_not_used_any_more_is_deleted_after_its_time(workspaces, archive, monkeypatch):
    monkeypatch.setattr("siamese.visitors.host.SWEEP_SECONDS", 0.05)
    space = workspaces.open()
    space.take_archive(archive)
    folder = space.folder
    monkeypatch.setattr(space, "_used", time.monotonic() - 61)
    wait(lambda: not folder.exists(), 3)
    assert space.counts() == {}
    space.take_archive(archive)  # the page is still open


def test_a_training_whose_process_is_lost_is_over_with_a_sentence(workspaces):
    run = training(workspaces.open(), epochs=40)
    run.process._process.stdin.close()  # as when the server is gone
    wait(lambda: run.is_over, 5)
    assert run.state.problem.startswith("This went wrong here")


def test_the_folder_of_a_workspace_has_a_random_name_for_the_server_alone(workspaces):
    folder, other = workspaces.open().folder, workspaces.open().folder
    assert folder.parent == other.parent
    assert len(folder.name) >= 20
    assert folder.name != other.name
    assert Path(folder).stat().st_mode & 0o077 == 0
