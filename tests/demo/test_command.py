"""siamese demo and app.py: what keeps them from starting is said in one sentence."""

import socket
import sys
from collections.abc import Iterator

import pytest
from app_fixtures import assert_one_sentence

import app as app_module
from siamese.demo.command import build_parser, check_address, main


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


# ---- The address ----


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which another program listens."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


@pytest.fixture
def no_settings(monkeypatch):
    for name in ("GRADIO_SERVER_NAME", "GRADIO_SERVER_PORT", "GRADIO_NUM_PORTS"):
        monkeypatch.delenv(name, raising=False)


def refused(arguments: list, capsys) -> str:
    """The sentence with which the demo ends, exit code 2, before it loads anything."""
    assert main([str(argument) for argument in arguments]) == 2
    stdout, stderr = capsys.readouterr()
    assert stdout == ""
    assert stderr.count("\n") == 1
    return stderr


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", None])
def test_a_port_in_use_is_said_with_what_to_do(host, taken, no_settings, capsys):
    sentence = refused([*(("--host", host) if host else ()), "--port", taken], capsys)
    assert f"port {taken} is in use: choose another --port, or leave it out for the first free one from 7860" in sentence


@pytest.mark.parametrize("port", ["0", "-1", "65536", "80000"])
def test_a_port_that_cannot_be_is_refused_with_what_is_allowed(port, no_settings, capsys):
    assert f"--port is {port}, allowed: 1 to 65535" in refused([f"--port={port}"], capsys)


def test_a_port_that_is_no_number_is_refused_by_flag(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--port", "auto"])
    assert caught.value.code == 2
    assert "--port: invalid int value: 'auto'" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["GRADIO_SERVER_PORT", "GRADIO_NUM_PORTS"])
@pytest.mark.parametrize("value", ["auto", "", "0", "80000", "7860.0"])
def test_a_variable_of_gradio_that_is_no_number_is_named(name, value, no_settings, monkeypatch, capsys):
    monkeypatch.setenv(name, value)
    for arguments in ([], ["--port", "7860"]):
        assert f"{name} is {value!r}, allowed: 1 to 65535" in refused(arguments, capsys)


@pytest.mark.parametrize("host", ["no such host", "host.invalid", "192.0.2.1"])
def test_a_host_that_is_not_this_machine_is_refused(host, no_settings, capsys):
    assert f"host {host!r} is no address of this machine: " in refused(["--host", host], capsys)


def test_the_first_free_port_is_looked_for_as_gradio_does(taken):
    check_address(None, None, {"GRADIO_SERVER_PORT": str(taken)})  # it takes the next one
    with pytest.raises(ValueError, match=f"all ports from {taken} to {taken} are in use: choose another with --port"):
        check_address(None, None, {"GRADIO_SERVER_PORT": str(taken), "GRADIO_NUM_PORTS": "1"})
