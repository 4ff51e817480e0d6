"""Help in colour on a terminal alone, and what a mistyped word may have meant."""

import argparse
import io
import sys

import pytest
from pseudo_terminal import COLUMNS, at_a_terminal, without_colours

from siamese.__main__ import main
from siamese.command_line import CommandLine, has_colour, program, styled


def refused(parser: argparse.ArgumentParser, words: str, capsys) -> str:
    with pytest.raises(SystemExit) as caught:
        parser.parse_args(words.split())
    assert caught.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


def test_a_mistyped_flag_or_choice_brings_the_one_that_may_be_meant(capsys):
    parser = CommandLine(prog="siamese try")
    parser.add_argument("--threshold", type=float)
    parser.add_argument("--split", choices=("classes", "groups"))
    said = refused(parser, "--thresold=1", capsys)
    assert said == "siamese try: error: unrecognized arguments: --thresold=1; did you mean --threshold?"
    said = refused(parser, "--split clases", capsys)
    assert said.endswith("invalid choice: 'clases', allowed: classes, groups; did you mean classes?")
    assert refused(parser, "--xylophone", capsys).endswith("unrecognized arguments: --xylophone")
    assert parser.parse_args(["--threshold", "2", "--split", "groups"]) == argparse.Namespace(threshold=2.0, split="groups")


@pytest.mark.parametrize(
    ("variables", "is_terminal", "expected"),
    [({}, False, False), ({}, True, True), ({"NO_COLOR": "1"}, True, False), ({"FORCE_COLOR": "1"}, False, True),
     ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False), ({"NO_COLOR": ""}, True, True), ({"TERM": "dumb"}, True, False)],
    ids=repr,
)  # fmt: skip
def test_there_is_colour_on_terminals_unless_a_variable_says_otherwise(variables, is_terminal, expected, monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: is_terminal, raising=False)
    assert has_colour(stream) == expected
    assert styled("word", "bold red", stream) == ("\x1b[1;31mword\x1b[0m" if expected else "word")


def test_help_is_in_colour_at_a_terminal_within_its_columns_and_plain_without(capsys, monkeypatch):
    pytest.importorskip("rich_argparse")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    code, coloured = at_a_terminal([sys.executable, "-m", "siamese", "compare", "--help"])
    assert code == 0
    assert "\x1b[" in coloured
    assert max(map(len, without_colours(coloured).splitlines())) <= COLUMNS
    with pytest.raises(SystemExit):
        main(["compare", "--help"])
    plain = capsys.readouterr().out
    assert "\x1b[" not in plain
    assert plain.split() == without_colours(coloured).split()


@pytest.mark.parametrize(
    ("started", "expected"),
    [("/usr/bin/siamese", "siamese"), ("train.py", "python -m siamese"), ("siamese/__main__.py", "python -m siamese")],
)
def test_a_program_is_started_again_as_it_can_be(started, expected, monkeypatch):
    monkeypatch.setattr(sys, "argv", [started])
    assert program() == expected
