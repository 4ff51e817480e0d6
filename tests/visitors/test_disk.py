"""The folder of a server: one bound for all in it, the oldest goes first, and nothing stays of a server that is no more."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from brought import wait
from hypothesis import given
from hypothesis import strategies as st

from siamese.visitors import disk as module
from siamese.visitors.disk import PREFIX, Disk, NoRoomError, Piece, delete_left_behind, opened, size_on_disk, size_to_be

# A server as far as its folder goes: it says where that is, and waits.
SERVER = """
import signal, sys, time
from siamese.visitors.disk import opened

with opened(10_000_000) as disk:
    (disk.workspaces / "picture.png").write_bytes(b"private")
    print(disk.folder, flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def base(tmp_path, monkeypatch) -> Path:
    """The folder for temporary files."""
    folder = tmp_path / "temporary files"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


@pytest.fixture
def server(base, root) -> Iterator:
    """Starts servers, and gives each with its folder."""
    started = []

    def start(*command: str) -> tuple[subprocess.Popen, Path]:
        process = subprocess.Popen([*command, sys.executable, "-c", SERVER], cwd=root, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process, Path(process.stdout.readline().strip())

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def folder_size(folder: Path) -> int:
    """Of the list of names alone."""
    return folder.stat().st_blocks * 512


class Shelf:
    """Pieces that are deleted by name."""

    def __init__(self, *sizes: int, used: tuple[int, ...] = ()) -> None:
        self.there = dict(enumerate(sizes))
        self.used = used

    def pieces(self) -> list[Piece]:
        return [
            Piece(number, size, lambda number=number: self.there.pop(number) or True, number in self.used)
            for number, size in self.there.items()
        ]


@given(st.lists(st.integers(1, 50), max_size=12), st.sets(st.integers(0, 11)), st.integers(0, 200))
def test_the_oldest_go_first_and_never_what_is_used(sizes, used, most):
    with opened(most) as disk:
        shelf = Shelf(*sizes, used=tuple(used))
        disk.add(shelf.pieces)
        empty = size_on_disk(disk.folder) - size_on_disk(disk.folder / "lock") - folder_size(disk.folder)
        left = disk.trim(most + empty) - empty
    free = [number for number in range(len(sizes)) if number not in used]
    gone = 0
    while gone < len(free) and sum(sizes) - sum(sizes[number] for number in free[:gone]) > most:
        gone += 1
    assert set(shelf.there) == set(range(len(sizes))) - set(free[:gone])
    assert left == sum(shelf.there.values())


def test_what_comes_from_several_sides_is_under_one_bound():
    with opened(112_000) as disk:
        first, second = Shelf(40_000, 1, used=(0,)), Shelf(50_000)
        disk.add(first.pieces)
        disk.add(second.pieces)
        disk.trim()
        assert (len(first.there), len(second.there)) == (2, 1)
        disk.take(30_000)
        assert first.there == {0: 40_000, 1: 1}
        assert second.there == {}


def test_more_than_there_is_room_for_is_refused_in_a_sentence_until_there_is_room(monkeypatch):
    monkeypatch.setattr(module, "PAUSE", 0)
    with opened(100_000) as disk:
        shelf = Shelf(90_000, used=(0,))
        disk.add(shelf.pieces)
        disk.trim()
        for _ in range(2):
            with pytest.raises(NoRoomError, match=r"^there is no room for this on the server now, .*: try again in a few"):
                disk.take(20_000)
        shelf.used = ()
        disk.take(20_000)
        assert shelf.there == {}
        with pytest.raises(NoRoomError):
            disk.take(100_001)


def test_what_is_announced_counts_before_it_is_there():
    with opened(100_000) as disk:
        assert disk.reserve(60_000)
        assert not disk.reserve(60_000)
        disk.trim()  # which looks before it is written
        assert not disk.reserve(60_000)
        disk.settle(60_000)
        assert not disk.reserve(60_000)
        disk.trim()  # which finds that nothing was written
        assert disk.reserve(60_000)


def test_temporary_files_count_and_lie_in_the_folder():
    with opened(1_000_000) as disk:
        before = disk.trim()
        with tempfile.NamedTemporaryFile() as file:
            file.write(bytes(40_000))
            file.flush()
            assert Path(file.name).parent == disk.temporary
            assert os.environ["TMPDIR"] == str(disk.temporary)
            assert disk.trim() >= before + 40_000


def test_sizes_are_those_of_the_blocks(tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(200):
        (folder / str(number)).write_bytes(b"1")
    (folder / "link").symlink_to(sys.executable)
    (folder / "sparse").touch()
    os.truncate(folder / "sparse", 1 << 30)
    told = subprocess.run(["du", "--block-size=1", "-s", folder], capture_output=True, text=True, check=True)
    assert size_on_disk(folder) == int(told.stdout.split()[0])
    assert 200 * 512 <= size_on_disk(folder) < 4_000_000
    assert size_on_disk(tmp_path / "missing") == 0
    assert size_to_be([1] * 200) >= 200 * 4096


def test_a_folder_is_for_its_user_alone_and_gone_at_the_end(base):
    with opened(1000) as disk:
        assert disk.folder.parent == base
        assert disk.folder.stat().st_mode & 0o077 == 0
        assert f"-{os.getuid()}-{os.getpid()}-" in disk.folder.name
        (disk.uploads / "a").write_bytes(b"1")
    assert list(base.iterdir()) == []
    assert tempfile.gettempdir() == str(base)
    assert not disk.reserve(1)


@pytest.mark.parametrize("has_home", [True, False])
def test_where_no_home_can_be_written_what_matplotlib_writes_goes_with_the_rest(has_home, base, tmp_path, monkeypatch):
    """By itself it makes a folder in that for temporary files, and ends with a traceback since that is gone."""
    monkeypatch.setenv("HOME", str(tmp_path if has_home else tmp_path / "nowhere"))
    monkeypatch.delenv("MPLCONFIGDIR", raising=False)
    with opened(1000) as disk:
        assert os.environ.get("MPLCONFIGDIR") == (None if has_home else str(disk.temporary))
    assert "MPLCONFIGDIR" not in os.environ


def test_a_folder_for_uploads_that_the_operator_names_stays(tmp_path):
    with opened(1000, str(tmp_path / "theirs")) as disk:
        (disk.uploads / "a").write_bytes(b"1")
        assert disk.uploads == tmp_path / "theirs"
    assert (tmp_path / "theirs" / "a").exists()


def test_where_nothing_can_be_written_the_error_says_so(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="file"), opened(1000, str(tmp_path / "file" / "uploads")):
        pass
    assert not list(Path(tempfile.gettempdir()).iterdir())


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_a_signal_ends_the_server_and_nothing_stays(name, server, base):
    process, folder = server()
    assert (folder / "workspaces" / "picture.png").exists()
    process.send_signal(getattr(signal, name))
    assert process.wait(10) is not None
    assert list(base.iterdir()) == []


def test_a_server_that_was_started_to_outlive_its_terminal_does(server):
    process, folder = server("nohup")
    process.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    assert process.poll() is None
    assert folder.exists()


def test_what_a_killed_server_left_goes_with_the_next_start_and_that_of_a_living_one_stays(server, base):
    _living, its = server()
    killed, left = server()
    killed.kill()
    killed.wait()
    assert (left / "workspaces" / "picture.png").exists()
    with opened(1000) as disk:
        assert not left.exists()
        assert (its / "workspaces" / "picture.png").exists()
        assert {its, disk.folder} == set(base.iterdir())
        _, third = server()
        assert disk.folder.exists()
        assert third.exists()


def test_what_may_belong_to_somebody_else_stays(base, tmp_path):
    mine = f"{PREFIX}{os.getuid()}-1-"
    (base / f"{mine}just-made").mkdir()
    old, other, elsewhere = base / f"{mine}never-locked", base / f"{PREFIX}99999-1-abc", tmp_path / "elsewhere"
    for folder in (old, other, elsewhere):
        folder.mkdir()
    (elsewhere / "lock").touch()
    (base / f"{mine}link").symlink_to(elsewhere)
    (base / f"{mine}file").touch()
    (base / f"{mine}linked-lock").mkdir()
    (base / f"{mine}linked-lock" / "lock").symlink_to(elsewhere / "lock")
    os.utime(old, (time.time() - 100,) * 2)
    delete_left_behind(base)
    assert not old.exists()
    assert sorted(path.name for path in base.iterdir()) == sorted(
        [other.name, *(f"{mine}{name}" for name in ("just-made", "link", "file", "linked-lock"))]
    )
    assert (elsewhere / "lock").exists()


def test_a_thread_keeps_the_bound(monkeypatch):
    monkeypatch.setattr(module, "SWEEP_SECONDS", 0.02)
    with opened(100_000) as disk:
        shelf = Shelf()
        disk.add(shelf.pieces)
        disk.keep_trimmed()
        shelf.there[0] = 200_000
        wait(lambda: not shelf.there, 5)


def test_what_is_written_while_the_folder_is_deleted_goes_too(tmp_path):
    disk = Disk(tmp_path / "folder", 1000)
    (disk.uploads / "a").write_bytes(b"1")
    disk.close()
    assert not disk.folder.exists()
