"""The verdict and the examples: what is said is true, what is interpolated is escaped, and nothing is claimed as certain."""

import dataclasses
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from page_elements import HOSTILE, Elements, pixels_of, verdict_at

from siamese.demo.compare import view

NOTHING = [None, None]


def state_of(html: str) -> str:
    (panel,) = Elements(html).of_class("panel")
    assert panel["data-state"] in panel["class"].split()  # the one is for scripts, the other for colours
    return panel["data-state"]


def needle_of(html: str) -> float | None:
    needles = Elements(html).of_class("needle")
    return float(re.fullmatch(r"--share: ([\d.]+)", needles[0]["style"])[1]) if needles else None


# ---- The verdict panel ----


@pytest.mark.parametrize(
    ("arguments", "state", "words"),
    [
        ({"text": "Draw or upload two images."}, "waiting", "Draw or upload two images."),
        ({"text": "first image: too large", "problem": True}, "problem", "first image: too large"),
        ({"verdict": verdict_at(0.2, 0.98)}, "same", "Same98.0% confident"),
        ({"verdict": verdict_at(1.2, 0.123)}, "different", "Different87.7% confident"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_state_has_its_own_words_and_the_same_layout(arguments, state, words):
    html = view.verdict_panel(0.8, NOTHING, **arguments)
    assert state_of(html) == state
    assert words in Elements(html).text
    assert (needle_of(html) is None) == ("data-save disabled" in html) == ("verdict" not in arguments)
    layout = ["headline", "sign", "details", "scale", "bar", "distance", "threshold", "seen"]
    assert all(len(Elements(html).of_class(name)) == 1 for name in layout)
    assert len(Elements(html).of_class("picture")) == 2


def test_distance_stands_beside_the_threshold_it_was_compared_with():
    html = view.verdict_panel(0.8, NOTHING, verdict_at(0.4321, 0.3, threshold=0.25))
    assert re.search(r'"distance">0\.432<.*"threshold">0\.250<', html)
    assert "0.800" not in html


def test_without_a_verdict_the_threshold_stands_alone():
    assert re.search(r'"distance">&ndash;<.*"threshold">0\.800<', view.verdict_panel(0.8, NOTHING))


@given(st.floats(0, 1))
@pytest.mark.parametrize("certain", [0.0, 1.0, 1 - 1e-9, 0.99951, 0.9995, 0.999, 4e-4])
def test_confidence_is_never_put_as_certainty(certain, probability):
    for value in (certain, probability):
        verdict = verdict_at(0.2 if value >= 0.5 else 1.2, value)
        shown = re.search(r"(Over )?([\d.]+)% confident", Elements(view.verdict_panel(0.8, NOTHING, verdict)).text)
        assert 50 <= float(shown[2]) <= 99.9
        if shown[1]:
            assert verdict.confidence > 0.999
        else:
            assert float(shown[2]) == pytest.approx(100 * verdict.confidence, abs=0.0501)


@given(st.floats(0, 100), st.floats(0.01, 10))
def test_the_needle_is_on_the_side_of_the_verdict(distance, threshold):
    share = needle_of(view.scale(threshold, distance))
    assert 0 <= share <= 1
    assert share <= 0.5 if distance <= threshold else share >= 0.5


def test_the_needle_goes_from_identical_over_the_threshold_to_the_end_of_the_bar():
    shares = [needle_of(view.scale(0.8, distance)) for distance in (0, 0.4, 0.8, 1.2, 1.6, 50)]
    assert shares == [0, 0.25, 0.5, 0.75, 1, 1]


def test_a_message_is_text_whatever_a_file_is_called():
    elements = Elements(view.verdict_panel(0.8, NOTHING, text=HOSTILE, problem=True))
    assert HOSTILE in elements.text
    assert all(tag != "script" for tag, _ in elements.elements)


@pytest.mark.parametrize("shape", [(28, 28), (64, 64, 3)])
def test_thumbnails_hold_the_very_pixels_that_the_network_sees(shape, digits):
    first, second = digits[0][:2]
    seen = [np.resize(image, shape) for image in (first, second)]
    shown = Elements(view.verdict_panel(0.8, seen)).of_class("picture")
    assert [np.array_equal(pixels_of(picture["src"]), image) for picture, image in zip(shown, seen, strict=True)] == [
        True
    ] * 2
    assert [picture["alt"] for picture in shown] == [
        "What the network sees of the first image",
        "What the network sees of the second image",
    ]


def test_the_side_without_an_image_has_an_empty_frame(digits):
    _, right = Elements(view.verdict_panel(0.8, [digits[0][0], None])).of_class("picture")
    left, _ = Elements(view.verdict_panel(0.8, [None, digits[0][0]])).of_class("picture")
    assert "src" not in right
    assert "src" not in left


@pytest.mark.parametrize(
    ("known", "start"),
    [
        ([True, True], ""),
        ([False, True], "The first image"),
        ([True, False], "The second image"),
        ([False] * 2, "Both"),
        ([None] * 2, ""),
    ],
)
def test_images_unlike_all_that_the_model_knows_are_named_in_the_same_layout(known, start):
    sentence = view.caution(known)
    assert sentence.startswith(start)
    html = view.verdict_panel(0.8, NOTHING, verdict_at(0.2, 0.9), caution=sentence)
    assert sentence in Elements(html).text
    assert len(Elements(html).of_class("caution")) == 1
    assert bool(sentence) == ("unlike anything this model knows" in Elements(html).text)


@pytest.mark.parametrize("distance", [0.2, 1.2])
def test_of_images_unlike_all_that_the_model_knows_no_confidence_is_shown(distance):
    """The headline is what sticks to the edge of a phone's screen, and what the saved picture shows."""
    for known in (True, None, False):
        verdict = dataclasses.replace(verdict_at(distance, 0.98 if distance < 0.8 else 0.02), is_familiar=known)
        (shown,) = re.findall('class="confidence">([^<]+)<', view.verdict_panel(0.8, NOTHING, verdict))
        assert shown == ("Not sure: unlike all it knows" if known is False else "98.0% confident")


def test_remarks_on_the_images_stand_with_the_caution_and_no_confidence_is_shown():
    assert view.caution([True, None], ["", ""]) == ""
    assert view.caution([True, True], ["", "is odd"]) == "The second image is odd."
    both = view.caution([False, True], ["is odd", "is odd"])
    assert both.startswith("The first image is unlike anything this model knows")
    assert both.endswith("The first image is odd. The second image is odd.")
    verdict = dataclasses.replace(verdict_at(0.2, 0.9999), is_familiar=True, remark="the first image is odd")
    html = view.verdict_panel(0.8, NOTHING, verdict, caution=both)
    assert re.findall('class="confidence">([^<]+)<', html) == ["Not sure: see the remark"]
    assert both in Elements(html).text


# ---- Examples ----


def test_example_cards_say_what_their_digits_are(digits):
    images, labels = digits
    nine, other_nine = np.flatnonzero(labels == 9)[:2]
    four = np.flatnonzero(labels == 4)[0]
    elements = Elements(view.examples([(nine, other_nine, "Easy"), (four, nine, "Hard")], images, labels))
    assert "9 and 9Easy, same" in elements.text
    assert "4 and 9Hard, different" in elements.text
    cards = [attributes for tag, attributes in elements.elements if tag == "button"]
    assert [card["data-pair"] for card in cards] == ["0", "1"]
    assert cards[1]["aria-label"] == "Example: 4 and 9, hard, different"
    shown = [pixels_of(picture["src"]) for picture in elements.of_class("picture")]
    assert np.array_equal(shown, images[[nine, other_nine, four, nine]])


def test_a_card_of_a_pair_that_fools_the_network_says_the_truth_and_what_was_looked_at(digits):
    images, labels = digits
    four, nine = (np.flatnonzero(labels == digit)[0] for digit in (4, 9))
    reasons = [np.full((8, 8, 3), 255 * side, np.uint8) for side in (0, 1)]
    html = view.examples([(four, nine, view.FOOLED), (nine, nine, view.FOOLED)], images, labels, "digits", {0: reasons})
    elements = Elements(html)
    assert "4 and 9Truth: different; the network is fooled" in elements.text
    assert "9 and 9Truth: same; the network is fooled" in elements.text
    shown = [pixels_of(picture["src"]) for picture in elements.of_class("picture")]
    assert [np.array_equal(shown[2 + side], reasons[side]) for side in (0, 1)] == [True, True]
    assert len(elements.of_class("reasons")) == 1


def test_names_of_classes_are_text(digits):
    elements = Elements(view.examples([(0, 1, "Hard")], digits[0], np.array([HOSTILE, HOSTILE]), HOSTILE))
    assert f"{HOSTILE} and {HOSTILE}Hard, same" in elements.text
    assert all(tag != "script" for tag, _ in elements.elements)


@pytest.mark.parametrize("verdict", [None, verdict_at(0.2, 0.98)])
@pytest.mark.parametrize("is_linkable", [True, False])
def test_a_link_is_offered_where_it_gives_the_same_verdict(verdict, is_linkable):
    html = view.verdict_panel(0.8, NOTHING, verdict, is_linkable=is_linkable)
    buttons = {name: attributes for tag, attributes in Elements(html).elements if tag == "button" for name in attributes}
    assert ("disabled" in buttons["data-link"]) != bool(verdict and is_linkable)
    assert ("disabled" in buttons["data-save"]) == ("disabled" in buttons["data-share"]) == (verdict is None)
