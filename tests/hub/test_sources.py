"""Where a model comes from: a folder, a bundled model, a ZIP file."""

import contextlib
import shutil
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hub_fake.client import ROOT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from siamese import Verifier
from siamese.hub import fetch
from siamese.hub.errors import HubUnavailableError
from siamese.hub.sources import bundled_models, locate_model, split_revision
from siamese.model_folder.files import CONFIG_FILE, MAX_CONFIG_BYTES, WEIGHTS_FILE


def test_a_folder_is_located_before_the_hub_is_asked(untrained_folder):
    assert locate_model(str(untrained_folder)) == (untrained_folder, "model")
    assert locate_model(untrained_folder) == (untrained_folder, "model")


@pytest.mark.parametrize("source", ["nowhere", "a/b/c", Path("user/name")])
def test_what_is_neither_folder_nor_repository_is_refused(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="is not a folder, ZIP or ONNX file here, not a Hub repository USER/NAME"):
        locate_model(source)


def test_a_revision_is_split_off_except_where_it_names_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "user").mkdir()
    (tmp_path / "user" / "name@folder").mkdir()
    assert split_revision("user/name@v1.0") == ("user/name", "v1.0")
    assert split_revision("user/name") == ("user/name", None)
    assert split_revision("user/name@folder") == ("user/name@folder", None)
    assert split_revision(None) == (None, None)


@pytest.mark.parametrize("code", ["import siamese.hub.sources, siamese.version", "siamese.Verifier.from_pretrained()"])
def test_what_does_not_need_the_hub_does_not_wait_for_its_library(code):
    code = f"import sys, siamese; {code}; sys.exit('huggingface_hub' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=120).returncode == 0


@pytest.mark.parametrize("name", bundled_models())
def test_a_bundled_model_has_a_name_unless_a_folder_is_called_so(name, untrained_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = bundled_models()[name]
    assert locate_model(name) == (folder, f"{name} (bundled)")
    assert locate_model(folder) == (folder, f"{name} (bundled)")
    with pytest.raises(ValueError, match=f"not a bundled model: .*{name}"):
        locate_model(name, "v1")
    untrained_folder.rename(tmp_path / name)
    assert locate_model(name) == (Path(name), name)


def test_the_default_is_the_first_of_the_bundled_models():
    assert next(iter(bundled_models())) == "digits"
    assert locate_model(None) == locate_model("digits")


# ---- A ZIP file: the same model, or a sentence, whatever is wrong with the file ----


@pytest.fixture
def archive(untrained_folder, tmp_path) -> Path:
    path = tmp_path / "model.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name in (CONFIG_FILE, WEIGHTS_FILE):
            opened.write(untrained_folder / name, f"model/{name}")
    return path


def test_a_model_as_zip_is_that_model(archive, untrained_folder, digits):
    packed, plain = Verifier.from_pretrained(archive), Verifier.from_pretrained(untrained_folder)
    assert packed.name == "model.zip"
    assert np.array_equal(packed.embed(list(digits[0][:5])), plain.embed(list(digits[0][:5])))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_zip_is_that_model_still_or_refused_in_a_sentence(archive, data):
    content = bytearray(archive.read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= data.draw(st.integers(1, 255))
    damaged = archive.with_name("damaged.zip")
    damaged.write_bytes(content)
    with contextlib.suppress(ValueError):  # any other error is a failure
        Verifier.from_pretrained(damaged)


def test_a_file_beyond_what_a_model_needs_is_not_unpacked(tmp_path):
    path = tmp_path / "large.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr(CONFIG_FILE, bytes(MAX_CONFIG_BYTES + 1))
    with pytest.raises(ValueError, match=f"allowed: at most {MAX_CONFIG_BYTES:,}"):
        locate_model(path)


def test_a_zip_that_lies_about_a_size_writes_no_more_than_it_says(tmp_path):
    path = tmp_path / "liar.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr(CONFIG_FILE, bytes(10_000_000))
    content = path.read_bytes().replace(struct.pack("<I", 10_000_000), struct.pack("<I", 100))
    path.write_bytes(content)
    with pytest.raises(ValueError, match="cannot be read as a ZIP file"):
        locate_model(path)


def test_names_that_lead_elsewhere_are_passed_over(tmp_path):
    path = tmp_path / "names.zip"
    with zipfile.ZipFile(path, "w") as opened:
        for name in ("../config.json", "/config.json", "a/b/config.json", "notes.txt"):
            opened.writestr(name, "{}")
    folder, _ = locate_model(path)
    assert {file.name for file in folder.iterdir()} <= {CONFIG_FILE}
    assert not (tmp_path / CONFIG_FILE).exists()
    with pytest.raises(ValueError, match="model"):
        Verifier.from_pretrained(path)


# ---- A folder that is not there ----


@pytest.fixture
def runs(untrained_folder, tmp_path, monkeypatch) -> Path:
    """Two models in runs/, seen from the folder above."""
    monkeypatch.chdir(tmp_path)
    for name in ("first", "second"):
        shutil.copytree(untrained_folder, tmp_path / "runs" / name)
    return tmp_path / "runs"


@pytest.mark.parametrize("source", ["runs/frist", "runs/typo"])
def test_a_model_mistyped_where_models_are_is_not_looked_for_on_the_hub(source, runs, monkeypatch):
    monkeypatch.setattr(fetch, "fetch_model", None)
    sentence = f"model '{source}' is not a folder here; there is 'runs/first', 'runs/second'; .* write {source}@main"
    with pytest.raises(ValueError, match=sentence):
        locate_model(source)


def test_a_folder_that_is_hidden_is_no_model_that_was_meant(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".git").mkdir()
    with pytest.raises(ValueError, match="not a folder") as caught:
        locate_model("digit")
    assert ".git" not in str(caught.value)
    assert "did you mean digits?" in str(caught.value)


@pytest.mark.parametrize("source", ["./first", "../runs/x/first", "~/first", "/first", "./runs/frist", "runs\\\\first/x"])
def test_what_can_be_no_repository_is_a_folder_that_is_not_there(source, runs, monkeypatch):
    monkeypatch.setattr(fetch, "fetch_model", None)
    with pytest.raises(ValueError, match="is not a folder, ZIP or ONNX file here, not a Hub repository USER/NAME") as caught:
        locate_model(source)
    assert ("there is 'runs/first'" in str(caught.value)) == (source == "./runs/frist")


@pytest.mark.parametrize(("source", "hint"), [("run/first", "; there is 'runs/first'"), ("user/name", "")])
def test_what_the_hub_does_not_have_is_no_folder_either(source, hint, runs, monkeypatch):
    def away(*_):
        raise HubUnavailableError("it is away")

    monkeypatch.setattr(fetch, "fetch_model", away)
    with pytest.raises(HubUnavailableError) as caught:
        locate_model(source)
    assert str(caught.value) == f"it is away; nor is it a folder here{hint}"
    with pytest.raises(HubUnavailableError, match=r"^it is away$"):
        locate_model(source, "main")


def test_with_a_revision_the_hub_is_meant(runs, monkeypatch):
    monkeypatch.setattr(fetch, "fetch_model", lambda source, revision: (runs / "first", "commit"))
    assert locate_model("runs/typo", "main") == (runs / "first", "runs/typo@main")
