"""siamese one-shot: each query is of the class of its nearest example, and the grade counts those that are right."""

import json
from pathlib import Path

import numpy as np
import pytest
from terminal import assert_refused, run


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


def test_one_shot_can_rank_by_the_means_of_the_classes_too(support_and_query, trained_folder, verifier, capsys):
    code, stdout, _ = one_shot(support_and_query, trained_folder, capsys, "--json", "--prototypes")
    assert code == 0
    support, _ = support_and_query
    classes = {folder.name: verifier.embed(sorted(folder.glob("[0-9].png"))) for folder in sorted(support.iterdir())}
    for result in json.loads(stdout)["results"]:
        query = verifier.embed([result["query"]])[0]
        nearest = {name: np.linalg.norm(rows - query, axis=1).min() for name, rows in classes.items()}
        threshold = verifier.config.calibration.threshold
        together = {
            name: (nearest[name] > threshold, nearest[name] + np.linalg.norm(rows.mean(axis=0) - query))
            for name, rows in classes.items()
        }
        assert result["name"] == min(together, key=together.get)


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
