"""The examples: of the kind that the model knows, the easiest and the hardest of them, and what it says is what is said."""

import dataclasses
import itertools

import numpy as np
import pytest
from page_elements import Elements

from siamese import Verifier
from siamese.demo.compare.examples import EXAMPLES, NONE, examples, pairs_among
from siamese.demo.compare.view import FOOLED


def cards_of(html: str) -> list[str]:
    return [attributes["aria-label"] for tag, attributes in Elements(html).elements if tag == "button"]


def test_of_all_pairs_the_easiest_and_the_hardest_are_chosen(bundled, digits):
    images, labels = digits[0][:18], digits[1][:18]
    groups = {}
    for first, second in itertools.combinations(range(18), 2):
        verdict = bundled.verify(images[first], images[second])
        is_same = bool(labels[first] == labels[second])
        groups.setdefault((is_same, verdict.is_same == is_same), []).append((verdict.distance, first, second))
    expected = {(*min(groups[True, True])[1:], "Easy"), (*max(groups[False, True])[1:], "Easy")}
    expected |= {(*max(groups[True, True])[1:], "Hard"), (*min(groups[False, True])[1:], "Hard")}
    expected |= {(*max(groups[True, False])[1:], FOOLED)} if (True, False) in groups else set()
    expected |= {(*min(groups[False, False])[1:], FOOLED)} if (False, False) in groups else set()
    assert set(pairs_among(bundled, images, labels)) == expected


def test_a_model_of_digits_gets_digits_and_those_that_fool_it_say_so(bundled, digits):
    found = examples(bundled)
    assert len(found.pairs) == len(EXAMPLES)
    for (first, second, level), pair, card in zip(EXAMPLES, found.pairs, cards_of(found.cards), strict=True):
        assert np.array_equal(pair, digits[0][[first, second]])
        truth = "same" if digits[1][first] == digits[1][second] else "different"
        assert card.endswith(f"truth: {truth}; the network is fooled" if level == FOOLED else f"{level.lower()}, {truth}")
    assert found.cards.count('class="reasons"') == 2


def test_a_model_of_symbols_gets_symbols():
    glyphs = Verifier.from_pretrained("glyphs")
    found, cards = examples(glyphs), cards_of(examples(glyphs).cards)
    assert len(found.pairs) == len(cards) == 6
    for pair, card in zip(found.pairs, cards, strict=True):
        said = "same" if glyphs.verify(*pair).is_same else "different"
        assert ("is fooled" in card) != (said == card.rpartition(", ")[2].removeprefix("truth: ").partition(";")[0])
    assert sum("is fooled" in card for card in cards) == 2


@pytest.mark.parametrize("change", [{"dataset": "somebodys-folder"}, {"split": "classes"}], ids=str)
def test_a_model_of_something_else_gets_none(bundled, change, monkeypatch):
    data = dataclasses.replace(bundled.config.data, **change)
    monkeypatch.setattr(bundled, "config", dataclasses.replace(bundled.config, data=data))
    found = examples(bundled)
    assert (found.pairs, found.cards) == ((), NONE)
