"""Work belongs to a page that is open, no visitor takes all places or all of the disk, and a full disk harms nothing."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from brought import wait, write_classes, zipped
from full_disk import files_of_at_most
from PIL import Image

from siamese.visitors import class_folders
from siamese.visitors.disk import Disk, NoRoomError, size_on_disk
from siamese.visitors.limits import MEGABYTE
from siamese.visitors.open_pages import OpenPages
from siamese.visitors.queue import QueueFullError, Run
from siamese.visitors.task import Task, Update
from siamese.visitors.workspace import Workspaces


@pytest.fixture
def go_on() -> Iterator[threading.Event]:
    """Trainings of `served` end when it is set."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def served(tmp_path, limits, go_on) -> Iterator[Workspaces]:
    """Those of a server with a place on the disk for some archives, whose trainings take as long as they are let."""

    def training(task: Task) -> Iterator[Update]:
        go_on.wait(20)
        yield Update(problem="This was no training.")

    with Workspaces(limits, Disk(tmp_path / "disk", MEGABYTE), OpenPages(), training) as opened:
        yield opened
    assert list(opened.disk.workspaces.iterdir()) == []


def visit(served: Workspaces, page: str, host: str = "192.0.2.1"):
    """The workspace of a page that is open."""
    served.pages.came(page, host)
    return served.open(page)


# ---- Pages ----


def test_without_an_open_page_there_is_no_training_no_check_and_no_place(served, archive):
    ghost = served.open("nobody")
    with pytest.raises(ValueError, match=r"^this page is not connected to the server any more: reload it$"):
        ghost.take_archive(archive)
    with pytest.raises(ValueError, match="not connected"):
        ghost.add_drawing(Image.new("L", (9, 9)), "a")
    gone = visit(served, "gone")
    gone.take_archive(archive)
    served.pages._addresses.clear()
    with pytest.raises(ValueError, match="not connected"):
        gone.check("zip")
    ghost.check("sample")  # which costs nothing
    with pytest.raises(ValueError, match="not connected"):
        ghost.start("compact", "supcon", 1)
    assert served.queue._runs == served.queue._checks == []


def test_a_place_lapses_with_its_page_and_the_next_moves_up(served, go_on):
    first, second, other = visit(served, "a"), visit(served, "b", "192.0.2.2"), visit(served, "c", "192.0.2.3")
    for space in (first, second):
        space.check("sample")
        space.start("compact", "supcon", 1)
    other.check("sample")
    with pytest.raises(QueueFullError):
        other.start("compact", "supcon", 1)
    served.pages.left("b")  # as when a browser is closed, whatever Gradio makes of it
    wait(lambda: len(served.queue._runs) == 1, 5)
    run = other.start("compact", "supcon", 1)
    assert served.queue.place(run) == 1
    go_on.set()
    wait(lambda: run.is_over, 5)
    with pytest.raises(ValueError, match="this page was closed"):
        _ = second.folder


def test_a_page_whose_end_nobody_told_of_is_found(served, monkeypatch, archive):
    monkeypatch.setattr("siamese.visitors.host.SWEEP_SECONDS", 0.05)
    with Workspaces(served.limits, served.disk, OpenPages()) as others:
        space = visit(others, "a")
        space.take_archive(archive)
        folder = space.folder
        others.pages._addresses.clear()
        wait(lambda: not folder.exists(), 5)


def test_one_address_has_half_of_the_places_and_one_page_two_checks(served):
    served.queue.waiting, served.queue._most_of_an_address = 8, 4
    spaces = [visit(served, f"page {number}") for number in range(5)]
    for space in spaces:
        space.check("sample")
    for space in spaces[:4]:
        space.start("compact", "supcon", 1)
    with pytest.raises(QueueFullError, match=r"^4 trainings of your address are waiting already, as many as may: try again"):
        spaces[4].start("compact", "supcon", 1)
    other = visit(served, "other", "192.0.2.2")
    other.check("sample")
    assert served.queue.place(other.start("compact", "supcon", 1)) == 4
    task = Task("check", str(served.disk.folder), "x")
    served.queue._checks.extend([Run(task, "page 0", "192.0.2.1")] * 2)
    with pytest.raises(QueueFullError, match="2 checks of images of your page are waiting already"):
        served.queue.check(Run(task, "page 0", "192.0.2.1"))
    served.queue._checks.clear()


def test_a_killed_training_is_told_and_the_queue_goes_on(workspaces):
    first, second = workspaces.open(), workspaces.open()
    first.check("sample")
    run = first.start("compact", "supcon", 40)
    second.check("sample")
    waiting = second.start("compact", "supcon", 1)
    wait(lambda: run.process and run.state.progress)
    os.kill(run.process._process.pid, signal.SIGKILL)
    wait(lambda: run.is_over, 5)
    assert run.state.problem.startswith(
        "This was ended from outside, not by your fault: most likely this machine had no mem"
    )
    wait(lambda: waiting.process, 5)
    first.check("sample")
    again = first.start("compact", "supcon", 1)  # who was unlucky can ask again
    assert [str(path) for path in first.folder.glob("train-*")] == [again.task.folder]


# ---- The disk ----


def big(tmp_path: Path, megabytes: float) -> Path:
    """An archive of two classes that unpacks to so much: pictures by their beginnings, which is all that is asked here."""
    folder = tmp_path / f"big {megabytes}"
    for number in range(4):
        (folder / f"{number % 2}").mkdir(parents=True, exist_ok=True)
        content = b"\x89PNG\r\n\x1a\n" + os.urandom(int(megabytes * MEGABYTE / 4))
        (folder / f"{number % 2}" / f"{number}.png").write_bytes(content)
    return zipped(folder, tmp_path / f"{megabytes}.zip")


