"""Tables and folders as they are read: what is used, what is left out, and what is said of it."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from number_files import WINE, class_folders, list_table, long_table, profiles, wine_table

from siamese.data.labelled_numbers import read_numbers, sources_of_classes
from siamese.data.own_numbers import NumberChoices, own_numbers

LONG = NumberChoices(series_column="series", time_column="time")


def read(path, choices: NumberChoices = NumberChoices(), **more):  # noqa: B008 - frozen
    return read_numbers(own_numbers(path, None, choices), **more)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_table_gives_its_rows_and_classes(tmp_path, suffix):
    found = read(wine_table(tmp_path / f"wine{suffix}"))
    assert found.columns == tuple(WINE.feature_names)
    assert np.allclose(np.stack(found.values), WINE.data)
    assert [found.names[label] for label in found.labels] == WINE.target_names[WINE.target].tolist()
    assert found.left_out == found.remarks == ()
    assert found.sources[:2] == ("row 1", "row 2")


def test_a_long_table_and_class_folders_give_the_same_sequences(tmp_path):
    values, labels = profiles()
    for path, choices in ((long_table(tmp_path / "long.csv"), LONG), (class_folders(tmp_path / "folders"), NumberChoices())):
        found = read(path, choices)
        for each, times, label, source in zip(found.values, found.times, found.labels, found.sources, strict=True):
            place = int(source.rpartition("/")[2].partition(".")[0])
            order = np.arange(8) if times is None else np.argsort(times)
            assert np.array_equal(each[order], values[place])
            assert found.names[label] == labels[place]


def test_lists_in_the_rows_of_a_table_are_sequences(tmp_path):
    values, labels = profiles()
    path = list_table(tmp_path / "lists.parquet", age=[*range(1, 240, 2)])
    found = read(path)
    assert found.columns == ("rows", "columns")
    assert all(np.array_equal(each, expected) for each, expected in zip(found.values, values, strict=True))
    assert [found.names[label] for label in found.labels] == labels
    assert "1 column beside lists of numbers, not used: age" in found.remarks
    assert sources_of_classes(own_numbers(path, None, NumberChoices()))["0"][0] == f"{path}#1"
    by_time = read(path, NumberChoices(time_column="rows"))
    assert by_time.columns == ("columns",)
    assert np.array_equal(by_time.times[5], values[5][:, 0])


def test_lists_that_cannot_be_used_are_named(tmp_path):
    values, labels = profiles(20)
    lists = [each.tolist() for each in values]
    lists[3], lists[4], lists[5], labels[6] = [[1.0, 2.0], [3.0]], None, [[np.inf, 1.0]] * 8, ""
    path = tmp_path / "lists.parquet"
    pd.DataFrame({"signal": lists, "label": labels}).to_parquet(path)
    found = read(path, least=1)
    assert found.columns == ("signal 1", "signal 2")
    reasons = {str(source): reason for source, reason in found.left_out}
    for row, part in ((4, "1 to 2 numbers"), (5, "it has no steps"), (6, "is inf"), (7, "no class")):
        assert part in reasons[f"row {row}"]
    assert len(found.values) == 16
    wide = tmp_path / "wide.parquet"
    pd.DataFrame({"signal": [each.T.tolist() for each in values], "label": profiles(20)[1]}).to_parquet(wide)
    assert "sequences of 2 steps with 8 numbers each: if it is the other way round, turn them over" in read(wide).remarks


def test_a_part_that_is_not_there_is_said(tmp_path):
    path = wine_table(tmp_path / "wine.csv", split=["train"] * 100 + ["test"] * 78)
    assert len(read(path, NumberChoices(part="test")).values) == 78
    with pytest.raises(ValueError, match="has no rows in a part 'dev', allowed: test, train"):
        read(path, NumberChoices(part="dev"))


def test_columns_of_no_use_are_named_and_not_used(tmp_path):
    count = len(WINE.data)
    added = {
        "id": range(count),
        "text": ["a few words"] * count,
        "nothing": [None] * count,
        "some": [1.0, None] * (count // 2),
    }
    found = read(wine_table(tmp_path / "wine.csv", **added))
    assert found.columns == (*WINE.feature_names, "some")
    text = " ".join(found.remarks)
    for part in ("that count the rows, not used: id", "else than numbers, not used: text", "missing, not used: nothing"):
        assert part in text


def test_rows_that_cannot_be_used_are_named_and_the_others_are_used(tmp_path):
    path = wine_table(tmp_path / "wine.csv")
    lines = path.read_text().splitlines()
    lines[3] = lines[3].rpartition(",")[0] + ","  # no class
    lines[4] = "x" + lines[4]
    lines[5] = lines[5].partition(",")[2]  # a cell too few
    lines[6] = "inf" + lines[6][lines[6].index(",") :]
    lines[7] = ",," + "," * 11 + "class_0"
    path.write_text("\n".join([*lines, lines[1], lines[1].rpartition(",")[0] + ",alone"]))
    found = read(path)
    reasons = {source.name: reason for source, reason in found.left_out}
    assert list(reasons) == ["row 3", "row 4", "row 5", "row 6", "row 7", f"row {len(lines) + 1}"]
    for reason, part in zip(
        reasons.values(),
        ["no class", "is 'x", "has 13 cells", "is inf", "blank", "the only usable row of its class"],
        strict=True,
    ):
        assert part in reason
    assert len(found.values) == len(WINE.data) - 5 + 1
    assert found.first[-1] == 0
    assert any("1 row with the numbers of an earlier one" in remark for remark in found.remarks)


def test_a_series_that_cannot_be_used_is_named(tmp_path):
    path = long_table(tmp_path / "long.csv")
    frame = pd.read_csv(path).astype({"rows": object, "label": str})
    frame.loc[frame.series == 1, "label"] = ["1"] * 7 + ["2"]
    frame.loc[frame.index[frame.series == 2][0], "rows"] = "many"
    frame = frame[(frame.series != 3) | (frame.time == 0)]
    frame.loc[frame.series == 4, ["rows", "columns"]] = 7.0
    frame.to_csv(path, index=False)
    assert len(read(path, LONG).left_out) == 3
    of_shape = dataclasses.replace(LONG, normalise="shape")
    reasons = {source.name: reason for source, reason in read(path, of_shape).left_out}
    assert set(reasons) == {"1", "2", "3", "4"}
    assert "same value everywhere, and so no shape of its own" in reasons["4"]
    assert "of several classes: '1, 2'" in reasons["1"]
    assert "column 'rows' is 'many'" in reasons["2"]
    assert "1 step, allowed: 2" in reasons["3"]


def test_parts_of_a_table_are_kept_apart(tmp_path):
    part = ["train"] * 100 + ["test"] * 78
    path = wine_table(tmp_path / "wine.csv", split=part)
    assert np.bincount(read(path).part).tolist() == [100, 0, 78]
    assert len(read(path, NumberChoices(part="test"), least=1).values) == 78


BAD = {
    "no such class column": ({"label_column": "kind"}, {}, r"has no column 'kind' \(--label-column\), allowed: alcohol"),
    "no class column that is usual": (
        {},
        {"class": None},
        "no column is called as the classes; name it with --label-column",
    ),
    "several usual ones": ({}, {"label": "a"}, "several columns may be the classes"),
    "a class for each row": ({"label_column": "row"}, {"row": range(178)}, "another value in each of its 178 rows"),
    "one class": ({"label_column": "one"}, {"one": "a"}, "names 1 class, allowed: 2 or more"),
    "no such series column": ({"series_column": "of"}, {}, r"has no column 'of' \(--series-column\)"),
    "no such time column": ({"series_column": "ash", "time_column": "t"}, {}, r"has no column 't' \(--time-column\)"),
}


@pytest.mark.parametrize(("choices", "added", "sentence"), BAD.values(), ids=BAD)
def test_a_wrong_column_is_said_with_those_there_are(tmp_path, choices, added, sentence):
    path = wine_table(tmp_path / "wine.csv", **{name: values for name, values in added.items() if values is not None})
    if "class" in added:
        path.write_text(path.read_text().replace("class", "kind", 1))
    with pytest.raises(ValueError, match=sentence) as caught:
        read(path, NumberChoices(**choices))
    assert "\n" not in str(caught.value)


def test_a_table_of_words_alone_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("class,word\na,b\na,c\nd,e\nd,f\n")
    with pytest.raises(ValueError, match="has no column of numbers beside its classes"):
        read(tmp_path / "a.csv")


def test_rows_are_sources_that_a_model_reads(tmp_path):
    path = wine_table(tmp_path / "wine.csv", slice(0, None, 60))
    classes = sources_of_classes(own_numbers(path, None, NumberChoices()))
    assert classes == {"class_0": [f"{path}#1"], "class_1": [f"{path}#2", f"{path}#3"]}
