"""Datasets of the Hub whose columns are numbers, as the real `datasets` reads them from a Hub on loopback."""

import dataclasses
import io
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hub_fake.expect import assert_explained
from hub_fake.protocol import READER
from number_files import list_table, long_table, profiles, wine_table
from PIL import Image

from siamese.data.labelled_numbers import read_numbers
from siamese.data.own_images import LABEL_FILE, TABLE_FILE, HubChoices
from siamese.data.own_numbers import NumberChoices, OwnNumbers, own_numbers
from siamese.hub import number_rows
from siamese.hub.number_rows import choose_label, holds_numbers, write_numbers
from siamese.hub.rows import features_of
from siamese.model_folder.files import CONFIG_FILE, WEIGHTS_FILE

datasets = pytest.importorskip("datasets", reason="needs the extra siamese[datasets]")

TEXT, WHOLE, REAL = (datasets.Value(kind) for kind in ("string", "int64", "float32"))
CLASSES, SIGNAL = datasets.ClassLabel(names=["oak", "birch"]), datasets.List(datasets.Value("float32"))


@pytest.mark.parametrize(
    ("features", "choices", "label"),
    [
        ({"x": REAL, "tree": CLASSES, "label": TEXT}, {}, "tree"),
        ({"x": REAL, "label": WHOLE}, {}, "label"),
        ({"x": REAL, "n": WHOLE, "kind": TEXT}, {}, "kind"),
        ({"x": REAL, "kind": TEXT, "run": TEXT}, {"series_column": "run"}, "kind"),
        ({"x": REAL, "n": WHOLE}, {"label_column": "n"}, "n"),
        ({"x": SIGNAL, "kind": TEXT}, {}, "kind"),
    ],
)
def test_the_column_of_classes_is_found_where_there_is_one_choice(features, choices, label):
    assert choose_label("ada/trees", features, HubChoices(**choices)) == label


