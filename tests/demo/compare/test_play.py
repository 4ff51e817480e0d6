"""What the games are told: how far a drawing is from the nearest test image of each digit."""

import dataclasses
import json

import numpy as np
import pytest
from page_elements import Elements

from siamese.demo.compare.play import DIGITS, games, nearness
from siamese.service.app import KEY


def test_a_test_image_is_nearest_to_its_own_digit_and_at_no_distance_from_itself(bundled):
    reference, count = bundled.reference, 30
    (_, given) = Elements(nearness(bundled, reference.embeddings[:count])).elements[0]
    told = np.array(json.loads(given["data-near"]))
    assert told.shape == (count, len(DIGITS))
    assert np.array_equal(told.argmin(axis=1), reference.labels[:count])
    assert np.allclose(told.min(axis=1), 0, atol=1e-3)
    first = np.sqrt(((reference.embeddings - reference.embeddings[0]) ** 2).sum(axis=1))
    assert np.allclose(told[0], [first[reference.labels == digit].min() for digit in DIGITS], atol=1e-3)


def test_of_models_that_are_not_of_digits_nothing_is_told(bundled, monkeypatch):
    embeddings = bundled.reference.embeddings[:2]
    config = dataclasses.replace(bundled.config, data=dataclasses.replace(bundled.config.data, dataset="faces"))
    monkeypatch.setattr(bundled, "config", config)
    assert nearness(bundled, embeddings) == ""
    monkeypatch.setattr(bundled, "reference", None)
    assert nearness(bundled, embeddings) == ""


@pytest.mark.parametrize(
    ("environment", "offered"),
    [
        ({}, ["daily", "any", "consistent"]),
        ({KEY: " "}, ["daily", "any", "consistent"]),
        ({KEY: "secret"}, ["daily", "any"]),
    ],
)
def test_the_game_that_asks_as_programs_do_is_offered_where_that_takes_no_key(environment, offered):
    found = [attributes["data-game"] for tag, attributes in Elements(games(environment)).elements if tag == "button"]
    assert found == offered
