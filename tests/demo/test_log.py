"""What is printed is lost where it cannot be written, and nothing else happens."""

import io
import sys

import pytest

from siamese.demo.log import lossy_log


def test_what_can_be_written_is_written(capsys):
    with lossy_log():
        print("one")
        print("two", file=sys.stderr)
        assert sys.stdout.isatty() is False
    assert capsys.readouterr() == ("one\n", "two\n")


def test_a_log_that_cannot_be_written_stops_nothing(monkeypatch):
    full = io.TextIOWrapper(io.FileIO("/dev/full", "w"), write_through=True)  # each write fails as on a full disk
    monkeypatch.setattr(sys, "stdout", full)
    with pytest.raises(OSError, match="space"):
        print("x")
    with lossy_log():
        print("x" * 100_000)
        print("y", flush=True)
