"""The HTML of the tab that is taught: what it says is true, and names are escaped."""

import numpy as np
import pytest
from test_page import HOSTILE, Elements, state_of

from siamese import Identification, Match, page_recognise

IMAGE = np.zeros((28, 28), np.uint8)


def found(distances: dict[str, float], threshold: float = 0.8) -> Identification:
    matches = tuple(Match(name, distance, 0.9 if distance <= threshold else 0.2) for name, distance in distances.items())
    return Identification(matches[0].name if matches[0].distance <= threshold else None, matches, threshold)


def test_the_nearest_class_is_named_with_the_distances_of_all():
    html = page_recognise.answer(found({"alpha": 0.4, "beta": 1.2, "gamma": 3.0}), IMAGE)
    elements = Elements(html)
    assert state_of(html) == "same"
    assert "alpha90.0% confident" in elements.text
    assert "alpha0.400beta1.200gamma3.000" in elements.text
    assert [bar["style"] for bar in elements.of_class("length")] == ["--share: 0.2500", "--share: 0.7500", "--share: 1.0000"]


def test_where_none_is_near_enough_it_says_so():
    html = page_recognise.answer(found({"alpha": 1.4}), IMAGE)
    assert state_of(html) == "different"
    assert "None of these80.0% confident" in Elements(html).text


def test_no_more_than_five_classes_are_listed():
    html = page_recognise.answer(found({f"class {number}": 0.1 * number for number in range(9)}), IMAGE)
    assert len(Elements(html).of_class("length")) == 5


@pytest.mark.parametrize("problem", [True, False])
def test_without_an_answer_there_is_a_message(problem):
    html = page_recognise.answer(None, None, HOSTILE, problem)
    assert state_of(html) == ("problem" if problem else "waiting")
    assert HOSTILE in Elements(html).text
    assert "<script>" not in html


def test_names_of_classes_are_escaped_everywhere():
    for html in (
        page_recognise.answer(found({HOSTILE: 0.4}), IMAGE),
        page_recognise.lesson([(HOSTILE, [IMAGE, IMAGE])], problem=HOSTILE),
    ):
        assert "<script>" not in html
        assert HOSTILE in Elements(html).text
    (button,) = [attributes for tag, attributes in Elements(html).elements if tag == "button"]
    assert button["data-forget"] == "0"
    assert button["aria-label"] == f"Forget {HOSTILE}"
    assert len(Elements(html).of_class("picture")) == 2
    assert "Nothing taught yet" in page_recognise.lesson([])
