"""What visitors taught is shown: a card a class, a row a class, and names are text."""

import dataclasses

import numpy as np
import pytest
from page_elements import HOSTILE_NAMES, Elements

from siamese.demo.recognise import taught, view
from siamese.gallery import Identification, Match


def test_the_page_shows_names_as_text_and_one_row_for_each_class(examples, models, digits):
    hostile = "<script>alert(1)</script>'\""
    zero = digits[0][np.flatnonzero(digits[1] == 0)[0]]
    known = taught.teach(examples, hostile, zero, models, "model")
    for name, verifier in models.items():
        found = taught.recognise(known, verifier.look(zero), verifier)
        assert found.name == hostile
        shown = (
            view.taught(known, name),
            view.answer(known, 0.5, found, zero),
            view.answer(known, 0.5, text=hostile, problem=True),
        )
        assert all("<script" not in html and "alert(1)" in html for html in shown)
        assert all(html.count("<tr>") == 1 + 3 for html in shown[1:])
        assert shown[0].count("<img") == 5


@pytest.mark.parametrize("threshold", [1e-6, 1.99])
def test_of_an_image_unlike_all_that_the_model_knows_nothing_is_said_with_confidence(threshold, examples, verifier, digits):
    found = taught.recognise(examples, verifier.look(digits[0][0]), verifier)
    name = found.matches[0].name if threshold > 1 else None
    for known in (True, None, False):
        shown = Elements(view.answer(examples, 0.5, dataclasses.replace(found, name=name, is_familiar=known))).text
        assert ("%" in shown) == (known is not False)
        assert (
            ("Not sure: unlike all it knows" in shown) == ("unlike anything this model knows" in shown) == (known is False)
        )
        assert f"{found.matches[0].distance:.3f}" in shown


@pytest.mark.parametrize("threshold", [1e-6, 1.99])
def test_a_remark_on_the_picture_stands_where_the_confidence_would(threshold, examples, verifier, digits):
    found = taught.recognise(examples, verifier.look(digits[0][0]), verifier)
    name = found.matches[0].name if threshold > 1 else None
    remarked = dataclasses.replace(found, name=name, is_familiar=True, remark="seems <b>odd</b>")
    shown = Elements(view.answer(examples, 0.5, remarked)).text
    assert "%" not in shown
    assert "Not sure: see the remark" in shown
    assert "This image seems <b>odd</b>." in shown


def test_where_none_is_recognised_the_nearest_is_named_though_another_fits_better(examples):
    matches = tuple(Match(name, distance, share) for name, distance, share in (("four", 1.2, 0.05), ("seven", 1.1, 0.1)))
    shown = Elements(view.answer(examples, 1.0, Identification(None, matches, 1.0))).text
    assert "None of these" in shown
    assert "90.0% confident; nearest: seven" in shown
    assert shown.index("1.100") < shown.index("1.200")
    shown = Elements(view.answer(examples, 1.3, Identification("four", matches, 1.3))).text
    assert "5.0% confident" in shown


def test_that_means_count_is_said_where_there_are_any(examples, verifier, digits):
    one_each = tuple({example.name: example for example in examples}.values())
    for known, is_said in ((examples, True), (one_each, False)):
        found = taught.recognise(known, verifier.look(digits[0][0]), verifier)
        assert (view.MEANS in view.answer(known, 0.5, dataclasses.replace(found, name="four"))) == is_said
        assert view.MEANS not in view.answer(known, 0.5, dataclasses.replace(found, name=None))


def test_what_is_taught_is_remarked_on_too(models, verifier, digits):
    two = np.pad(255 - np.kron(np.hstack(list(digits[0][:2])), np.ones((8, 8), np.uint8)), 40, constant_values=255)
    for picture, remark in ((digits[0][0], ""), (two, f" Its picture {verifier.look(two).remark}.")):
        (example,) = taught.teach((), "some", picture, models, "model")
        assert view.added(example, "model") == f"Added an example of some.{remark}"
    query, known = verifier.look(two), taught.teach((), "some", digits[0][0], models, "model")
    assert taught.recognise(known, query, verifier).remark == query.remark != ""


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=ascii)
def test_whatever_a_class_is_called_is_text_or_refused_in_a_sentence(name, models, verifier, digits):
    try:
        known = taught.teach((), name, digits[0][0], models, "model")
    except ValueError as error:
        assert "allowed: 1 to 40 characters" in str(error)  # noqa: PT017
        return
    found = taught.recognise(known, verifier.look(digits[0][0]), verifier)
    for harmless, shown in (
        (taught.teach((), "harmless", digits[0][0], models, "model"), view.taught(known, "model")),
        (known, view.answer(known, 0.5, found)),
    ):
        tags = [tag for tag, _ in Elements(shown).elements]
        assert {"script", "a"}.isdisjoint(tags)
        assert all(not name.startswith("on") for _, attributes in Elements(shown).elements for name in attributes)
        if harmless is not known:
            assert tags == [tag for tag, _ in Elements(view.taught(harmless, "model")).elements]
        assert " ".join(name.split()).replace("\x00", "\ufffd") in Elements(shown).text.replace("\x00", "\ufffd")
        shown.encode()
