"""train.py --push against a Hub on loopback: checked before any training, pushed after it, and never a model lost."""

import subprocess
import sys
from pathlib import Path

import pytest
from hub_fake.client import ROOT, environment
from hub_fake.protocol import READER, WRITER
from hub_fake.server import HubServer

from siamese.commands import train
from siamese.model_folder.model_card import SHOW_PIXELS
from siamese.model_folder.weights import load_model

pytestmark = pytest.mark.slow

ONE_EPOCH = ["--dataset", "mnist-sample", "--device", "cpu", "--epochs", "1"]
SHOWN = ["--public", "--publish-pictures"]  # as is the default of what everybody has


def train_and_push(hub_server: HubServer, home: Path, token: str, *arguments: str) -> subprocess.CompletedProcess:
    """train.py as a user with this token runs it; no token is ever printed."""
    command = [sys.executable, ROOT / "train.py", *ONE_EPOCH, "--output", home / "model", "--push", *arguments]
    variables = environment(hub_server.endpoint, home, token)
    finished = subprocess.run(command, cwd=home, env=variables, capture_output=True, text=True, timeout=300)
    assert "Traceback" not in finished.stderr
    assert not token or token not in finished.stdout + finished.stderr
    return finished


def test_what_is_trained_is_pushed_with_its_headline(hub_server, few_digits, tmp_path):
    arguments = ["--dataset", str(few_digits), *SHOWN, "--repo-id", "ada/digits"]
    finished = train_and_push(hub_server, tmp_path, WRITER, *arguments)
    assert finished.returncode == 0, finished.stderr
    _, config = load_model(tmp_path / "model")
    assert f"{config.metrics.balanced_accuracy:.2f}%" in hub_server.repositories["ada/digits"].messages[-1]
    pushed = hub_server.files("ada/digits")
    for path in (tmp_path / "model").iterdir():
        assert pushed[path.name] == path.read_bytes()
    assert f"{hub_server.endpoint}/ada/digits" in finished.stdout
    assert (
        f"Verifier.from_pretrained('ada/digits', '{hub_server.repositories['ada/digits'].branches['main']}')"
        in finished.stdout
    )


def test_what_is_trained_on_own_pictures_is_pushed_without_them_to_a_private_repository(hub_server, digit_folder, tmp_path):
    (digit_folder / "digit 3" / "grandma.png").write_bytes(b"no image")
    arguments = ["--dataset", str(digit_folder), "--repo-id", "ada/own"]
    finished = train_and_push(hub_server, tmp_path, WRITER, *arguments)
    assert finished.returncode == 0, finished.stderr
    assert "ada/own is private" in finished.stdout
    assert hub_server.repositories["ada/own"].private
    here = {path.name: path.read_bytes() for path in (tmp_path / "model").iterdir()}
    assert b"grandma" in here["README.md"]
    pushed = hub_server.files("ada/own")
    assert set(here) - set(pushed) == set(here) & set(SHOW_PIXELS) >= {"false_accepts.png", "false_rejects.png"}
    for name, content in pushed.items():
        assert not [
            word
            for word in (b"grandma", b"false_accepts", b"false_rejects", str(tmp_path).encode(), b"digit 3")
            if word in content
        ], name
    flags = ["--publish-pictures", "--public", "--repo-id", "ada/shown"]
    command = [sys.executable, "-m", "siamese", "push", tmp_path / "model", *flags]
    variables = environment(hub_server.endpoint, tmp_path, WRITER)
    again = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=300)
    assert "ada/shown is public" in again.stdout, again.stderr
    assert not hub_server.repositories["ada/shown"].private
    assert {name: hub_server.files("ada/shown")[name] for name in here} == here


@pytest.mark.parametrize("flag", ["--private", "--public", "--publish-pictures", "--without-reference", "--onnx"])
def test_how_to_push_is_refused_without_a_push(flag, tmp_path, capsys):
    assert train.main([*ONE_EPOCH, "--output", str(tmp_path / "model"), flag]) == 2
    assert f"error: {flag} says where or how to push: add --push" in capsys.readouterr().err
    assert not (tmp_path / "model").exists()


def test_without_the_libraries_for_onnx_nothing_is_trained_that_is_to_be_pushed_as_that(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    flags = ["--push", "--repo-id", "ada/digits", "--onnx", "--output", str(tmp_path / "model")]
    assert train.main([*ONE_EPOCH, *flags]) == 2
    assert "onnxscript: pip install onnx onnxscript onnxruntime" in capsys.readouterr().err
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("token", "arguments", "expected"),
    [
        ("", ["--repo-id", "ada/digits"], "hf auth login"),
        ("hf_nobody_knows_this", ["--repo-id", "ada/digits"], "does not accept the token"),
        (READER, ["--repo-id", "ada/digits"], "may only read"),
        (WRITER, ["--repo-id", "bob/digits"], "no right to write to bob/digits"),
        (WRITER, ["--repo-id", "digits"], "USER/NAME"),
        (WRITER, [], "--push needs --repo-id"),
    ],
    ids=["no login", "wrong token", "read-only token", "another's name", "no user", "no repository"],
)
def test_a_push_that_cannot_succeed_is_refused_before_any_training(token, arguments, expected, hub_server, tmp_path):
    finished = train_and_push(hub_server, tmp_path, token, *arguments)
    assert finished.returncode == 2
    assert finished.stdout == ""
    assert finished.stderr.startswith("error: ")
    assert finished.stderr.count("\n") == 1
    assert expected in finished.stderr
    assert not (tmp_path / "model").exists()
    assert not hub_server.repositories


def test_where_the_push_fails_the_model_is_complete_and_the_command_that_pushes_it_is_printed(
    hub_server, few_digits, tmp_path
):
    hub_server.fail(403, "commit/main")
    arguments = ["--dataset", str(few_digits), *SHOWN, "--repo-id", "ada/digits"]
    finished = train_and_push(hub_server, tmp_path, WRITER, *arguments)
    assert finished.returncode == 3
    load_model(tmp_path / "model")
    last = finished.stderr.splitlines()[-1]
    assert last.startswith(f"error: trained and saved in {tmp_path / 'model'}, but not pushed: ")
    _, _, retry = last.partition("Try again with: python ")
    variables = environment(hub_server.endpoint, tmp_path, WRITER)
    again = subprocess.run([sys.executable, *retry.split()], cwd=tmp_path, env=variables, capture_output=True, timeout=300)
    assert again.returncode == 0
    assert set(hub_server.files("ada/digits")) == {".gitattributes", *(path.name for path in (tmp_path / "model").iterdir())}
