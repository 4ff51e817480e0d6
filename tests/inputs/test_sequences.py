"""Sequences as the network sees them, against numpy."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from siamese.config import EncoderConfig, NumbersConfig, PreprocessConfig
from siamese.inputs import INPUTS
from siamese.inputs.sequences import canonical_sequence

NUMBERS = NumbersConfig(("x", "y"), (10.0, -5.0), (2.0, 4.0), length=9)
SEQUENCES = INPUTS["sequences"]
RANDOM = np.random.default_rng(0)
WAY = RANDOM.normal((10, -5), (2, 4), (30, 2)).cumsum(axis=0)


def canonical(values: np.ndarray, times=None, **changes) -> np.ndarray:
    return canonical_sequence(np.asarray(values, float), times, dataclasses.replace(NUMBERS, **changes), "it")


def read(source, **changes) -> np.ndarray:
    numbers = dataclasses.replace(NUMBERS, **changes)
    return SEQUENCES.read(source, PreprocessConfig("sequences", numbers=numbers), EncoderConfig("gru", shape=(9, 3)))[0]


def test_as_many_steps_as_wanted_stay_what_they_are():
    values = RANDOM.normal((10, -5), (2, 4), (9, 2))
    seen = canonical(values)
    assert seen.dtype == np.float32
    assert np.allclose(seen[:, :2], (values - [10, -5]) / [2, 4], atol=1e-6)
    assert (seen[:, 2] == 1).all()


def test_resampling_is_on_straight_lines_between_the_steps():
    line = np.linspace([10, -5], [14, 3], 30)
    assert np.allclose(canonical(line)[:, :2], np.linspace([0, 0], [2, 2], 9), atol=1e-6)
    assert np.allclose(canonical(line[[0, -1]])[:, :2], np.linspace([0, 0], [2, 2], 9), atol=1e-6)


def test_time_orders_and_spaces_the_steps():
    times = np.array([0, 1, 4, 2, 8.0])
    seen = canonical(np.stack([10 + 2 * times, -5 + 4 * times], axis=1), times)
    assert np.allclose(seen[:, :2], np.linspace([0, 0], [8, 8], 9), atol=1e-6)


def test_padding_keeps_the_steps_and_masks_the_rest_and_resamples_what_is_longer():
    seen = canonical(WAY[:4], fit="pad")
    assert seen[:, 2].tolist() == [1] * 4 + [0] * 5
    assert (seen[4:] == 0).all()
    assert np.array_equal(canonical(WAY, fit="pad"), canonical(WAY))


def test_each_has_its_own_mean_and_deviation_and_shape_keeps_proportions():
    each = canonical(WAY[:9], normalise="each")[:, :2]
    assert np.allclose(each.mean(axis=0), 0, atol=1e-6)
    assert np.allclose(each.std(axis=0), 1, atol=1e-5)
    shape = canonical(WAY[:9], normalise="shape")[:, :2]
    moved = canonical(WAY[:9] * 7 + 100, normalise="shape")[:, :2]
    assert np.allclose(shape, moved, atol=1e-5)
    assert np.allclose(np.ptp(shape, axis=0) / np.ptp(shape[:, 0]), np.ptp(WAY[:9], axis=0) / np.ptp(WAY[:9, 0]), atol=1e-5)


def test_a_gap_is_bridged_and_a_column_that_is_missing_is_at_the_mean():
    values = np.linspace([10, -5], [14, 3], 9)
    gap = values.copy()
    gap[3:5, 0] = np.nan
    assert np.allclose(canonical(gap), canonical(values), atol=1e-6)
    gap[:, 1] = np.nan
    assert (canonical(gap)[:, 1] == 0).all()


def test_flags_stay_yes_or_no_whatever_is_normalised():
    values = np.concatenate([WAY, np.repeat([[1], [0], [1]], 10, axis=0)], axis=1)
    numbers = dataclasses.replace(
        NUMBERS, columns=("x", "y", "pen"), mean=(10, -5, 0.7), deviation=(2, 4, 0.5), flags=("pen",), normalise="shape"
    )
    seen = canonical_sequence(values, None, numbers, "it")
    assert seen[:, 2].tolist() == [1, 1, 1, 0, 0, 0, 1, 1, 1]
    assert np.array_equal(seen[:, :2], canonical(WAY, normalise="shape")[:, :2])


@pytest.mark.parametrize("suffix", [".csv", ".npy", ".json"])
def test_files_and_arrays_are_one(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    if suffix == ".npy":
        np.save(path, WAY)
    else:
        texts = [f"{x!r},{y!r}" for x, y in WAY.tolist()]
        path.write_text("x,y\n" + "\n".join(texts) if suffix == ".csv" else "[[" + "],[".join(texts) + "]]")
    mapping = {"y": WAY[:, 1].tolist(), "x": WAY[:, 0].tolist()}
    for source in (path, str(path), WAY, WAY.tolist(), mapping):
        assert np.array_equal(read(source), canonical(WAY))


def test_a_column_of_times_is_used_where_the_source_has_it():
    times = np.geomspace(1, 100, 30)
    seen = read({"t": times, "x": WAY[:, 0], "y": WAY[:, 1]}, time_column="t")
    assert np.array_equal(seen, canonical(WAY, times))
    assert np.array_equal(read(WAY, time_column="t"), canonical(WAY))


@pytest.mark.parametrize(
    ("values", "times", "changes", "sentence"),
    [
        (WAY[:1], None, {}, "it has 1 step, allowed: 2 to"),
        (WAY * np.nan, None, {}, "it is blank: every number is missing"),
        (WAY[:3], np.array([0, np.nan, 1]), {}, "it: the time of row 2 is missing"),
        (WAY[:3], np.array([1.0, 1, 1]), {}, "has but one time, 1"),
        (np.full((9, 2), 3.0), None, {"normalise": "each"}, "blank: it has the same value everywhere"),
        (np.full((9, 2), 3.0), None, {"normalise": "shape"}, "blank: it has the same value everywhere"),
    ],
)
def test_what_is_wrong_with_a_sequence_is_said(values, times, changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        canonical(values, times, **changes)


def test_facts_are_the_steps_and_the_ends_of_each_column_of_what_is_seen():
    facts = SEQUENCES.facts(canonical(WAY[:4], fit="pad"), PreprocessConfig("sequences", numbers=NUMBERS))
    scaled = np.clip((WAY[:4] - [10, -5]) / [2, 4], -10, 10)
    assert facts == {
        "number of steps": "4",
        "x": f"{scaled[:, 0].min():.3g} to {scaled[:, 0].max():.3g}",
        "y": f"{scaled[:, 1].min():.3g} to {scaled[:, 1].max():.3g}",
    }


def test_a_row_of_lists_in_a_file_is_a_sequence(tmp_path):
    path = tmp_path / "ways.parquet"
    ways = [WAY, WAY[:12]]
    columns = {name: [way[:, place].tolist() for way in ways] for place, name in enumerate("xy")}
    pd.DataFrame(columns).to_parquet(path)
    assert np.array_equal(read(f"{path}#2"), canonical(WAY[:12]))
    for source, message in (
        (path, r"has 2 rows; say which, as .*ways\.parquet#1, up to #2"),
        (f"{path}#3", "has 2 rows, and not number 3; allowed: 1 to 2"),
    ):
        with pytest.raises(ValueError, match=message):
            read(source)
    np.save(tmp_path / "a.npy", WAY)
    with pytest.raises(ValueError, match="has no lists, and so no sequence in row 1: leave #1 out"):
        read(f"{tmp_path / 'a.npy'}#1")
