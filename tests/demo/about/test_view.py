"""How it works and the same in a program: what is said is so, the snippets run, and what is not ours is escaped."""

import html
import re
import subprocess
import sys

import pytest
from PIL import Image

from siamese import Verifier
from siamese.config import DataRecord, EncoderConfig, ModelFolderConfig
from siamese.demo.about import view as page_about

HOSTILE = "<script>alert('\"')</script>"


def texts(snippets: str) -> dict[str, str]:
    return {title: html.unescape(text) for title, text in re.findall(r"<h3>(.*?)</h3>.*?<code>(.*?)</code>", snippets, re.S)}


def test_the_facts_are_those_of_the_config(bundled_folder):
    verifier = Verifier.from_pretrained(bundled_folder)
    shown = page_about.about(verifier.name, verifier.config)
    metrics, encoder = verifier.config.metrics, verifier.config.encoder
    for text in (
        "The model digits (bundled)",
        f"{metrics.balanced_accuracy:.2f}% (95% interval",
        f"{metrics.same_pairs:,} same and {metrics.different_pairs:,} different",
        f"{encoder.image_size} x {encoder.image_size} px, grey",
        f"{verifier.config.training.parameters:,} parameters",
        f">{encoder.embedding_dim}</text>",
    ):
        assert text in shown


def test_of_what_was_not_measured_nothing_is_said():
    shown = page_about.about("mine", ModelFolderConfig(encoder=EncoderConfig("compact", 16)))
    assert "training data not recorded" in shown
    assert "95% interval" not in shown


def test_names_are_text():
    config = ModelFolderConfig(data=DataRecord(dataset=HOSTILE, training_images=5, classes=2))
    for shown in (page_about.about(HOSTILE, config), page_about.snippets(HOSTILE, 0.5, 0.5, HOSTILE)):
        assert "<script" not in shown
        assert "alert(" in shown


@pytest.mark.parametrize("threshold", [0.123, None])
def test_the_snippets_give_the_answer_of_the_page(threshold, bundled_folder, digits, root, tmp_path):
    verifier = Verifier.from_pretrained(bundled_folder)
    own = verifier.config.calibration.threshold
    for name, image in zip(("a.png", "b.png"), digits[0][:2], strict=True):
        Image.fromarray(image).save(tmp_path / name)
    found = texts(page_about.snippets(verifier.name, threshold or own, own, verifier.name))
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
    assert "'path/to/mine'" in texts(page_about.snippets("mine", 1, 1, "mine"))["Python"]
    assert "'user/name@v1'" in texts(page_about.snippets("user/name@v1", 1, 1, "mine"))["Python"]
    for other in (page_about.snippets("mine", 1, 1, "yours"), page_about.snippets("yours", 2, 1, "yours")):
        assert "judged by the model yours at its own threshold" in texts(other)["This page, as a service"]
    assert "judged by" not in page_about.snippets("mine", 1, 1, "mine")
