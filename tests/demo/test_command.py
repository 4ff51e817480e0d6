"""siamese demo and app.py: what keeps them from starting is said in one sentence."""

import sys

import pytest
from app_fixtures import assert_one_sentence

import app as app_module
from siamese.demo.command import build_parser, main


@pytest.mark.parametrize("source", ["nowhere", "a/b/c", "user/name@", "@v1", "."])
def test_a_model_that_is_not_there_ends_the_start_with_one_sentence(source, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SIAMESE_MODEL", source)
    assert app_module.main([]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert_one_sentence(printed.err.strip(), f"SIAMESE_MODEL={source}")


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [("SIAMESE_TRAIN", "maybe", "on, off"), ("SIAMESE_TRAIN_EPOCHS", "0", "from 1 to 1000"),
     ("SIAMESE_UPLOADS_MEGABYTES", "much", "a whole number")],
)  # fmt: skip
def test_a_setting_of_the_environment_that_is_none_is_named_with_what_is_allowed(name, value, allowed, monkeypatch, capsys):
    monkeypatch.setenv(name, value)
    for program, start in (("siamese demo", main), ("app.py", app_module.main)):
        assert start([]) == 2
        stderr = capsys.readouterr().err
        assert stderr.count("\n") == 1
        assert stderr.startswith(f"{program}: {name} is {value!r}, allowed: ")
        assert allowed in stderr


def test_tools_for_assistants_need_their_package(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "mcp", None)
    assert main(["--mcp"]) == 2
    assert capsys.readouterr().err == (
        "siamese demo: --mcp needs a package that is not installed; try: pip install 'gradio[mcp]'\n"
    )


def test_every_flag_has_a_help_and_leaves_what_is_not_given_to_gradio():
    parser = build_parser()
    assert all(action.help for action in parser._actions)
    assert set(vars(parser.parse_args([])).values()) == {None}
