"""What the page sends of a drawing: real digits arrive as they were drawn, anything else is refused in a sentence."""

import base64
import io

import gradio as gr
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from siamese.demo.inputs import LONGEST, MOST_SIDE, START, chosen, drawings_js, read_drawing


def data_url(image: Image.Image, kind: str = "PNG") -> str:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return START + base64.b64encode(buffer.getvalue()).decode()


def test_a_drawing_arrives_as_it_is_whatever_the_colours_of_its_file(digits):
    paper = Image.fromarray(255 - digits[0][0]).resize((400, 400))
    ink = Image.new("RGBA", paper.size)
    ink.putalpha(Image.eval(paper, lambda value: 255 - value))
    for image in (paper, paper.convert("RGB"), paper.convert("RGBA"), ink):
        drawing = read_drawing(data_url(image))
        assert drawing.mode == "L"
        np.testing.assert_allclose(np.asarray(drawing), np.asarray(paper), atol=1)


def test_paper_without_ink_is_no_drawing():
    for nothing in ("", None, data_url(Image.new("L", (400, 400), 255)), data_url(Image.new("RGBA", (400, 400)))):
        assert read_drawing(nothing) is None


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (5, "this is no drawing, allowed: a PNG as a data URL"),
        ({"composite": None}, "this is no drawing"),
        ("data:text/html,<script>alert(1)</script>", "this is no drawing"),
        ("/etc/passwd", "this is no drawing"),
        (START + "A" * LONGEST, "this is no drawing"),
        (START + "\u00e9", "the drawing is damaged"),
        (START + "iVBORw0KGgo=", "the drawing is damaged"),
        (data_url(Image.linear_gradient("L"), "GIF"), "the drawing is damaged"),
        (data_url(Image.linear_gradient("L"))[:200], "the drawing is damaged"),
        (data_url(Image.new("L", (MOST_SIDE + 1, 2))), f"the drawing is {MOST_SIDE + 1}x2 px, at most 2000x2000"),
    ],
)
def test_what_no_sketchpad_sends_is_refused(value, words):
    with pytest.raises(ValueError, match=words):
        read_drawing(value)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_drawing_or_refused(content):
    png = data_url(Image.linear_gradient("L"))
    for text in (content.decode("latin-1"), START + base64.b64encode(content).decode(), png[: len(png) // 2] + "A" * 4):
        try:
            drawing = read_drawing(text)
        except ValueError:
            continue
        assert drawing is None or drawing.mode == "L"


def test_a_script_names_each_sketchpad_by_the_place_of_its_drawing():
    assert drawings_js({5: "first", 8: "second"}) == "(...values) => siamese.withDrawings(values, {5: 'first', 8: 'second'})"


def test_the_image_is_that_of_the_open_tab():
    drawn = data_url(Image.linear_gradient("L"))
    assert chosen("upload", drawn, "a.png") == "a.png"
    assert chosen("upload", drawn, None) is None
    assert chosen("draw", drawn, "a.png").size == (256, 256)
    assert chosen("draw", "", "a.png") is None
    with pytest.raises(gr.Error, match="this is no drawing"):
        chosen("draw", "/etc/passwd", None)
