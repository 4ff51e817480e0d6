"""HTML elements that tabs share: texts are escaped, and nothing is claimed as certain."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from page_elements import HOSTILE, Elements

from siamese.demo import elements


def test_descriptions_of_pictures_are_escaped(digits):
    ((tag, attributes),) = Elements(elements.picture(digits[0][0], HOSTILE)).elements
    assert (tag, attributes["alt"]) == ("img", HOSTILE)
    assert set(attributes) == {"class", "alt", "src"}


@given(st.floats(0, 1))
def test_a_percentage_is_the_probability_and_never_certainty(probability):
    words = elements.percent(probability)
    number = float(re.search(r"[\d.]+", words)[0])
    assert 0 < number < 100
    assert number == pytest.approx(100 * probability, abs=0.11)
    assert words.startswith("over") == (probability > 0.999)
    assert words.startswith("under") == (probability < 0.001)


@pytest.mark.parametrize("state", ["same", "different", "waiting", "problem"])
def test_a_panel_has_the_same_parts_in_every_state(state):
    page = Elements(elements.panel(state, elements.word(HOSTILE, HOSTILE), "<p>details</p>", turn=7))
    (panel,) = page.of_class("panel")
    assert (panel["data-state"], panel["data-turn"]) == (state, "7")
    assert all(len(page.of_class(name)) == 1 for name in ("headline", "sign", "details"))
    assert page.text.count(HOSTILE) == 2
    assert "data-turn" not in elements.panel(state, "", "")


def test_notes_and_messages_are_text():
    for html in (elements.note(HOSTILE), elements.message(HOSTILE)):
        assert Elements(html).text == HOSTILE
        assert len(Elements(html).elements) == 1
    assert "problem" in Elements(elements.note("no", problem=True)).elements[0][1]["class"]


@pytest.mark.parametrize(("probability", "words"), [(1, "over 99.9%"), (0.5, "50.0%"), (0, "under 0.1%")])
def test_no_probability_is_put_as_certainty(probability, words):
    assert elements.percent(probability) == words
