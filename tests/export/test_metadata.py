"""What an exported file says of itself: text that comes back as it was, or one sentence on what is wrong with it."""

import base64
import dataclasses
import json

import numpy as np
import pytest

from siamese.config import ModelFolderConfig
from siamese.export.metadata import describe, parse


@pytest.fixture(scope="module")
def about(bundled) -> dict[str, str]:
    return describe(bundled.config, "a digest", "uint8", bundled.reference)


def test_all_is_text_and_comes_back_as_it_was(about, bundled):
    assert all(isinstance(text, str) for pair in about.items() for text in pair)
    config, fingerprint, kind, reference = parse(about)
    assert (config, fingerprint, kind) == (bundled.config, "a digest", "uint8")
    assert reference.split == bundled.reference.split
    for name, array in bundled.reference.arrays().items():
        found = getattr(reference, name)
        assert found.dtype == array.dtype
        assert np.array_equal(found, array)


def test_what_a_pair_is_judged_by_can_be_read_without_json(about, bundled):
    calibration = bundled.config.calibration
    assert {name: float(about[name]) for name in dataclasses.asdict(calibration)} == dataclasses.asdict(calibration)


def test_without_a_reference_there_is_none(bundled):
    about = describe(bundled.config, "a digest", "float32", None)
    assert "reference" not in about
    assert parse(about)[3] is None


def _with_reference(about: dict[str, str], **arrays: object) -> dict[str, str]:
    return about | {"reference": json.dumps(json.loads(about["reference"]) | arrays)}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda about: {}, "not written by `siamese export`"),
        (lambda about: about | {"format": "siamese-export-9"}, "not written by `siamese export`"),
        (lambda about: {name: text for name, text in about.items() if name != "config"}, "lacks config"),
        (lambda about: about | {"input": "float16"}, "lacks an input that is uint8 or float32"),
        (lambda about: about | {"config": "{}"}, "lacks the keys"),
        (lambda about: about | {"config": "[" * 100_000}, "config"),
        (lambda about: about | {"reference": "[]"}, "reference is damaged"),
        (lambda about: about | {"reference": "no JSON"}, "reference is damaged"),
        (lambda about: _with_reference(about, labels=3), "reference is damaged"),
        (lambda about: _with_reference(about, labels="no base64"), "reference is damaged"),
        (lambda about: _with_reference(about, more=""), "reference is damaged"),
        (lambda about: _with_reference(about, lengths=base64.b64encode(bytes(40)).decode()), "reference is damaged"),
        (lambda about: _with_reference(about, embeddings=base64.b64encode(bytes(44)).decode()), "reference is damaged"),
        (
            lambda about: _with_reference(
                about, lengths=base64.b64encode(np.full(1000, np.nan, np.float32).tobytes()).decode()
            ),
            "reference is damaged",
        ),
    ],
)
def test_anything_else_is_refused(change, expected, about):
    with pytest.raises(ValueError, match=expected):
        parse(change(about))


def test_a_reference_is_of_so_many_numbers_as_the_model(about):
    config = json.loads(about["config"])
    config["encoder"]["embedding_dim"] = 7
    assert isinstance(ModelFolderConfig.from_json(json.dumps(config)), ModelFolderConfig)
    with pytest.raises(ValueError, match="reference is damaged"):
        parse(about | {"config": json.dumps(config)})
