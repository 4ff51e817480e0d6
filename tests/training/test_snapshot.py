"""A training at one moment travels as JSON and comes back as it was; by default, nothing is being trained."""

import json
from dataclasses import asdict

import pytest

from siamese.training.snapshot import PHASES, EmbeddingMap, Snapshot


def as_tuples(value: object) -> object:
    return tuple(map(as_tuples, value)) if isinstance(value, list) else value


@pytest.mark.parametrize(
    "part",
    [
        Snapshot(),
        Snapshot("training", 3, 40, 1, 4, 1.5, 20.0, ((1, 0.5), (3, 0.25)), ((1, 90.5),), 1),
        EmbeddingMap(2, ((0.5, -1.0),), ((0.25, 1.0),), (0,), ("a cat",)),
    ],
    ids=["nothing", "a training", "a map"],
)
def test_it_travels_as_json(part):
    values = json.loads(json.dumps(asdict(part), allow_nan=False))
    assert type(part)(**{name: as_tuples(value) for name, value in values.items()}) == part


def test_by_default_nothing_is_trained():
    assert Snapshot().phase == "none" == PHASES[0]
    assert (Snapshot().steps, Snapshot().seconds_left, Snapshot().losses) == (0, None, ())


def test_a_phase_that_is_none_is_refused_with_those_that_are():
    with pytest.raises(ValueError, match=r"^phase is '<b>', allowed: none, reading, training, measuring, finished$"):
        Snapshot(phase="<b>")