def test_all_workspaces_are_under_the_bound_and_those_that_nobody_uses_go_first(served, tmp_path, monkeypatch):
    archive = big(tmp_path, 0.4)
    spaces = [visit(served, f"page {number}", f"192.0.2.{number}") for number in range(4)]
    for space in spaces[:2]:
        space.take_archive(archive)
    monkeypatch.setattr("siamese.visitors.disk.PAUSE", 0)
    with pytest.raises(NoRoomError, match="there is no room for this on the server now"):
        spaces[2].take_archive(archive)
    assert not spaces[2].has("zip")
    assert size_on_disk(served.disk.folder) <= served.disk.most + 100_000
    monkeypatch.setattr(spaces[1], "_used", time.monotonic() - 3000)
    with pytest.raises(NoRoomError, match="there is no room for this on the server now"):
        spaces[2].take_archive(archive)
    assert spaces[1].has("zip"), "its page is open, though nothing was done on it for long"
    monkeypatch.setattr(spaces[1], "is_open", lambda: False)  # nobody has told of its end yet
    spaces[2].take_archive(archive)
    assert (spaces[0].has("zip"), spaces[1].has("zip"), spaces[2].has("zip")) == (True, False, True)
    spaces[0].close()
    spaces[3].take_archive(archive)


def test_what_is_trained_on_is_never_deleted_to_make_room(served, archive, monkeypatch):
    space = visit(served, "a")
    space.take_archive(archive)
    space.check("zip")
    space.start("compact", "supcon", 1)
    monkeypatch.setattr(space, "_used", time.monotonic() - 3000)
    served.disk.trim(0)
    assert space.has("zip")


def test_nobody_waits_for_room_in_a_workspace_that_waits_for_room_itself(served, archive):
    space = visit(served, "a")
    space.take_archive(archive)
    is_held, is_over = threading.Event(), threading.Event()

    def work() -> None:
        with space._lock:
            is_held.set()
            is_over.wait(20)

    at_work = threading.Thread(target=work)
    at_work.start()
    is_held.wait(20)
    space.is_open = lambda: False
    trimmed = threading.Thread(target=served.disk.trim, args=(0,), daemon=True)
    trimmed.start()
    trimmed.join(10)
    assert not trimmed.is_alive()
    assert space.has("zip")
    is_over.set()
    at_work.join()
    served.disk.trim(0)
    assert not space.has("zip")


def test_archives_are_unpacked_one_at_a_time(served, archive, monkeypatch):
    under_way, most, unpack = [], [], class_folders.unpack

    def slow(*arguments):
        under_way.append(1)
        most.append(len(under_way))
        time.sleep(0.05)
        try:
            return unpack(*arguments)
        finally:
            under_way.pop()

    monkeypatch.setattr(class_folders, "unpack", slow)
    spaces = [visit(served, f"page {number}", f"192.0.2.{number}") for number in range(3)]
    threads = [threading.Thread(target=space.take_archive, args=(archive,)) for space in spaces]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert most == [1, 1, 1]
    assert all(space.has("zip") for space in spaces)
    archive.unlink()  # as when another who has brought the same was served
    with pytest.raises(ValueError, match="is no longer here: choose it again"):
        spaces[0].take_archive(archive)
    assert spaces[0].has("zip")


def test_the_pages_of_one_address_have_half_of_the_disk(served, tmp_path):
    archive = big(tmp_path, 0.3)
    first, second = visit(served, "a"), visit(served, "b")
    first.take_archive(archive)
    with pytest.raises(NoRoomError, match=r"^that makes 0.[67] MB of all pages at your address, allowed: at most 0.5"):
        second.take_archive(archive)
    with pytest.raises(NoRoomError, match="at your address"):
        second.add_files([big_file(tmp_path, 300_000)], "a")
    assert second.counts() == {}
    first.close()
    second.take_archive(archive)


def big_file(tmp_path: Path, size: int) -> Path:
    path = tmp_path / "big.png"
    path.write_bytes(bytes(size))
    return path


def test_a_disk_that_is_full_leaves_nothing_half_written_and_all_works_once_there_is_room(served, tmp_path, digits):
    files = sorted(write_classes(tmp_path / "files", digits, classes=1).rglob("*.png"))
    space = visit(served, "a")
    space.add_files(files[:2], "cats")
    large = big_file(tmp_path, 100_000)
    noise = Image.frombytes("L", (300, 300), os.urandom(90_000))
    with files_of_at_most(50_000):
        with pytest.raises(OSError, match="large"):
            space.add_files([files[2], large], "cats")
        with pytest.raises(OSError, match="large"):
            space.add_files([large], "dogs")
        with pytest.raises(OSError, match="large"):
            space.add_drawing(noise, "birds")
        with pytest.raises(OSError, match="large"):
            space.take_archive(big(tmp_path, 0.3))
        assert space.counts() == {"cats": 2}
        assert [path.name for path in space.folder.iterdir()] == ["own-pictures"]
        assert [path.name for path in (space.folder / "own-pictures").iterdir()] == ["cats"]
    space.add_files([files[2], large], "cats")
    space.add_drawing(noise, "birds")
    assert space.counts() == {"birds": 1, "cats": 4}
