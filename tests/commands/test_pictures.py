"""Which pictures are meant: files by name, folders at any depth, and lists on stdin."""

import io
import sys
from pathlib import Path

import pytest

from siamese.commands.pictures import pictures_of, say_left_out


def test_folders_and_files_are_taken_in_the_order_in_which_they_are_named(digit_folder):
    one = digit_folder / "digit 6" / "0.png"
    (digit_folder / "labels.csv").write_text("file,label\ndigit 0/0.png,x\n")  # which is about classes
    (digit_folder / "scan.psd").write_bytes(b"8BPS")
    found = pictures_of([str(one), str(digit_folder)])
    assert found.files == [one, *sorted(path for path in digit_folder.rglob("*.*") if path.suffix not in (".csv", ".psd"))]
    assert not found.are_named
    assert [file.name for file, _ in found.left_out] == ["scan.psd"]
    assert pictures_of([str(one)]).are_named


@pytest.mark.parametrize("listed", ["a b.png\nc.png\n", "a b.png\r\nc.png", "a b.png\0c.png\0"])
def test_a_list_on_stdin_has_a_name_in_each_line_or_before_each_zero(listed, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO(listed))
    found = pictures_of(["-"])
    assert (found.files, found.are_named) == ([Path("a b.png"), Path("c.png")], False)


def test_nothing_on_stdin_and_a_terminal_there_are_refused(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n"))
    with pytest.raises(ValueError, match="no names of files on stdin"):
        pictures_of(["-"])
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    with pytest.raises(ValueError, match="a terminal here"):
        pictures_of(["-"])


def test_what_was_left_out_is_named_with_the_reason(capsys):
    say_left_out([(Path("a.png"), "it is broken")])
    assert capsys.readouterr() == ("", "left out a.png: it is broken\n")
