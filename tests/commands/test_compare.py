"""siamese compare: a verdict in words and in JSON, mistakes in one sentence."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from terminal import assert_refused, run

VERDICT_KEYS = ["is_same", "probability_same", "confidence", "distance", "threshold", "is_familiar", "remark", "model"]


def test_compare_in_json_holds_the_verdict_and_the_model(pictures, trained_folder, verifier, capsys):
    code, stdout, stderr = run(
        ["compare", pictures["small"], pictures["sketch"], "--model", trained_folder, "--json"], capsys
    )
    assert (code, stderr) == (0, "")
    assert stdout.count("\n") == 1
    values = json.loads(stdout)
    assert list(values) == VERDICT_KEYS
    expected = verifier.verify(pictures["small"], pictures["sketch"])
    assert values == {**expected.to_dict(), "model": trained_folder.name}


@pytest.mark.parametrize("threshold", [None, 0.01, 1.99])
def test_compare_in_words_says_the_same(pictures, trained_folder, verifier, threshold, capsys):
    option = [] if threshold is None else ["--threshold", threshold]
    command = ["compare", pictures["small"], pictures["sketch"], "--model", trained_folder, *option]
    code, stdout, stderr = run(command, capsys)
    assert (code, stderr) == (0, "")
    verdict = verifier.verify(pictures["small"], pictures["sketch"], threshold)
    word, over, confidence, distance, limit = re.match(
        r"(same|different) \((over )?([\d.]+)% sure\), distance ([\d.]+), threshold ([\d.]+)", stdout
    ).groups()
    assert word == ("same" if verdict.is_same else "different")
    assert float(confidence) == pytest.approx(100 * verdict.confidence, abs=0.1 if over else 0.05)
    assert float(confidence) < 100
    assert bool(over) == (verdict.confidence > 0.999)
    assert float(distance) == pytest.approx(verdict.distance, abs=5e-5)
    assert float(limit) == pytest.approx(verdict.threshold, abs=5e-5)


def test_what_is_unlike_all_that_the_model_knows_is_no_sure_answer(pictures, bundled_folder, tmp_path, capsys):
    noise = np.random.default_rng(0).integers(0, 2, (28, 28)).astype(np.uint8) * 255
    Image.fromarray(noise).resize((280, 280), Image.Resampling.NEAREST).save(tmp_path / "noise.png")
    command = ["compare", pictures["small"], tmp_path / "noise.png", "--model", bundled_folder]
    code, stdout, _ = run(command, capsys)
    assert code == 0
    assert "(not sure: an image is unlike anything this model knows)" in stdout
    assert "%" not in stdout
    assert json.loads(run([*command, "--json"], capsys)[1])["is_familiar"] is False


def test_a_remark_on_a_picture_stands_where_the_confidence_would(digits, trained_folder, tmp_path, capsys):
    large = [np.pad(np.asarray(Image.fromarray(image).resize((200, 200))), 20) for image in digits[0][:2]]
    for name, picture in (("one.png", large[0]), ("two.png", np.hstack(large))):
        Image.fromarray(picture).save(tmp_path / name)
    command = ["compare", tmp_path / "one.png", tmp_path / "two.png", "--model", trained_folder]
    values = json.loads(run([*command, "--json"], capsys)[1])
    assert values["remark"].startswith("the second image seems to hold several drawings")
    if values["is_familiar"] is not False:
        stdout = run(command, capsys)[1]
        assert f"(not sure: {values['remark']})" in stdout
        assert "%" not in stdout


def test_compare_as_a_program_prints_the_verdict_and_nothing_else(pictures, trained_folder, root):
    command = [
        sys.executable,
        "-m",
        "siamese",
        "compare",
        pictures["small"],
        pictures["small"],
        "--model",
        trained_folder,
        "--json",
    ]
    finished = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300)
    assert finished.returncode == 0
    assert finished.stderr == ""
    values = json.loads(finished.stdout)
    assert list(values) == VERDICT_KEYS
    assert values["is_same"] is True
    assert values["distance"] == 0


def test_compare_as_a_program_exits_2_without_a_traceback(pictures, trained_folder, root):
    command = [sys.executable, "-m", "siamese", "compare", pictures["small"], pictures["missing"], "--model", trained_folder]
    finished = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300)
    assert_refused((finished.returncode, finished.stdout, finished.stderr), "missing.png")


@pytest.mark.parametrize("name", ["missing", "notes", "cut", "empty", "blank", "folder"])
def test_what_is_no_picture_is_refused_in_one_sentence(name, pictures, trained_folder, capsys):
    for pair in ((pictures[name], pictures["small"]), (pictures["small"], pictures[name])):
        for option in ([], ["--json"]):
            result = run(["compare", *pair, "--model", trained_folder, *option], capsys)
            assert_refused(result, "blank" if name == "blank" else pictures[name].name)


@pytest.mark.parametrize("threshold", ["0", "-1", "nan", "inf"])
def test_a_threshold_that_is_no_distance_is_refused(threshold, pictures, trained_folder, capsys):
    command = ["compare", pictures["small"], pictures["small"], "--model", trained_folder, f"--threshold={threshold}"]
    assert_refused(run(command, capsys), f"threshold is {float(threshold)}")


def test_a_repository_without_network_is_refused_in_one_sentence(root):
    command = [sys.executable, "-m", "siamese", "compare", "a.png", "b.png", "--model", "user/name@v1"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    finished = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=300)
    assert_refused((finished.returncode, finished.stdout, finished.stderr), "user/name")
