"""siamese find: the nearest pictures by the distances of the Verifier, without the query itself."""

import io
import json
import sys

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from terminal import assert_refused, run


def test_it_names_the_nearest_pictures_as_a_literal_search_does(digit_folder, trained_folder, verifier, capsys):
    query = digit_folder / "digit 2" / "0.png"
    others = sorted(path for path in digit_folder.rglob("*.*") if path != query)
    distances = cdist(verifier.embed([query]), verifier.embed(others))[0]
    order = np.argsort(distances)[:5]
    command = ["find", query, digit_folder, "--top", "5", "--model", trained_folder]
    code, stdout, stderr = run([*command, "--json"], capsys)
    assert (code, stderr) == (0, "")
    answer = json.loads(stdout)
    assert (answer["model"], answer["searched"]) == (verifier.name, 28)
    (result,) = answer["results"]
    assert [match["file"] for match in result["matches"]] == [str(others[place]) for place in order]
    assert [match["distance"] for match in result["matches"]] == pytest.approx(distances[order], abs=1e-5)
    for match in result["matches"]:
        assert match["is_same"] == (match["distance"] <= result["threshold"]) == (match["probability_same"] >= 0.5)
    code, stdout, stderr = run(command, capsys)
    rows = [line.split("\t") for line in stdout.splitlines()]
    assert rows[0] == ["distance", "verdict", "file"]
    assert [row[2] for row in rows[1:]] == [str(others[place]) for place in order]
    assert [row[0] for row in rows[1:]] == [f"{distance:.4f}" for distance in distances[order]]


def test_queries_and_pictures_may_come_through_a_pipe(digit_folder, trained_folder, capsys, monkeypatch):
    queries = sorted((digit_folder / "digit 1").iterdir())[:2]
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{query}\n" for query in queries)))
    code, stdout, _ = run(["find", "-", digit_folder, "--top", "1", "--model", trained_folder], capsys)
    assert code == 0
    assert [line.split("\t")[0] for line in stdout.splitlines()] == ["query", *map(str, queries)]
    monkeypatch.setattr(sys, "stdin", io.StringIO("\0".join(map(str, queries)) + "\0"))
    code, stdout, _ = run(["find", queries[0], "-", "--model", trained_folder, "--json"], capsys)
    assert [match["file"] for match in json.loads(stdout)["results"][0]["matches"]] == [str(queries[1])]


def test_it_writes_a_page_of_what_it_found(digit_folder, trained_folder, tmp_path, capsys):
    query, page = digit_folder / "digit 2" / "0.png", tmp_path / "found.html"
    assert run(["find", query, digit_folder, "--top", "3", "--model", trained_folder, "--html", page], capsys)[0] == 0
    assert page.read_text().count("<img") == 4


def test_what_cannot_be_searched_is_refused(digit_folder, trained_folder, tmp_path, capsys):
    query = digit_folder / "digit 2" / "0.png"
    assert_refused(run(["find", query, query], capsys), "is not a folder", "siamese compare A B")
    assert_refused(run(["find", "-", "-"], capsys), "there is one stdin")
    assert_refused(run(["find", query, digit_folder, "--top", "0"], capsys), "--top is 0, allowed: at least 1")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.png").write_text("no picture")
    code, stdout, stderr = run(["find", query, tmp_path / "bad", "--model", trained_folder], capsys)
    assert (code, stdout) == (2, "")
    assert stderr.splitlines()[-1] == "error: none of the 1 file could be read as a picture"
