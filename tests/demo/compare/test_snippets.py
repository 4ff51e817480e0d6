"""The same in a program: the snippets run and give the answer of the page, and what is not ours is escaped."""

import html
import re
import subprocess
import sys

import pytest
from page_elements import HOSTILE
from PIL import Image

from siamese import Verifier
from siamese.demo.compare.snippets import snippets


def texts(snippets: str) -> dict[str, str]:
    return {title: html.unescape(text) for title, text in re.findall(r"<h3>(.*?)</h3>.*?<code>(.*?)</code>", snippets, re.S)}


@pytest.mark.slow
@pytest.mark.parametrize("threshold", [0.123, None])
def test_the_snippets_give_the_answer_of_the_page(threshold, bundled_folder, digits, root, tmp_path):
    verifier = Verifier.from_pretrained(bundled_folder)
    own = verifier.config.calibration.threshold
    for name, image in zip(("a.png", "b.png"), digits[0][:2], strict=True):
        Image.fromarray(image).save(tmp_path / name)
    found = texts(snippets(verifier.name, threshold or own, own, verifier.name))
    verdict = verifier.verify(digits[0][0], digits[0][1], threshold)
    python = subprocess.run(
        [sys.executable, "-c", found["Python"]], cwd=tmp_path, env={"PYTHONPATH": str(root)}, capture_output=True, text=True
    )
    is_same, confidence, distance = python.stdout.split()
    assert is_same == str(verdict.is_same)
    assert float(confidence) == pytest.approx(verdict.confidence, abs=1e-3)
    assert float(distance) == pytest.approx(verdict.distance, abs=1e-4)
    line = found["Command line"].split()
    command = subprocess.run(
        [sys.executable, *line[1:]], cwd=tmp_path, env={"PYTHONPATH": str(root)}, capture_output=True, text=True
    )
    assert command.stdout.startswith("same" if verdict.is_same else "different")
    assert f"threshold {verdict.threshold:.4f}" in command.stdout
    assert ("0.123" in found["Python"]) == ("0.123" in found["Command line"]) == (threshold is not None)


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
