"""Rows of numbers as the network sees them, against scikit-learn's scaler."""

import numpy as np
import pytest
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler

from siamese.config import EncoderConfig, NumbersConfig, PreprocessConfig
from siamese.inputs import INPUTS
from siamese.inputs.vectors import FURTHEST, standardise

WINE = load_wine()
SCALER = StandardScaler().fit(WINE.data)
NAMES = tuple(WINE.feature_names)
NUMBERS = NumbersConfig(NAMES, tuple(SCALER.mean_.tolist()), tuple(SCALER.scale_.tolist()))
PREPROCESS = PreprocessConfig("vectors", numbers=NUMBERS)
VECTORS = INPUTS["vectors"]


def read(source) -> np.ndarray:
    return VECTORS.read(source, PREPROCESS, EncoderConfig("mlp", shape=(13,)))[0]


def test_rows_are_standardised_as_scikit_learn_does():
    assert np.allclose(standardise(WINE.data, NUMBERS), SCALER.transform(WINE.data), atol=1e-5)


def test_all_kinds_of_sources_of_a_row_are_one(tmp_path):
    row, by_name = WINE.data[5], dict(zip(NAMES[::-1], WINE.data[5, ::-1].tolist(), strict=True))
    (tmp_path / "one.csv").write_text(",".join(NAMES) + "\n" + ",".join(map(repr, row.tolist())) + "\n")
    np.savetxt(tmp_path / "all.csv", WINE.data, delimiter=",", header=",".join(NAMES), comments="", fmt="%.17g")
    np.save(tmp_path / "all.npy", WINE.data)
    sources = [row, row.tolist(), by_name, tmp_path / "one.csv", f"{tmp_path / 'all.csv'}#6", f"{tmp_path / 'all.npy'}#6"]
    for source in sources:
        assert np.array_equal(read(source), SCALER.transform(row[None])[0].astype(np.float32))


def test_what_is_missing_is_at_the_mean_and_what_is_far_off_is_not_too_far():
    row = WINE.data[0].copy()
    row[3], row[4] = np.nan, 1e20
    seen = read(row)
    assert seen[3] == 0
    assert seen[4] == FURTHEST


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (np.full(13, np.nan), "blank: every number of the row is missing"),
        (np.zeros(12), "the array has 12 columns, allowed: 13, as in training"),
        (np.zeros((2, 13)), "has 2 rows; say which"),
        ({"alcohol": 1.0}, "has no columns malic_acid"),
        (np.full(13, np.inf), "is inf, allowed"),
    ],
)
def test_what_is_wrong_with_a_row_is_said(source, sentence):
    with pytest.raises(ValueError, match=sentence):
        read(source)


@pytest.mark.parametrize("row", [0, 3])
def test_a_row_that_is_not_there_is_named(tmp_path, row):
    np.save(tmp_path / "a.npy", WINE.data[:2])
    with pytest.raises(ValueError, match=f"has 2 rows, and not number {row}; allowed: 1 to 2"):
        read(f"{tmp_path / 'a.npy'}#{row}")


def test_facts_are_the_numbers_as_they_came():
    facts = VECTORS.facts(read(WINE.data[7]), PREPROCESS)
    assert list(facts) == list(NAMES)
    assert [float(each) for each in facts.values()] == pytest.approx(WINE.data[7].tolist(), rel=1e-4)
    assert VECTORS.ways(PREPROCESS) == ("upload", "paste")


def test_bytes_hold_one_row():
    assert np.array_equal(read(",".join(map(repr, WINE.data[5].tolist())).encode()), read(WINE.data[5]))
    with pytest.raises(ValueError, match="what was sent has 2 rows, allowed: one"):
        read(",".join(NAMES).encode() + 2 * (b"\n" + b",".join([b"1"] * 13)))
