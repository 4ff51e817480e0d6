"""config.json comes back as it was written, and whatever is wrong with one is refused by the name of the key."""

import copy
import dataclasses
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siamese.config import (
    ASPECTS,
    FORMAT_VERSION,
    PREPROCESS_MODES,
    PREPROCESS_VERSIONS,
    SPLITS,
    BackboneConfig,
    Calibration,
    DataRecord,
    EncoderConfig,
    EpochRecord,
    LossConfig,
    Metrics,
    ModelFolderConfig,
    PreprocessConfig,
    TrainingRecord,
)

COMPLETE = ModelFolderConfig(history=(EpochRecord(1, 0.5, 91.0, 9.0, 0.97, 3.5), EpochRecord(2, 0.25, 95.0, 5.0, 0.99, 7.0)))

finite = st.floats(allow_nan=False, allow_infinity=False)
by_type = {int: st.integers(), float: finite, str: st.text(), bool: st.booleans()}
by_type[float | None] = st.none() | finite
by_type[tuple[int, ...] | None] = st.none()  # the shape of what is no image


def record(cls, **ranges):
    """Any valid `cls`: fields within `ranges`, all others by their type alone."""
    others = {field.name: by_type[field.type] for field in dataclasses.fields(cls) if field.name not in ranges}
    return st.builds(cls, **ranges, **others)


above_zero = st.floats(min_value=0, exclude_min=True, allow_infinity=False)
three = st.tuples(*[st.floats(0.001, 1)] * 3)
backbones = record(BackboneConfig, mean=three, deviation=three, stages=st.just((2, 3)), grids=st.just((2, 4)))
configs = st.builds(
    ModelFolderConfig,
    encoder=record(
        EncoderConfig,
        embedding_dim=st.integers(1, 4096),
        views=st.integers(1, 9),
        image_size=st.integers(8, 512),
        channels=st.sampled_from([1, 3]),
        name=st.sampled_from(["compact", "vast"]),
        backbone=st.none(),
    )
    | record(
        EncoderConfig,
        name=st.just("timm/some"),
        embedding_dim=st.just(8),
        views=st.just(1),
        image_size=st.just(8),
        channels=st.just(3),
        backbone=backbones,
    ),
    preprocess=st.sampled_from(PREPROCESS_MODES).flatmap(
        lambda mode: record(
            PreprocessConfig,
            mode=st.just(mode),
            box_fraction=st.floats(0.1, 1),
            version=st.sampled_from(PREPROCESS_VERSIONS),
            numbers=st.none(),
            aspect=st.sampled_from(ASPECTS if mode == "ink" else ASPECTS[:1]),
        )
    ),
    calibration=record(
        Calibration,
        threshold=above_zero,
        same_slope=above_zero,
        different_slope=above_zero,
        doubt=st.floats(0, 0.5, exclude_max=True),
    ),
    loss=record(LossConfig, margin=st.floats(0, 100)),
    data=record(DataRecord, split=st.sampled_from(SPLITS)),
    training=record(TrainingRecord),
    metrics=record(Metrics),
    history=st.lists(record(EpochRecord), max_size=3).map(tuple),
    seen=st.none() | record(Metrics),
)


@given(configs)
def test_every_config_comes_back_equal(config):
    assert ModelFolderConfig.from_json(config.to_json()) == config


