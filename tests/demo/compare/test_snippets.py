"""The same in a program: the snippets run and give the answer of the page, and what is not ours is escaped."""

import html
import re
import subprocess
import sys

import pytest
from page_elements import HOSTILE
from PIL import Image

from siamese.demo.compare.snippets import snippets


def texts(snippets: str) -> dict[str, str]:
    """What a visitor reads and copies of each, by its title."""
    found = re.findall(r"<h3>(.*?)</h3>.*?<code>(.*?)</code>", snippets, re.S)
    return {title: html.unescape(re.sub("<.*?>", "", text)) for title, text in found}


@pytest.fixture
def pair(digits, tmp_path, monkeypatch) -> None:
    """The two files that the snippets name, in the folder that they run in."""
    for name, image in zip(("a.png", "b.png"), digits[0][:2], strict=True):
        Image.fromarray(image).save(tmp_path / name)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("threshold", [0.123, None])
def test_the_python_snippet_prints_the_answer_of_the_page(threshold, pair, bundled, capsys):
    own = bundled.config.calibration.threshold
    exec(texts(snippets(bundled.name, threshold or own, own, bundled.name))["Python"], {})
    is_same, confidence, distance = capsys.readouterr().out.split()
    verdict = bundled.verify("a.png", "b.png", threshold)
    assert is_same == str(verdict.is_same)
    assert float(confidence) == pytest.approx(verdict.confidence, abs=1e-3)
    assert float(distance) == pytest.approx(verdict.distance, abs=1e-4)


@pytest.mark.slow
def test_the_command_prints_the_answer_of_the_page(pair, bundled, root):
    line = texts(snippets(bundled.name, 0.123, 0.5, bundled.name))["Command line"].split()
    environment = {"PYTHONPATH": str(root)}
    command = subprocess.run([sys.executable, *line[1:]], env=environment, capture_output=True, text=True)
    assert command.stdout.startswith("same" if bundled.verify("a.png", "b.png", 0.123).is_same else "different")
    assert "threshold 0.1230" in command.stdout


def test_the_models_own_threshold_is_not_spelt_out():
    found = texts(snippets("digits (bundled)", 0.5, 0.5, "digits (bundled)"))
    assert "threshold" not in found["Python"] + found["Command line"]


def test_a_download_of_a_visitors_own_is_found_where_the_browser_put_it():
    found = texts(snippets("my-model-1.zip", 1, 1, "digits (bundled)"))
    assert "from_pretrained('my-model-1.zip')" in found["Python"]
    assert found["Command line"].endswith("--model my-model-1.zip")


def test_a_folder_is_no_bundled_model_and_its_path_is_not_told():
    assert "'path/to/mine'" in texts(snippets("mine", 1, 1, "mine"))["Python"]
    assert "'user/name@v1'" in texts(snippets("user/name@v1", 1, 1, "mine"))["Python"]
    for other in (snippets("mine", 1, 1, "yours"), snippets("yours", 2, 1, "yours")):
        assert "judged by the model yours at its own threshold" in texts(other)["This page, as a service"]
    assert "judged by" not in snippets("mine", 1, 1, "mine")


def test_names_are_text():
    shown = snippets(HOSTILE, 0.5, 0.5, HOSTILE)
    assert "<script" not in shown
    assert "alert(" in shown
