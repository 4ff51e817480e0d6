"""The pair that is drawn as the page opens: a drawing of the same strokes, which the model is asked about."""

import dataclasses
import re

import numpy as np
from page_elements import Elements

from siamese.config import PreprocessConfig
from siamese.demo.compare import opening
from siamese.demo.compare.opening import PAIR, PAUSE, animation, drawing
from siamese.demo.inputs import CANVAS


def test_the_page_opens_with_what_the_model_says_of_the_pair(bundled):
    elements = Elements(opening.opening(bundled))
    verdict = bundled.verify(*(drawing(strokes) for strokes in PAIR))
    assert verdict.is_same  # or the example would confuse
    assert verdict.is_familiar
    assert f"{verdict.distance:.3f}" in elements.text
    assert "Same" in elements.text
    assert len([tag for tag, _ in elements.elements if tag == "svg"]) == 2
    assert len(elements.of_class("picture")) == 2


def test_the_strokes_on_the_screen_are_those_of_the_drawing():
    for strokes in PAIR:
        ink = np.asarray(drawing(strokes)) < 128
        svg, _ = animation(strokes, 0)
        points = np.array([list(map(float, point)) for point in re.findall(r"([\d.]+),([\d.]+)", svg)])
        columns, rows = np.round(points.T * CANVAS / 100).astype(int)
        assert ink[rows, columns].all()
        assert 0.03 < ink.mean() < 0.2
        assert len(re.findall("<polyline", svg)) == len(strokes)


def test_strokes_begin_one_after_the_other():
    end, ends = 0.0, []
    for strokes in PAIR:
        svg, end = animation(strokes, end)
        times = re.findall(r"delay: ([\d.]+)s; animation-duration: ([\d.]+)s", svg)
        for begin, seconds in (map(float, each) for each in times):
            assert begin >= (ends[-1] if ends else 0) + PAUSE - 0.02
            ends.append(begin + seconds)
    assert 2 < end < 6  # a few seconds


def test_a_model_that_knows_no_drawings_opens_with_none(bundled, monkeypatch):
    monkeypatch.setattr(bundled, "config", dataclasses.replace(bundled.config, preprocess=PreprocessConfig(mode="photo")))
    assert opening.opening(bundled) == ""
