"""Numbers split and normalised: by the training part alone, with nothing of the test in it."""

import numpy as np
import pytest
from number_files import WINE, class_folders, long_table, wine_table

from siamese.config import EncoderConfig
from siamese.data.number_splits import SequenceChoices, check_numbers, load_measured, load_number_splits
from siamese.data.own_numbers import NumberChoices, own_numbers

ROWS, MLP = SequenceChoices(), EncoderConfig("mlp")


def load(path, split: str, choices=ROWS, columns=NumberChoices(), pairs=None):  # noqa: B008 - frozen
    return load_number_splits(own_numbers(path, pairs, columns), MLP, choices, split, 0.2, 0.2, 0)


def test_mean_and_deviation_are_those_of_the_training_part(tmp_path):
    splits, preprocess, encoder = load(wine_table(tmp_path / "wine.csv"), "within")
    places = [int(source.removeprefix("row ")) - 1 for source in splits.training.sources]
    training, numbers = WINE.data[places], preprocess.numbers
    assert np.allclose(numbers.mean, training.mean(axis=0))
    assert np.allclose(numbers.deviation, training.std(axis=0))
    assert np.allclose(splits.training.images, (training - numbers.mean) / numbers.deviation, atol=1e-5)
    assert encoder.shape == (13,)
    held_out = {*splits.validation.sources, *splits.test.sources}
    assert len(held_out) == 72
    assert not held_out & set(splits.training.sources)
    assert (splits.record.training_images, splits.record.test_images) == (106, 36)


def test_sequences_are_split_by_whole_classes(tmp_path):
    splits, preprocess, encoder = load(class_folders(tmp_path), "classes", SequenceChoices(8))
    names = [{part.names[label] for label in part.labels} for part in (splits.training, splits.validation, splits.test)]
    assert sum(map(len, names)) == len(set.union(*names)) == 10
    assert encoder.shape == splits.training.images.shape[1:] == (8, 3)
    assert preprocess.mode == "sequences"
    assert splits.training.images.dtype == np.float32


def test_where_what_is_left_out_makes_it_too_little_the_reason_is_told(tmp_path):
    class_folders(tmp_path)
    for file in list(tmp_path.glob("[1-9]/*")):
        file.unlink()
        file.with_suffix(".csv").write_text("1,2,3,4\n5,6,7,8\n")
    with pytest.raises(ValueError, match=r"only one class.* Left out: \d+ sequences, the first .*: it has 4 columns"):
        load(tmp_path, "within", SequenceChoices(8))


def test_copies_are_in_one_part(tmp_path):
    table = wine_table(tmp_path / "wine.csv")
    lines = table.read_text().splitlines()
    table.write_text("\n".join([*lines, *lines[1:]]))
    splits = load(table, "within")[0]
    parts = [{each.tobytes() for each in part.images} for part in (splits.training, splits.validation, splits.test)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 178


def test_pairs_of_rows_share_no_row(tmp_path):
    table, pairs = wine_table(tmp_path / "wine.csv"), tmp_path / "pairs.csv"
    order = np.random.default_rng(0).permutation(178).reshape(-1, 2)
    rows = [f"{a + 1},{b + 1},{int(WINE.target[a] == WINE.target[b])}" for a, b in order]
    pairs.write_text("\n".join(["image_a,image_b,is_same", *rows]))
    splits, preprocess, _ = load(table, "pairs", pairs=pairs)
    assert splits.record.pairs + len(splits.validation.is_same) + len(splits.test.is_same) == 89
    a, b = splits.test.ends[0]
    rows = [(WINE.data - preprocess.numbers.mean) / preprocess.numbers.deviation]
    places = [int(np.abs(rows[0] - splits.test.images[end]).sum(axis=1).argmin()) for end in (a, b)]
    assert (WINE.target[places[0]] == WINE.target[places[1]]) == splits.test.is_same[0]
    assert load_measured(own_numbers(table, pairs, NumberChoices()), preprocess.numbers)[0].is_same.shape == (89,)


def test_a_pair_of_a_row_that_is_not_there_is_left_out(tmp_path):
    table, pairs = wine_table(tmp_path / "wine.csv"), tmp_path / "pairs.csv"
    pairs.write_text("image_a,image_b,is_same\n1,2,1\n3,4,1\n1,100,0\n1,1000,0\n")
    own = own_numbers(table, pairs, NumberChoices())
    with pytest.raises(ValueError, match="training would have"):
        load(table, "pairs", pairs=pairs)
    checked = check_numbers(own)
    assert "each of" not in checked.seen
    assert checked.problem.startswith("training would have")


def test_a_check_says_what_a_training_would_do(tmp_path):
    checked = check_numbers(own_numbers(long_table(tmp_path / "long.csv"), None, NumberChoices(None, "series", "time")))
    assert checked.split == "classes"
    assert checked.problem == ""
    assert checked.seen.startswith("sequences of 2 columns, resampled to 8 steps")
    table = wine_table(tmp_path / "few.csv", slice(0, None, 30))
    assert "row" in (problem := check_numbers(own_numbers(table, None, NumberChoices())).problem)
    assert "image" not in problem


def test_flags_are_columns_of_sequences_that_say_yes_or_no(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        for place in range(8):
            way = np.random.default_rng(place).normal(size=(9, 2))
            values = np.column_stack([way, [1, 1, 0] * 3])
            np.savetxt(tmp_path / name / f"{place}.csv", values, delimiter=",", header="x,y,pen", comments="")
    numbers = load(tmp_path, "within", SequenceChoices(9, normalise="shape"))[1].numbers
    assert numbers.flags == ("pen",)
