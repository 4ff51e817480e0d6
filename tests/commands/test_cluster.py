"""siamese cluster: groups at the threshold, what is alone, and near duplicates, each picture once."""

import json
import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image
from pseudo_terminal import COLUMNS, at_a_terminal, without_colours
from terminal import assert_refused, run


@pytest.fixture
def mixed(digits, tmp_path) -> Path:
    """A folder of 40 digits whose names say nothing but their number, and a copy of one of them."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    for number, image in enumerate(digits[0][:40]):
        Image.fromarray(image).save(folder / f"{number:02}.png")
    shutil.copy(folder / "07.png", folder / "copy [of] <7>.png")
    return folder


def test_digits_are_grouped_by_their_class_and_a_copy_is_named(mixed, digits, bundled_folder, tmp_path, capsys):
    page = tmp_path / "groups.html"
    code, stdout, stderr = run(["cluster", mixed, "--model", bundled_folder, "--json", "--html", page], capsys)
    assert (code, stderr) == (0, "")
    answer = json.loads(stdout)
    assert sorted(sum((group["files"] for group in answer["groups"]), answer["alone"])) == sorted(map(str, mixed.iterdir()))
    sizes = [len(group["files"]) for group in answer["groups"]]
    assert sizes == sorted(sizes, reverse=True)
    assert min(sizes) > 1
    for group in answer["groups"]:
        assert len({digits[1][int(Path(file).stem[:2])] for file in group["files"] if "copy" not in file}) == 1
        assert 0 <= group["width"] < 4
    assert answer["near_duplicates"] == [{"file": str(mixed / "copy [of] <7>.png"), "of": str(mixed / "07.png")}]
    assert page.read_text().count("<img") == 41 + 2


def test_in_a_pipe_each_picture_has_a_line_with_the_number_of_its_group(mixed, bundled_folder, capsys):
    code, stdout, stderr = run(["cluster", mixed, "--model", bundled_folder, "--threshold", "1e-3"], capsys)
    assert code == 0
    rows = [line.split("\t") for line in stdout.splitlines()]
    assert rows[0] == ["group", "file"]
    assert {file for number, file in rows[1:] if number == "1"} == {str(mixed / "07.png"), str(mixed / "copy [of] <7>.png")}
    assert len(rows) == 42
    assert "1 group of 2 pictures, 39 alone, 1 near duplicate" in stderr


def test_at_a_terminal_the_table_fits_and_names_are_whole(mixed, bundled_folder):
    code, seen = at_a_terminal([sys.executable, "-m", "siamese", "cluster", mixed, "--model", bundled_folder])
    assert code == 0
    lines = without_colours(seen).splitlines()
    table = lines[: next(number for number, line in enumerate(lines) if line.startswith("nearly the same"))]
    assert max(map(len, table)) <= COLUMNS
    assert any("group  " in line and "pictures" in line for line in table)


def test_what_is_no_folder_or_threshold_is_refused(mixed, bundled_folder, capsys):
    assert_refused(run(["cluster", mixed / "07.png"], capsys), "is not a folder")
    command = ["cluster", mixed, "--model", bundled_folder, "--threshold", "-1"]
    assert_refused(run(command, capsys), "--threshold is -1.0, allowed: a distance above 0")
