"""The files of a model folder: writing is all or nothing, and what is no such file is called by its name."""

from pathlib import Path

import numpy as np
import pytest
import torch
from full_disk import REASON, files_of_at_most
from safetensors.torch import save_file

from siamese.model_folder.files import CONFIG_FILE, WEIGHTS_FILE, WriteError, check_writable, staged, write_file, write_text
from siamese.model_folder.weights import load_model

# ---- Writing ----


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file.txt"
    write_text(path, "old")

    def fail(temporary: Path) -> None:
        temporary.write_text("half of the new")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_file(path, fail)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_replaces_the_old_file_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "new folder" / "file.txt"
    for text in ("old", "größer"):
        write_text(path, text)
        assert path.read_text(encoding="utf-8") == text
        assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_full_disk_is_told_by_its_name_whoever_writes(tmp_path):
    path = tmp_path / "file"
    write_text(path, "old")
    weights = {"weight": torch.zeros(1000)}
    for write in (
        lambda file: file.write_bytes(bytes(4000)),
        lambda file: save_file(weights, file),
        lambda file: np.savez(file.open("wb"), weights=weights["weight"]),
    ):
        with files_of_at_most(1000), pytest.raises(WriteError, match=f"file' cannot be written: .*{REASON}"):
            write_file(path, write)
        assert path.read_text() == "old"
        assert list(tmp_path.iterdir()) == [path]


def test_staged_files_come_all_or_none(tmp_path):
    def write(folder: Path, one: str, two: str) -> None:
        with staged(folder) as place:
            (place / "one").write_text(one)
            (place / "two").write_text(two)

    folder = tmp_path / "a" / "model"
    for content in ("first", "second"):
        write(folder, content, content)
        assert {file.name: file.read_text() for file in folder.iterdir()} == {"one": content, "two": content}
    with files_of_at_most(1000), pytest.raises(WriteError, match=f"model' cannot be written: {REASON}"):
        write(folder, "third", 2000 * "x")
    assert {file.name: file.read_text() for file in folder.iterdir()} == {"one": "second", "two": "second"}
    with files_of_at_most(1000), pytest.raises(WriteError, match="cannot be written"):
        write(tmp_path / "b" / "model", "third", 2000 * "x")
    assert {path.name for path in tmp_path.iterdir()} == {"a"}


def test_where_nothing_can_be_written_is_found_out_and_nothing_is_left(tmp_path):
    (tmp_path / "file").write_text("mine")
    check_writable(tmp_path / "a" / "b")
    check_writable(tmp_path)
    for folder in (tmp_path / "file" / "model", tmp_path / ("n" * 300), tmp_path / "c" / ("n" * 300), Path("/proc/model")):
        with pytest.raises(WriteError, match="cannot be written: "):
            check_writable(folder)
    with files_of_at_most(1000), pytest.raises(WriteError, match=REASON):
        check_writable(tmp_path / "a")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


# ---- What Git LFS leaves ----


@pytest.mark.parametrize("name", [CONFIG_FILE, WEIGHTS_FILE])
def test_a_pointer_of_git_lfs_is_called_so(name, untrained_folder):
    (untrained_folder / name).write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{64 * 'a'}\nsize 12345\n")
    with pytest.raises(ValueError, match=f"{name} only points to a file that Git LFS keeps elsewhere: run `git lfs pull`"):
        load_model(untrained_folder)
