"""siamese evaluate: numbers that scikit-learn confirms, and those of the model folder."""

import dataclasses
import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from sklearn.metrics import balanced_accuracy_score, roc_auc_score, roc_curve
from terminal import assert_refused, run

from siamese.config import Metrics
from siamese.data.datasets import DATASETS


@pytest.fixture(scope="module")
def evaluation(root, trained_folder, tmp_path_factory) -> dict:
    """What `evaluate --json` prints for the bundled sample; the folder of datasets is empty and stays so."""
    nothing = tmp_path_factory.mktemp("no data")
    command = ["evaluate", "--dataset", "mnist-sample", "--data-dir", nothing, "--model", trained_folder, "--json"]
    finished = subprocess.run(
        [sys.executable, "-m", "siamese", *command],
        cwd=root,
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
    assert "no_interval" not in answer


def test_two_classes_give_no_interval_and_are_told_why(support_and_query, trained_folder, tmp_path, capsys):
    _, query = support_and_query
    for label in (0, 1):
        shutil.copytree(query / f"digit {label}", tmp_path / f"digit {label}")
    arguments = ["evaluate", "--dataset", tmp_path, "--model", trained_folder]
    answer = json.loads(run([*arguments, "--json"], capsys)[1])
    ends = [name for name in answer if name.endswith(("_low", "_high"))]
    assert [answer[name] for name in ends] == [None] * 6
    why = {True: "all pairs are judged rightly", False: "too few test classes"}
    assert answer["no_interval"] == why[answer["balanced_accuracy"] == 100]
    stdout = run(arguments, capsys)[1]
    for label, value in (
        ("balanced pair accuracy  ", answer["balanced_accuracy"] == 100),
        ("different pairs accepted", answer["false_accept_rate"] == 0),
        ("same pairs rejected     ", answer["false_reject_rate"] == 0),
    ):
        (line,) = (line for line in stdout.splitlines() if line.startswith(label))
        assert line.endswith(f"(no interval: {why[value]})")


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


def test_parts_of_a_dataset_are_remarked_as_check_does(support_and_query, trained_folder, tmp_path, capsys):
    _, query = support_and_query
    for part in ("train", "test"):
        shutil.copytree(query, tmp_path / "parts" / part)
    code, _, stderr = run(["evaluate", "--dataset", tmp_path / "parts", "--model", trained_folder], capsys)
    assert (code, "note: test, train: parts of the dataset by their names, and no classes" in stderr) == (0, True)