def test_text_is_plain_json_of_all_fields():
    assert json.loads(COMPLETE.to_json()) == json.loads(json.dumps(dataclasses.asdict(COMPLETE)))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_numbers_that_are_not_finite_are_never_written(value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        ModelFolderConfig(metrics=Metrics(roc_auc=value)).to_json()


# ---- Reading what is wrong ----


def leaves(value, path: tuple = ()):
    """Paths of all keys, at every depth."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, entry in entries:
        if isinstance(key, str):
            yield (*path, key)
        yield from leaves(entry, (*path, key))


def at(path: tuple):
    """The value of COMPLETE at `path`."""
    value = RAW
    for key in path:
        value = value[key]
    return value


def dotted(path) -> str:
    return ".".join(map(str, path)) if isinstance(path, tuple) else repr(path)


RAW = json.loads(COMPLETE.to_json())
KEYS = list(leaves(RAW))
WRONG = [None, [[]], "text", 1.5, True, {}]
every_key = pytest.mark.parametrize("path", KEYS, ids=dotted)


def read_with(path: tuple, change) -> None:
    """Read COMPLETE after `change(parent, key)` at `path`."""
    raw = copy.deepcopy(RAW)
    parent = raw
    for key in path[:-1]:
        parent = parent[key]
    change(parent, path[-1])
    ModelFolderConfig.from_json(json.dumps(raw))


def test_the_unchanged_text_is_accepted():
    assert ModelFolderConfig.from_json(json.dumps(RAW)) == COMPLETE


# Keys that older folders lack, with what is then read.
ADDED_LATER = {("data", "pairs"): 0, ("data", "seen_images"): 0, ("data", "seen_classes"): 0, ("seen",): None}
ADDED_LATER |= {("data", "validation_groups"): 0, ("data", "test_groups"): 0, ("distances",): None}
ADDED_LATER |= {("training", "finished_at_step"): 0, ("calibration", "doubt"): 0}
ADDED_LATER |= {("preprocess", "version"): 1, ("data", "revision"): "", ("data", "is_public"): False}
ADDED_LATER |= {("data", "has_own_parts"): False, ("data", "also"): "", ("data", "also_images"): 0}
ADDED_LATER |= {("encoder", "backbone"): None, ("encoder", "mirrors"): True}
ADDED_LATER |= {("encoder", "shape"): None, ("encoder", "views"): 1, ("preprocess", "numbers"): None}
ADDED_LATER |= {("preprocess", "aspect"): "kept"}


@pytest.mark.parametrize("path", [path for path in KEYS if path not in ADDED_LATER], ids=dotted)
def test_a_missing_key_is_named(path):
    with pytest.raises(ValueError, match=f"lacks the keys {path[-1]}$"):
        read_with(path, lambda parent, key: parent.pop(key))


def test_keys_that_older_folders_lack_are_read_with_their_defaults():
    raw = copy.deepcopy(RAW)
    for *parents, key in ADDED_LATER:
        section = raw
        for parent in parents:
            section = section[parent]
        del section[key]
    read = json.loads(ModelFolderConfig.from_json(json.dumps(raw)).to_json())
    expected = copy.deepcopy(RAW)
    for (*parents, key), value in ADDED_LATER.items():
        section = expected
        for parent in parents:
            section = section[parent]
        section[key] = value
    assert read == expected


@every_key
def test_an_unknown_key_is_named(path):
    with pytest.raises(ValueError, match=r"unknown keys \['surprise'\], allowed: .*" + path[-1]):
        read_with(path, lambda parent, key: parent.update(surprise=1))


NULLABLE = ["tar_at_far_1", "tar_at_far_01"]
RATES = ("balanced_accuracy", "false_accept_rate", "false_reject_rate")
NULLABLE += [f"{name}_{end}" for name in RATES for end in ("low", "high")]
mistyped = [(path, value) for path in KEYS for value in WRONG if type(value) is not type(at(path))]
mistyped = [(path, value) for path, value in mistyped if value is not None or path[-1] not in NULLABLE]


@pytest.mark.parametrize(("path", "value"), mistyped, ids=dotted)
def test_a_wrong_type_is_named(path, value):
    with pytest.raises(ValueError, match=str(path[-1])):
        read_with(path, lambda parent, key: parent.update({key: value}))


def test_a_number_may_be_written_without_its_point():
    raw = copy.deepcopy(RAW)
    raw["calibration"]["threshold"] = 2
    threshold = ModelFolderConfig.from_json(json.dumps(raw)).calibration.threshold
    assert threshold == 2
    assert type(threshold) is float


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 400], ids=lambda text: text[:9])
@pytest.mark.parametrize("key", ["threshold", "balanced_accuracy_low", "seconds"])
def test_numbers_that_are_not_finite_are_named(key, number):
    text = COMPLETE.to_json()
    start = text.index(f'"{key}": ') + len(f'"{key}": ')
    end = min(text.index(mark, start) for mark in ",\n" if mark in text[start:])
    with pytest.raises(ValueError, match=f"{key} is .*, allowed: a finite number"):
        ModelFolderConfig.from_json(text[:start] + number + text[end:])


OUT_OF_RANGE = [
    (("encoder", "embedding_dim"), 0, "1 to 4096"),
    (("encoder", "embedding_dim"), 4097, "1 to 4096"),
    (("encoder", "image_size"), 7, "8 to 512"),
    (("encoder", "image_size"), 513, "8 to 512"),
    (("encoder", "channels"), 2, "1, 3"),
    (("preprocess", "mode"), "magic", ", ".join(PREPROCESS_MODES)),
    (("preprocess", "aspect"), "square", "kept, adaptive"),
    (("preprocess", "version"), 3, ", ".join(map(str, PREPROCESS_VERSIONS))),
    (("data", "split"), "halves", ", ".join(SPLITS)),
    (("preprocess", "box_fraction"), 0.05, "0.1 to 1.0"),
    (("preprocess", "box_fraction"), 1.01, "0.1 to 1.0"),
    (("loss", "margin"), -0.5, "0.0 to 100.0"),
    (("loss", "margin"), 100.5, "0.0 to 100.0"),
    (("calibration", "threshold"), 0.0, "above 0"),
    (("calibration", "same_slope"), -1.0, "above 0"),
    (("calibration", "different_slope"), 0.0, "above 0"),
    (("calibration", "doubt"), 0.5, "0 to below 0.5"),
    (("calibration", "doubt"), -0.1, "0 to below 0.5"),
]


@pytest.mark.parametrize(("path", "value", "allowed"), OUT_OF_RANGE)
def test_a_value_out_of_range_is_named_with_what_is_allowed(path, value, allowed):
    with pytest.raises(ValueError, match=f"{'.'.join(path)} is '?{value}'?, allowed: {allowed}"):
        read_with(path, lambda parent, key: parent.update({key: value}))


def test_a_newer_version_asks_for_an_update_even_where_its_keys_are_unknown():
    for extra in ({}, {"new_section": {"a": 1}}):
        text = json.dumps({**RAW, "format_version": FORMAT_VERSION + 1, **extra})
        with pytest.raises(ValueError, match=f"format_version {FORMAT_VERSION + 1}, .*update siamese"):
            ModelFolderConfig.from_json(text)


@pytest.mark.parametrize("version", [0, -1])
def test_an_impossible_version_is_named(version):
    with pytest.raises(ValueError, match=f"format_version {version}"):
        ModelFolderConfig.from_json(json.dumps({**RAW, "format_version": version}))


@pytest.mark.parametrize("text", ["", "{", "not json", "[" * 100_000], ids=["empty", "cut", "words", "deep"])
def test_text_that_is_no_json_is_refused(text):
    with pytest.raises(ValueError, match=r"config\.json is not valid JSON"):
        ModelFolderConfig.from_json(text)


@pytest.mark.parametrize("text", ["[]", "1", "null", '"config"'])
def test_json_that_is_no_object_is_refused(text):
    with pytest.raises(ValueError, match=r"config\.json must be an object"):
        ModelFolderConfig.from_json(text)


def test_a_very_long_value_is_shortened_in_the_message():
    with pytest.raises(ValueError, match=r"preprocess\.mode is ") as caught:
        read_with(("preprocess", "mode"), lambda parent, key: parent.update({key: "x" * 100_000}))
    assert len(str(caught.value)) < 300
