"""python -m siamese: verdicts in words and JSON, an evaluation that scikit-learn confirms, mistakes in one sentence."""

import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.distance import pdist
from sklearn.metrics import balanced_accuracy_score, roc_auc_score, roc_curve

from siamese.__main__ import main
from siamese.config import Metrics
from siamese.data.datasets import DATASETS

VERDICT_KEYS = ["is_same", "probability_same", "confidence", "distance", "threshold", "model"]


@pytest.fixture(scope="module")
def pictures(digits, tmp_path_factory) -> dict[str, Path]:
    """Files: a digit as it is, another as a sketch of 280 px, and what is no picture of anything."""
    folder = tmp_path_factory.mktemp("pictures")
    Image.fromarray(digits[0][0]).save(folder / "small.png")
    Image.fromarray(255 - digits[0][1]).resize((280, 280), Image.Resampling.BICUBIC).save(folder / "sketch.jpg")
    Image.new("L", (200, 200), 255).save(folder / "blank.png")
    (folder / "notes.png").write_text("this is text")
    (folder / "cut.png").write_bytes((folder / "small.png").read_bytes()[:100])
    (folder / "empty.png").touch()
    return {path.stem: path for path in folder.iterdir()} | {"missing": folder / "missing.png", "folder": folder}


def run(arguments: list, capsys: pytest.CaptureFixture) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of one command."""
    capsys.readouterr()
    code = main([str(argument) for argument in arguments])
    return code, *capsys.readouterr()


def assert_refused(result: tuple[int, str, str], *expected: str) -> None:
    """Exit code 2, nothing on stdout, and on stderr one line that says all that is expected."""
    code, stdout, stderr = result
    assert code == 2
    assert stdout == ""
    assert re.fullmatch(r"error: [^\n]+\n", stderr), stderr
    for text in expected:
        assert text in stderr


# ---- compare ----


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
    word, confidence, distance, limit = re.match(
        r"(same|different) \(([\d.]+)% sure\), distance ([\d.]+), threshold ([\d.]+)", stdout
    ).groups()
    assert word == ("same" if verdict.is_same else "different")
    assert float(confidence) == pytest.approx(100 * verdict.confidence, abs=0.05)
    assert float(distance) == pytest.approx(verdict.distance, abs=5e-5)
    assert float(limit) == pytest.approx(verdict.threshold, abs=5e-5)


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


# ---- one-shot ----


@pytest.fixture(scope="module")
def support_and_query(digits, tmp_path_factory) -> tuple[Path, Path]:
    """Two examples of each of five digits, one of them no picture; six queries each of these and of one more."""
    folder = tmp_path_factory.mktemp("one-shot")
    for label in range(6):
        for number, image in enumerate(digits[0][digits[1] == label][:8]):
            part = "support" if number < 2 else "query"
            if part == "query" or label < 5:
                path = folder / part / f"digit {label}" / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(image).save(path)
    (folder / "support" / "digit 0" / "broken.png").write_text("no picture")
    (folder / "query" / "digit 1" / "broken.png").write_text("no picture")
    return folder / "support", folder / "query"


def one_shot(support_and_query, trained_folder, capsys, *flags) -> tuple[int, str, str]:
    support, query = support_and_query
    return run(["one-shot", "--support", support, "--query", query, "--model", trained_folder, *flags], capsys)


def test_one_shot_recognises_and_grades(support_and_query, trained_folder, verifier, capsys):
    code, stdout, stderr = one_shot(support_and_query, trained_folder, capsys, "--json")
    assert code == 0
    assert stderr.count("left out") == 2
    answer = json.loads(stdout)
    assert answer["model"] == verifier.name
    assert len(answer["results"]) == 36
    support, _ = support_and_query
    examples = {path: verifier.embed([path])[0] for path in sorted(support.rglob("[0-9].png"))}
    right = []
    for result in answer["results"]:
        query = verifier.embed([result["query"]])[0]
        nearest = min(examples, key=lambda path: np.linalg.norm(examples[path] - query))
        assert result["name"] == nearest.parent.name
        assert result["matches"][0]["distance"] == pytest.approx(np.linalg.norm(examples[nearest] - query), rel=1e-4)
        if Path(result["query"]).parent.name != "digit 5":  # which has no examples, so nobody can be right or wrong
            right.append(nearest.parent.name == Path(result["query"]).parent.name)
    assert answer["accuracy"] == pytest.approx(100 * np.mean(right))
    assert len(right) == 30


def test_one_shot_says_when_it_is_none_of_these(support_and_query, trained_folder, capsys):
    code, stdout, _ = one_shot(support_and_query, trained_folder, capsys, "--unknown", "--threshold", "1e-6")
    assert code == 0
    lines = stdout.splitlines()
    assert all("no class is near enough, nearest: digit" in line for line in lines[:-1])
    assert lines[-1].startswith("0 of 30 right (0.00%), 5 classes")


def test_one_shot_without_examples_is_refused(support_and_query, trained_folder, tmp_path, capsys):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.png").write_text("no picture")
    _, query = support_and_query
    code, stdout, stderr = one_shot((tmp_path, query), trained_folder, capsys)
    assert (code, stdout) == (2, "")
    assert "class 'a'" in stderr.splitlines()[-1]
    assert_refused(one_shot((tmp_path / "nowhere", query), trained_folder, capsys), "is not a folder")


# ---- evaluate ----


@pytest.fixture(scope="module")
def evaluation(trained_folder, tmp_path_factory) -> dict:
    """What `evaluate --json` prints for the bundled sample; the folder of datasets is empty and stays so."""
    nothing = tmp_path_factory.mktemp("no data")
    command = ["evaluate", "--dataset", "mnist-sample", "--data-dir", nothing, "--model", trained_folder, "--json"]
    finished = subprocess.run(
        [sys.executable, "-m", "siamese", *command],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert finished.returncode == 0, finished.stderr
    assert list(nothing.iterdir()) == []
    return json.loads(finished.stdout)


def test_evaluation_agrees_with_scikit_learn(evaluation, verifier, digits):
    images, labels = digits
    distances = pdist(verifier.embed(list(images)).astype(np.float64))
    first, second = np.triu_indices(len(labels), 1)
    is_same = labels[first] == labels[second]
    accepted = distances <= verifier.config.calibration.threshold
    far, tar, _ = roc_curve(is_same, -distances, drop_intermediate=False)
    expected = {
        "same_pairs": is_same.sum(),
        "different_pairs": (~is_same).sum(),
        "balanced_accuracy": 100 * balanced_accuracy_score(is_same, accepted),
        "false_accept_rate": 100 * accepted[~is_same].mean(),
        "false_reject_rate": 100 * (~accepted[is_same]).mean(),
        "equal_error_rate": 100 * np.interp(0, far - (1 - tar), far),
        "roc_auc": roc_auc_score(is_same, -distances),
        "tar_at_far_1": 100 * tar[far <= 0.01].max(),
        "tar_at_far_01": 100 * tar[far <= 0.001].max(),
    }
    assert {name: evaluation[name] for name in expected} == pytest.approx(expected, abs=0.01)


def test_evaluation_repeats_the_numbers_of_the_model_folder(evaluation, verifier, trained_folder):
    assert list(evaluation) == ["dataset", "model", *(field.name for field in dataclasses.fields(Metrics))]
    assert (evaluation["dataset"], evaluation["model"]) == ("mnist-sample", trained_folder.name)
    expected = dataclasses.asdict(verifier.config.metrics)
    assert {name: evaluation[name] for name in expected} == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_evaluation_in_words_holds_every_number(evaluation, trained_folder, verifier, capsys):
    code, stdout, _ = run(["evaluate", "--dataset", "mnist-sample", "--model", trained_folder], capsys)
    assert code == 0
    shown = [float(number.replace(",", "")) for number in re.findall(r"\d[\d,]*\.?\d*", stdout)]
    metrics = dataclasses.asdict(verifier.config.metrics)
    for name, value in metrics.items():
        assert any(number == pytest.approx(value, abs=0.006) for number in shown), name


def test_an_unknown_dataset_is_refused_with_the_choices(trained_folder, capsys):
    result = run(["evaluate", "--dataset", "cats", "--model", trained_folder], capsys)
    assert_refused(result, "'cats'", *DATASETS)


def test_mnist_without_data_and_network_is_refused_in_one_sentence(trained_folder, tmp_path, no_network, capsys):
    result = run(["evaluate", "--dataset", "mnist", "--data-dir", tmp_path, "--model", trained_folder, "--json"], capsys)
    assert_refused(result, "--data-dir", "mnist-sample")


def test_a_folder_is_evaluated_over_all_pairs_of_its_images(support_and_query, trained_folder, verifier, capsys):
    _, query = support_and_query
    code, stdout, stderr = run(["evaluate", "--dataset", query, "--model", trained_folder, "--json"], capsys)
    assert code == 0
    assert "broken.png" in stderr
    answer = json.loads(stdout)
    files = sorted(query.rglob("[0-9].png"))
    distances, names = pdist(verifier.embed(files).astype(np.float64)), [file.parent.name for file in files]
    same = np.array([a == b for i, a in enumerate(names) for b in names[i + 1 :]])
    assert answer["same_pairs"] == same.sum()
    accuracy = balanced_accuracy_score(same, distances <= verifier.config.calibration.threshold)
    assert answer["balanced_accuracy"] == pytest.approx(100 * accuracy, abs=0.3)
    assert answer["balanced_accuracy_low"] <= answer["balanced_accuracy"] <= answer["balanced_accuracy_high"]


def test_a_rate_of_false_accepts_that_the_pairs_do_not_support_is_refused(support_and_query, trained_folder, capsys):
    """Few different pairs: their number decides which rates are given."""
    _, query = support_and_query
    arguments = ["evaluate", "--dataset", query, "--model", trained_folder]
    _, stdout, _ = run([*arguments, "--json"], capsys)
    answer = json.loads(stdout)
    assert 10 < answer["different_pairs"] < 10_000
    assert answer["tar_at_far_01"] is None
    assert (answer["tar_at_far_1"] is None) == (answer["different_pairs"] < 1000)
    _, stdout, _ = run(arguments, capsys)
    assert f"TAR at FAR 0.1%           not supported by {answer['different_pairs']:,} different pairs" in stdout


def test_ways_add_the_one_shot_error_of_each_group(support_and_query, trained_folder, capsys):
    _, query = support_and_query
    arguments = ["evaluate", "--dataset", query.parent, "--model", trained_folder, "--ways", "3"]
    code, stdout, _ = run([*arguments, "--json"], capsys)
    assert code == 0
    errors = json.loads(stdout)["one_shot_error"]
    assert errors.keys() == {"query", "support"}
    assert all(0 <= error < 60 for error in errors.values())
    code, stdout, _ = run(arguments, capsys)
    assert stdout.count("3-way one-shot in ") == 2
    assert_refused(run([*arguments[:-1], "1"], capsys), "--ways is 1")


# ---- Both ----


@pytest.mark.parametrize(
    "command", [["compare", "a.png", "b.png"], ["evaluate", "--dataset", "mnist-sample"]], ids=lambda c: c[0]
)
def test_a_model_or_device_that_is_not_there_is_refused(command, tmp_path, trained_folder, capsys):
    assert_refused(run([*command, "--model", tmp_path / "nowhere"], capsys), "nowhere")
    assert_refused(run([*command, "--model", tmp_path], capsys), "config.json")
    assert_refused(run([*command, "--model", trained_folder, "--device", "abacus"], capsys), "'abacus'", "cpu")


def test_a_repository_without_network_is_refused_in_one_sentence(root):
    command = [sys.executable, "-m", "siamese", "compare", "a.png", "b.png", "--model", "user/name@v1"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    finished = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=300)
    assert_refused((finished.returncode, finished.stdout, finished.stderr), "user/name")


@pytest.mark.parametrize(
    "arguments", [[], ["compare", "one.png"], ["evaluate"], ["compare", "a", "b", "--threshold", "far"]]
)
def test_a_wrong_command_line_shows_the_usage(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: python -m siamese" in capsys.readouterr().err
