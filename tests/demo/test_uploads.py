"""The bound on uploads: the newest stay, as many as fit, whatever else goes on in the folder."""

import os
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siamese.demo import uploads


def fill(folder: Path, sizes: list[int]) -> list[Path]:
    """Files in folders of their own, as uploads are kept, each a second younger than the one before."""
    paths = []
    for number, size in enumerate(sizes):
        paths.append(folder / f"{number:064x}" / "picture.png")
        paths[-1].parent.mkdir(parents=True)
        paths[-1].write_bytes(b"0" * size)
        os.utime(paths[-1], (1_000_000 + number, 1_000_000 + number))
    return paths


@given(st.lists(st.integers(0, 50), max_size=12), st.integers(0, 200))
def test_the_newest_stay_and_no_more_than_fit(tmp_path_factory, sizes, most):
    folder = tmp_path_factory.mktemp("uploads")
    paths = fill(folder, sizes)
    left = uploads.trim(folder, most)
    kept = [path for path in paths if path.exists()]
    expected = list(paths)
    while sum(sizes[paths.index(path)] for path in expected) > most:
        expected.pop(0)
    assert kept == expected
    assert left == sum(path.stat().st_size for path in kept) <= most
    assert all(any(place.iterdir()) for place in folder.iterdir())


def test_a_file_that_is_uploaded_again_meanwhile_stays(tmp_path, monkeypatch):
    paths, delete = fill(tmp_path, [10, 10, 10]), uploads.delete

    def delete_while_another_comes(path: Path) -> bool:
        os.utime(paths[1])
        return delete(path)

    monkeypatch.setattr(uploads, "delete", delete_while_another_comes)
    uploads.trim(tmp_path, 0)
    assert [path.exists() for path in paths] == [False, True, False]


def test_what_is_no_upload_stays(tmp_path):
    folder = tmp_path / "uploads"
    (upload,) = fill(folder, [10])
    others = [tmp_path / "elsewhere", folder / "notes.txt", folder / "pictures" / "a.png", folder / ("A" * 64) / "b.png"]
    for path in others:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(1000))
    (folder / ("0" * 64) / "link").symlink_to(tmp_path / "elsewhere")
    (folder / ("f" * 64)).symlink_to(tmp_path)
    assert uploads.trim(folder, 0) == 0
    assert not upload.exists()
    assert all(path.stat().st_size == 1000 for path in others)
    assert uploads.trim(tmp_path / "missing", 0) == 0


def test_what_never_came_in_whole_counts_and_is_deleted_in_time(tmp_path):
    (whole,) = fill(tmp_path, [10])
    parts = []
    for seconds_ago in (2 * uploads.LATE_SECONDS, 1):
        with tempfile.NamedTemporaryFile(delete=False, dir=tmp_path) as part:  # as Gradio does
            part.write(bytes(20))
        parts.append(Path(part.name))
        os.utime(part.name, (time.time() - seconds_ago,) * 2)
    assert uploads.trim(tmp_path, 100) == 30
    assert [part.exists() for part in parts] == [False, True]
    assert uploads.trim(tmp_path, 29) == 20  # the oldest go first
    assert not whole.exists()
    assert uploads.trim(tmp_path, 19) == 0
    assert not parts[1].exists()


def test_in_the_folder_of_all_programs_their_temporary_files_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (upload,) = fill(tmp_path, [10])
    with tempfile.NamedTemporaryFile(delete=False) as other:
        other.write(bytes(20))
    os.utime(other.name, (1_000_000, 1_000_000))
    assert uploads.trim(tmp_path, 0) == 0
    assert not upload.exists()
    assert Path(other.name).exists()


def test_an_upload_is_deleted_with_its_folder_unless_that_holds_another(tmp_path):
    first, second = fill(tmp_path, [1, 1])
    other = first.with_name("the same by another name.png")
    other.write_bytes(b"0")
    assert uploads.delete(first)
    assert other.exists()
    assert uploads.delete(second)
    assert not second.parent.exists()
    assert not uploads.delete(second)
    assert not uploads.delete(None)


def test_a_thread_keeps_the_folder_within_its_bound_until_it_is_told_to_end(tmp_path, monkeypatch):
    monkeypatch.setattr(uploads, "SWEEP_SECONDS", 0.02)
    ended = uploads.keep_trimmed(tmp_path, 15)
    first, second = fill(tmp_path, [10, 10])
    deadline = time.monotonic() + 10
    while first.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert second.exists()
    ended.set()
    time.sleep(0.1)
    fill(tmp_path / "later", [10, 10])
    time.sleep(0.1)
    assert len(list((tmp_path / "later").rglob("*.png"))) == 2


@pytest.mark.parametrize("value", ["0", "many", "1.5", "-3"])
def test_a_bound_that_is_none_is_named_with_what_is_allowed(value):
    with pytest.raises(ValueError, match=r"^SIAMESE_UPLOADS_MEGABYTES is '.*', allowed: a whole number from 1 to 1000000$"):
        uploads.bound({"SIAMESE_UPLOADS_MEGABYTES": value})


def test_the_bound_comes_from_the_environment():
    assert uploads.bound({}) == 1_000_000_000
    assert uploads.bound({"SIAMESE_UPLOADS_MEGABYTES": " 20 "}) == 20_000_000
