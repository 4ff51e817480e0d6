"""The command siamese: its version, its commands, and the usage where it is called wrongly."""

import importlib
import re
import subprocess
import sys

import pytest
from terminal import assert_refused, run

from siamese.__main__ import COMMANDS, main
from siamese.version import __version__, current_commit


def left(arguments: list[str], capsys) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command that ends before it begins."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return caught.value.code, *capsys.readouterr()


def test_the_version_is_that_of_the_code_with_its_commit(capsys):
    code, stdout, _ = left(["--version"], capsys)
    assert code == 0
    assert stdout == f"siamese {__version__} {current_commit()}".rstrip() + "\n"


def test_help_lists_every_command_with_what_it_is_for(capsys):
    code, stdout, _ = left(["--help"], capsys)
    assert code == 0
    for name, (_, text) in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(text)}$", stdout, re.M)


@pytest.mark.parametrize("arguments", [[], ["dream"], ["--model", "x"], ["Compare", "a", "b"]], ids=repr)
def test_without_a_command_or_with_an_unknown_one_the_choices_are_shown(arguments, capsys):
    code, stdout, stderr = left(arguments, capsys)
    assert (code, stdout) == (2, "")
    assert "usage: siamese" in stderr
    assert arguments or all(text in stderr for _, text in COMMANDS.values())
    assert arguments[:1] != ["dream"] or all(repr(name) in stderr or name in stderr for name in ("dream", *COMMANDS))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help_by_its_name_and_a_word_on_each_flag(command, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["/usr/local/bin/siamese"])
    code, stdout, _ = left([command, "--help"], capsys)
    assert code == 0
    assert stdout.startswith(f"usage: siamese {command} ")
    actions = importlib.import_module(COMMANDS[command][0]).build_parser()._actions
    assert all(action.help for action in actions)


@pytest.mark.parametrize(
    "arguments",
    [["compare", "one.png"], ["embed"], ["evaluate"], ["push", "folder"], ["deploy"], ["check"],
     ["one-shot", "--query", "a"], ["compare", "a", "b", "--threshold", "far"]],
    ids=" ".join,
)  # fmt: skip
def test_a_wrong_command_line_shows_the_usage_of_that_command(arguments, capsys):
    code, stdout, stderr = left(arguments, capsys)
    assert (code, stdout) == (2, "")
    assert f"usage: siamese {arguments[0]}" in stderr


def test_an_interrupted_command_exits_130(capsys, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("siamese.verifier.Verifier.from_pretrained", interrupted)
    assert run(["compare", "a.png", "b.png"], capsys)[0] == 130


def test_a_mistake_is_one_sentence(tmp_path, capsys):
    assert_refused(run(["check", tmp_path / "nowhere"], capsys), "nowhere")


HEAVY = ("torch", "torchvision", "gradio", "matplotlib", "scipy", "numpy", "PIL", "huggingface_hub", "onnxruntime")


@pytest.mark.parametrize(
    ("code", "brought"),
    [
        ("import siamese", set()),
        ("from siamese.__main__ import build_parser; build_parser().format_help()", set()),
        ("from siamese.commands.compare import build_parser; build_parser().format_help()", set()),
        ("from siamese import Verifier", {"numpy", "PIL", "scipy"}),  # to read images
    ],
    ids=["import", "--help", "compare --help", "Verifier"],
)
def test_what_does_without_heavy_libraries_does_not_wait_for_them(code, brought, root):
    code += f"; import sys; print(*({HEAVY} & sys.modules.keys()))"
    code = code.replace(f"{HEAVY}", f"{set(HEAVY)}")
    finished = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert set(finished.stdout.split()) == brought


def test_a_library_that_is_not_there_is_named_in_one_sentence(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "siamese.commands.embed", None)  # a module of ours is a mistake of ours
    with pytest.raises(ModuleNotFoundError):
        main(["embed", "a.png"])
    monkeypatch.delitem(sys.modules, "siamese.commands.embed")
    monkeypatch.setitem(sys.modules, "numpy", None)
    assert_refused(run(["embed", "a.png"], capsys), "needs the library numpy, which is not installed: pip install numpy")
