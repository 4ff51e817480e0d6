"""The map and the overlay of the demo: each class in its place, both images where they are, colours as they are meant."""

import re

import numpy as np
import pytest
from page_elements import HOSTILE_NAMES, Elements

from siamese.demo.compare import understand
from siamese.demo.compare.understand import MARK, SIZE, Map, overlay
from siamese.model_folder.reference import Reference

CORNERS = np.array([[3, 0, 0], [-3, 0, 0], [0, 2, 0], [0, -2, 0]], np.float32)


@pytest.fixture(scope="module")
def four() -> Map:
    """Four classes of 30 images each at the ends of a cross."""
    noise = np.random.default_rng(0).normal(0, 0.05, (120, 3)).astype(np.float32)
    labels = np.arange(120) % 4
    return Map(Reference(CORNERS[labels] + noise, labels))


def marks(svg: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r'class="mark" transform="translate\((\d+) (\d+)\)', svg)]


def test_an_image_of_a_class_is_marked_among_the_dots_of_the_class(four):
    svg = four.draw([CORNERS[0], CORNERS[2]])
    texts = {int(label): (float(x), float(y)) for x, y, label in re.findall(r'<text x="(\d+)" y="(\d+)">(\d)</text>', svg)}
    assert set(texts) == {0, 1, 2, 3}
    for (x, y), label in zip(marks(svg), (0, 2), strict=True):
        assert (x, y) == pytest.approx(texts[label], abs=8)
    dots = re.findall(r'class="class-\d" d="((?:M\d+ \d+h0)+)"', svg)
    assert [dot.count("M") for dot in dots] == [30] * 4


def test_what_lies_beyond_all_test_images_stays_on_the_map(four):
    for x, y in marks(four.draw([100 * CORNERS[1], -100 * CORNERS[2]])):
        assert 0 <= x <= SIZE
        assert 0 <= y <= SIZE


@pytest.mark.parametrize("shift", [0, 1e-3, 0.2])
def test_marks_of_two_images_in_one_place_can_both_be_read(shift, four):
    for corner in CORNERS:
        (x1, y1), (x2, y2) = marks(four.draw([corner, corner + np.float32([0, shift, 0])]))
        assert np.hypot(x2 - x1, y2 - y1) >= 2 * MARK - 1.5  # of which each is rounded
        assert all(MARK <= each <= SIZE - MARK for each in (x1, y1, x2, y2))


@pytest.mark.parametrize("given", [[None, None], [CORNERS[0], None], [None, CORNERS[0]]])
def test_only_the_images_that_there_are_get_marked(given, four):
    svg = four.draw(given)
    assert len(marks(svg)) == sum(each is not None for each in given)
    assert "between" not in svg


def test_classes_have_the_names_that_their_model_gives_them(four):
    def texts(*names: str) -> list[str]:
        svg = Map(Reference(four.reference.embeddings, four.reference.labels, names=names)).draw([None, None])
        assert {tag for tag, _ in Elements(svg).elements} <= {"svg", "path", "text", "p"}
        svg.encode()
        return re.findall(r"<text [^>]+>([^<]*)</text>", svg)

    shown = texts("cats", "dogs & co", "a very long name of a class", "x")
    assert set(shown) == {"cats", "dogs &amp; co", "a very long n...", "x"}
    for name in HOSTILE_NAMES:
        assert len(texts(name, "b", "c", "d")) == 4


def test_names_of_classes_in_one_place_can_all_be_read():
    embeddings = np.random.default_rng(0).normal(0, 0.1, (40, 3)).astype(np.float32)
    names = tuple(f"class number {number}" for number in range(5))
    svg = Map(Reference(embeddings, np.arange(40) % 5, names=names)).draw([None, None])
    texts = [(float(x), float(y)) for x, y in re.findall(r'<text class="named" x="(\d+)" y="(\d+)">', svg)]
    assert len(texts) == 5
    for number, (x, y) in enumerate(texts):
        assert 56 <= x <= SIZE - 56  # half of what 14 letters take
        assert all(abs(y - other) >= 16 or abs(x - left) >= 100 for left, other in texts[:number])


def test_many_classes_share_one_colour_and_no_reference_is_said(four):
    many = Map(Reference(np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32), np.arange(60) % 20))
    svg = many.draw([None, None])
    assert "class-0" not in svg
    assert svg.count("<text") == 0
    assert "no map" in Map(None).draw([None, None])


@pytest.mark.parametrize("shape", [(28, 28), (40, 40, 3)])
def test_what_sets_apart_is_orange_and_what_makes_alike_blue(shape):
    effect = np.zeros((7, 7), np.float32)
    effect[0, 0], effect[6, 6] = 0.4, -0.4
    shown = overlay(np.zeros(shape, np.uint8), effect, (effect, np.zeros((7, 7), np.float32))).astype(int)
    assert shown.shape == (understand.SHOWN, understand.SHOWN, 3)
    red, _, blue = shown[4, 4]
    assert red > 100 > blue
    red, _, blue = shown[-5, -5]
    assert blue > 100 > red
    assert shown[98, 98].max() < 10
    nothing = np.zeros((7, 7), np.float32)
    assert overlay(np.zeros(shape, np.uint8), nothing, (nothing, nothing)).max() == 0