@pytest.mark.parametrize(
    ("features", "choices", "message"),
    [
        ({"x": REAL, "n": WHOLE}, {}, "no column that is sure to be the one that names the class of a row; name it with "
         "--label-column: x, n"),
        ({"x": REAL, "a": TEXT, "b": TEXT}, {}, "several columns of which each may be the one that names the class of a "
         "row; name it with --label-column: a, b"),
        ({"x": REAL, "a": TEXT}, {"label_column": "c"}, "ada/trees has no column 'c' (--label-column), allowed: x, a"),
        ({"x": REAL, "a": TEXT}, {"series_column": "c"}, "ada/trees has no column 'c' (--series-column), allowed: x, a"),
        ({"x": REAL, "a": TEXT}, {"time_column": "c"}, "ada/trees has no column 'c' (--time-column), allowed: x, a"),
        ({"x": SIGNAL, "a": TEXT}, {"label_column": "x"}, "column x of ada/trees names no classes, allowed: a"),
    ],
)  # fmt: skip
def test_what_is_not_clear_is_asked_for(features, choices, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        choose_label("ada/trees", features, HubChoices(**choices))


def test_what_holds_numbers():
    assert holds_numbers({"x": REAL, "a": TEXT}, are_texts=False)
    assert holds_numbers({"x": SIGNAL, "a": TEXT}, are_texts=False)
    assert not holds_numbers({"a": TEXT, "tree": CLASSES, "image": datasets.Image()}, are_texts=False)
    assert holds_numbers({"a": TEXT}, are_texts=True)


def written(path: Path, folder: Path, **choices) -> OwnNumbers:
    """What `write_rows` makes of a file, with no Hub between them."""
    kind, folder = {".csv": "csv"}.get(path.suffix, "parquet"), folder / path.name
    builder = datasets.load_dataset_builder(kind, data_files=str(path), cache_dir=folder / "cache")
    parts = builder.as_streaming_dataset()
    features = features_of(builder, next(iter(parts.values())))
    write_numbers("ada/trees", parts, features, HubChoices(**choices), folder)
    label = (folder / LABEL_FILE).read_text()
    own = own_numbers(folder / TABLE_FILE, None, NumberChoices(label, choices.get("series_column")))
    return dataclasses.replace(own, name="ada/trees", commit="0" * 40)


def test_what_is_written_of_rows_is_read_as_the_same_table_here(tmp_path):
    words = ["a few words"] * 178
    made = [
        (wine_table(tmp_path / "wine.csv", text=words, some=[1.5, None] * 89), {}),
        (wine_table(tmp_path / "wine.parquet", text=words, some=[1.5, None] * 89), {}),
        (list_table(tmp_path / "lists.parquet", age=range(1, 240, 2)), {}),
        (long_table(tmp_path / "long.csv"), {"series_column": "series"}),
    ]
    for path, choices in made:
        here = read_numbers(own_numbers(path, None, NumberChoices(**choices)))
        there = read_numbers(written(path, tmp_path / "there", **choices))
        assert (there.columns, there.names, there.remarks) == (here.columns, here.names, here.remarks)
        assert all(map(np.array_equal, there.values, here.values, [True] * len(here.values)))
        assert np.array_equal(there.labels, here.labels)


def test_classes_that_are_numbers_get_their_names_and_what_is_no_number_is_named(tmp_path):
    features = {"x": REAL, "tree": CLASSES, "sound": datasets.Value("binary"), "y": datasets.Array2D((2, 2), "int8")}
    features = datasets.Features(features)
    rows = {"x": [1.5, 2.5, 3], "tree": [1, 0, -1], "sound": [b"a"] * 3, "y": np.arange(12).reshape(3, 2, 2)}
    datasets.Dataset.from_dict(rows, features=features).to_parquet(tmp_path / "trees.parquet")
    found = read_numbers(written(tmp_path / "trees.parquet", tmp_path / "there"), least=1)
    assert (found.names, found.columns) == (("birch", "oak"), ("y 1", "y 2"))
    assert np.array_equal(found.values[1], [[4, 5], [6, 7]])
    assert found.remarks == ("2 columns beside lists of numbers, not used: x, sound",)
    assert found.left_out == ((Path("row 3"), "it has no class"),)


def test_more_than_a_table_may_hold_is_not_written_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(number_rows, "MOST_NUMBERS", 1000)
    with pytest.raises(
        ValueError, match="ada/trees has more than 1,000 cells, and a table may not; --dataset-split takes one"
    ):
        written(wine_table(tmp_path / "wine.parquet"), tmp_path / "there")


def parquet_of(path: Path) -> dict[str, bytes]:
    return {"data/train-00000-of-00001.parquet": path.read_bytes()}


def checked(client, *arguments: str, **options) -> dict:
    """What `siamese check` finds."""
    done = client.call("command", "check", *arguments, "--json", **options)
    assert done["value"]["code"] == 0, done
    return json.loads(done["value"]["out"])


@pytest.mark.slow
@pytest.mark.exhaustive
def test_each_layout_is_read_as_the_same_table_here(server, client, repo, tmp_path):
    many = {"text": "a few words", "nothing": None, "some": [1.5, None] * 89}
    wine, parquet = wine_table(tmp_path / "wine.csv", **many), wine_table(tmp_path / "wine.parquet", **many)
    long = long_table(tmp_path / "long.csv")
    lists = list_table(tmp_path / "lists.parquet", age=range(1, 240, 2))
    of_time = ("--series-column", "series", "--time-column", "time")
    layouts = [
        (wine, {"wine.csv": wine.read_bytes()}, ()),
        (parquet, parquet_of(parquet), ()),
        (long, {"data/train.csv": long.read_bytes()}, of_time),
        (lists, parquet_of(lists), ()),
    ]
    for number, (path, files, flags) in enumerate(layouts):
        server.add(f"datasets/{repo}-{number}", files)
        assert checked(client, f"{repo}-{number}", *flags) == checked(client, str(path), *flags)
    assert "1 column beside lists of numbers, not used: age" in str(checked(client, f"{repo}-3"))
    rows = [json.dumps({"signal": each.tolist(), "label": label}) for each, label in zip(*profiles(), strict=True)]
    server.add(f"datasets/{repo}-jsonl", {"data.jsonl": "\n".join(rows).encode()})
    found = checked(client, f"{repo}-jsonl")
    assert (found["preprocess"], found["columns"]) == ("sequences", ["signal 1", "signal 2"])
    assert found["classes"] == checked(client, f"{repo}-3")["classes"]


@pytest.mark.slow
@pytest.mark.exhaustive
def test_weights_are_those_of_the_table_here_and_the_commit_is_recorded(server, client, repo, tmp_path):
    path = list_table(tmp_path / "lists.parquet")
    commit = server.add(f"datasets/{repo}", parquet_of(path))
    for name, source in (("here", str(path)), ("hub", repo)):
        done = client.call("train", source, tmp_path / name, epochs=1)
        assert "value" in done, done
    assert (tmp_path / "hub" / WEIGHTS_FILE).read_bytes() == (tmp_path / "here" / WEIGHTS_FILE).read_bytes()
    data = json.loads((tmp_path / "hub" / CONFIG_FILE).read_text())["data"]
    assert (data["dataset"], data["revision"], data["is_public"]) == (repo, commit, True)
    asked, model = len(server.requests("/resolve/")), str(tmp_path / "hub")
    measured = [
        json.loads(client.call("command", "evaluate", "--model", model, "--dataset", source, "--json")["value"]["out"])
        for source in (str(path), f"{repo}@{commit}")
    ]
    assert measured[0] | {"dataset": ""} == measured[1] | {"dataset": ""}
    found = client.call("command", "one_shot", "--model", model, "--support", repo, "--query", repo, "--json")["value"]
    assert len(json.loads(found["out"])["results"]) == 120
    assert len(server.requests("/resolve/")) == asked, "what is here is not fetched again"


@pytest.mark.slow
@pytest.mark.exhaustive
def test_parts_and_logins_are_as_of_images(server, client, repo, tmp_path):
    train = wine_table(tmp_path / "train.parquet", slice(0, None, 2)).read_bytes()
    test = wine_table(tmp_path / "test.parquet", slice(1, None, 2)).read_bytes()
    files = {"data/train-00000-of-00001.parquet": train, "data/test-00000-of-00001.parquet": test}
    server.add(f"datasets/{repo}", files, private=True)
    refused = client.call("command", "check", repo)["value"]
    assert refused["code"] == 2
    assert "it is private: run `hf auth login`, or set HF_TOKEN" in refused["err"]
    found = checked(client, repo, token=READER)
    assert sum(found["classes"].values()) == 178
    assert "the parts are those that the dataset comes in: " in str(found["remarks"])
    alone = checked(client, repo, "--dataset-split", "test", token=READER)
    assert sum(alone["classes"].values()) == 89
    wrong = client.call("command", "check", repo, "--dataset-split", "dev", token=READER)["value"]
    assert f"{repo} has no rows in a part 'dev', allowed: test, train" in wrong["err"]


@pytest.mark.slow
@pytest.mark.exhaustive
def test_images_go_before_numbers_unless_a_series_is_named(server, client, repo):
    file, rows = io.BytesIO(), range(24)
    images = [Image.new("L", (9, 9), 10 * row) for row in rows]
    columns = {"image": images, "run": [row // 3 for row in rows], "x": [float(row**2) for row in rows]}
    columns["label"] = [str(row // 12) for row in rows]
    features = datasets.Features({"image": datasets.Image(), "run": WHOLE, "x": REAL, "label": TEXT})
    datasets.Dataset.from_dict(columns, features=features).to_parquet(file)
    server.add(f"datasets/{repo}", {"data/train-00000-of-00001.parquet": file.getvalue()})
    assert len(client.call("images", repo)["value"]["classes"]) == 2
    found = client.call("command", "check", repo, "--series-column", "run")["value"]
    assert "8 usable sequences in 2 classes" in found["out"], found


@pytest.mark.slow
@pytest.mark.exhaustive
def test_what_cannot_be_used_is_said_and_nothing_half_fetched_stays(server, client, repo, tmp_path):
    words = pd.DataFrame({"text": ["a", "b"] * 9, "label": ["x", "y"] * 9})
    words.to_parquet(tmp_path / "words.parquet")
    server.add(f"datasets/{repo}-words", parquet_of(tmp_path / "words.parquet"))
    assert_explained(
        client.call("images", f"{repo}-words"),
        "has no column of images, nor of numbers, only: text, label",
        kind="ValueError",
    )
    lines = [json.dumps({"x": 1.5, "label": "a"})] * 9 + [json.dumps({"x": "word", "label": "a"})]
    server.add(f"datasets/{repo}-mixed", {"data.jsonl": "\n".join(lines).encode()})
    mixed = client.call("command", "check", f"{repo}-mixed")["value"]
    assert mixed["code"] in (2, 3), mixed
    assert mixed["err"].count("\n") == 1, mixed
    table = wine_table(tmp_path / "wine.parquet")
    server.add(f"datasets/{repo}", parquet_of(table))
    server.fail(403, f"/{repo}/resolve/", key=".parquet", times=100)
    assert "may not read" in client.call("command", "check", repo)["value"]["err"]
    server.faults.clear()
    assert sum(checked(client, repo)["classes"].values()) == 178
    assert not list(client.home.rglob("*.unfinished"))
