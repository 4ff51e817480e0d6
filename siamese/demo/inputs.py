"""Where visitors bring an image: a sketchpad, or an upload beside it.

Gradio would fetch the drawing of a sketchpad that is an input or a trigger of a listener at each change of the status of any
request, some ten times for a stroke, upload three files each time, and answer only then. So none of ours is either:
static/inputs.js takes the pixels from the editor itself, once for each change, and sends them as a data URL among the other
inputs.
"""

import base64
import io
from collections.abc import Sequence
from typing import Any, NamedTuple

import gradio as gr
from PIL import Image

from siamese.demo.base import AT_A_GLANCE, PRIVATE, REFRESH
from siamese.demo.gradio_patches import UploadedImage, refusal
from siamese.demo.previews import preview
from siamese.images.load import DECODING

CANVAS = 400  # px, side of the drawing: at least what the page shows, since Gradio scales it down only
BRUSH_RADIUS = 10  # px of the canvas: a stroke of 5% of its side, about that of a pen in MNIST
# Not as a mirror, or a 2 on paper would arrive as no 2; and of a phone, the camera that looks away from whoever holds it.
WEBCAM = gr.WebcamOptions(mirror=False, constraints={"video": {"facingMode": "environment", "width": 1920, "height": 1440}})
LONGEST = 450_000  # characters of a drawing, of which a request has two at most: one has some 5,000
MOST_SIDE = 2000  # px
START = "data:image/png;base64,"
# What static/crop.js needs over an upload: a sheet to choose a part on, and two buttons.
CROP = """
<div role="group" tabindex="0" hidden
  aria-label="Drag around what to keep. Arrow keys move a frame, with Shift resize it; Enter crops, Escape does not.">
  <span hidden></span></div>
<button type="button" data-undo hidden>Whole picture</button>
<button type="button" data-crop aria-pressed="false" title="Keep a part: drag around it">Crop</button>"""


class Side(NamedTuple):
    """The widgets that bring one image."""

    draw_tab: gr.Tab
    upload_tab: gr.Tab
    active: gr.Textbox  # "draw" or "upload": only the browser knows which tab is open, this carries it to the handlers
    drawing: gr.Textbox  # empty: `drawings_js` puts the drawing in its place when something is asked about it
    upload: UploadedImage
    drawn: gr.HTML  # is clicked by a script at each change of the drawing
    name: str

    @property
    def parts(self) -> tuple:
        """What `chosen` is to be given the values of."""
        return self.active, self.drawing, self.upload


def input_side(name: str, title: str) -> Side:
    """A column with a title, and a sketchpad and an upload on two tabs."""
    with gr.Column(min_width=300, elem_id=f"{name}-side", elem_classes="side"):
        drawn = gr.HTML(f"<h2>{title}</h2>", js_on_load=f"siamese.onDrawn(element, trigger, '{name}')")
        with gr.Tabs(selected="draw"):
            with gr.Tab("Draw", id="draw") as draw_tab:
                sketchpad(name)
            with gr.Tab("Upload", id="upload") as upload_tab:
                upload = UploadedImage(
                    sources=["upload", "clipboard", "webcam"], show_label=False, buttons=[], format="png",
                    webcam_options=WEBCAM,
                    placeholder="Drop an image here\nor click to choose one", elem_id=f"upload-{name}",
                    elem_classes="upload", alt_text=title,
                )  # fmt: skip
                gr.HTML(CROP, elem_classes="crop", js_on_load="siamese.offerCrop(element)")
        upload.upload(lambda path: preview(path) or gr.skip(), upload, upload, **AT_A_GLANCE)
        active, drawing = gr.Textbox("draw", visible=False), gr.Textbox(visible=False)
    return Side(draw_tab, upload_tab, active, drawing, upload, drawn, name)


def sketchpad(name: str) -> gr.ImageEditor:
    """A sheet of paper to draw on."""
    return gr.ImageEditor(
        sources=(), image_mode="L", type="pil", canvas_size=(CANVAS, CANVAS), fixed_canvas=True, layers=False,
        transforms=(), brush=gr.Brush(default_size=BRUSH_RADIUS, colors=["#000000"], color_mode="fixed"),
        buttons=[], show_label=False, placeholder=" ", elem_id=f"sketch-{name}", elem_classes="sketch",
    )  # fmt: skip


def drawings_js(drawings: dict[int, str]) -> str:
    """Script that puts drawings among the inputs of a listener: the place of each, and the name of its sketchpad."""
    return f"(...values) => siamese.withDrawings(values, {drawings})"


def drawings_of(sides: Sequence[Side], inputs: Sequence[Any]) -> str:
    """Script that puts the drawings of `sides` into `inputs`."""
    return drawings_js({inputs.index(side.drawing): side.name for side in sides})


def refresh_on_input(sides: Sequence[Side], refresh: gr.Number) -> None:
    """Whatever is drawn, uploaded or brought to the front gives `refresh` a new value."""
    for side in sides:
        for event in (side.drawn.click, side.upload.input):
            event(None, None, refresh, js=REFRESH, **PRIVATE)
        for tab, name in ((side.draw_tab, "draw"), (side.upload_tab, "upload")):
            tab.select(None, None, [side.active, refresh], js=f"() => siamese.opened('{name}')", **PRIVATE)


def follow_tabs(side: Side) -> None:
    """Handlers are told which tab of the side is open. `refresh_on_input` does that too."""
    for tab, name in ((side.draw_tab, "draw"), (side.upload_tab, "upload")):
        tab.select(None, None, side.active, js=f"() => '{name}'", **PRIVATE)


def chosen(active: str, drawing: str, upload: str | None) -> Image.Image | str | None:
    """The image of the open tab; None while it is empty, or all that was drawn is undone. Raises gr.Error for no drawing."""
    if active == "upload":
        return upload
    try:
        return read_drawing(drawing)
    except ValueError as error:
        raise refusal(str(error)) from error


def read_drawing(data_url: str | None) -> Image.Image | None:
    """What is drawn, dark on white, mode "L"; None where nothing is. Raises ValueError for what no sketchpad sends."""
    if not data_url:
        return None
    if not isinstance(data_url, str) or not data_url.startswith(START) or len(data_url) > LONGEST:
        raise ValueError(f"this is no drawing, allowed: a PNG as a data URL of at most {LONGEST:,} characters")
    damaged = "the drawing is damaged: draw it again"
    try:
        opened = Image.open(io.BytesIO(base64.b64decode(data_url[len(START) :], validate=True)), formats=["PNG"])
    except (ValueError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(damaged) from error
    if max(opened.size) > MOST_SIDE:
        raise ValueError(f"the drawing is {opened.width}x{opened.height} px, at most {MOST_SIDE}x{MOST_SIDE}")
    with DECODING.turn() as turn:
        turn.wait_for(opened.width * opened.height)
        try:
            ink = opened.convert("RGBA")
        except (ValueError, OSError, SyntaxError) as error:
            raise ValueError(damaged) from error
        drawing = Image.alpha_composite(Image.new("RGBA", ink.size, "white"), ink).convert("L")
    darkest, lightest = drawing.getextrema()
    return drawing if darkest < lightest else None
