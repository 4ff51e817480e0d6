"""Where visitors bring a row or a sequence: a pad that records strokes with their time, an upload, or text.

What is drawn stays in the browser until something is asked about it: then script.js puts it among the inputs of the
listener.
"""

from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from siamese.config import ModelFolderConfig, one_line, shorten
from siamese.demo.base import PRIVATE, REFRESH
from siamese.demo.gradio_patches import UploadedFiles
from siamese.inputs import INPUTS
from siamese.inputs.cells import MOST_SENT
from siamese.inputs.strokes import MOST_POINTS, as_sequence, read_strokes

FILES = (".csv", ".json", ".npy")  # not .parquet, of which few bytes may unfold to very many
LONGEST = 250_000  # characters of a text: two of them and two drawings fit into a request, see siamese.guard.gate
MOST_NAMED = 1000  # characters of the names of columns
PAD = """
<canvas width="400" height="400" role="img" aria-label="{} sequence: draw here"></canvas>
<div><button type="button" data-undo>Undo</button><button type="button" data-clear>Clear</button></div>"""


class Side(NamedTuple):
    """The widgets that bring one row or sequence."""

    active: gr.Textbox  # which of the tabs is open: see siamese.inputs.base.Input.ways
    strokes: gr.Textbox  # empty: `strokes_js` puts the strokes in its place when something is asked about them
    upload: UploadedFiles
    row: gr.Number  # which of the file
    text: gr.Textbox
    tabs: dict[str, gr.Tab]
    pad: gr.HTML | None  # is clicked by a script when a stroke ends; None where nothing can be drawn
    name: str

    @property
    def parts(self) -> tuple:
        """What `source_of` is to be given the values of."""
        return self[:5]


def numbers_side(name: str, title: str, config: ModelFolderConfig) -> Side:
    """A column with a title, and a tab for each way of bringing what the model takes."""
    preprocess, kind, tabs, pad = config.preprocess, INPUTS[config.preprocess.mode], {}, None
    ways, time = kind.ways(preprocess), preprocess.numbers.time_column
    columns = one_line(", ".join([*preprocess.numbers.columns, *([time] if time else [])]), MOST_NAMED)
    with gr.Column(min_width=300, elem_id=f"{name}-side", elem_classes="side numbers-side"):
        gr.HTML(f"<h2>{title}</h2>")
        with gr.Tabs(selected=ways[0]):
            if "draw" in ways:
                with gr.Tab("Draw", id="draw") as tabs["draw"]:
                    script = f"siamese.numbers.pad(element, trigger, '{name}', {MOST_POINTS})"
                    pad = gr.HTML(PAD.format(title), elem_classes="pad", js_on_load=script)
            with gr.Tab("Upload", id="upload") as tabs["upload"]:
                upload = UploadedFiles(label=", ".join(FILES), height=160)
                row = gr.Number(1, precision=0, minimum=1, label="Row of the file", visible=kind.has_rows)
            with gr.Tab("Paste", id="paste") as tabs["paste"]:
                text = gr.Textbox(
                    lines=8, max_lines=8, max_length=LONGEST, label=f"A {kind.noun} as CSV or JSON",
                    placeholder=columns,
                )  # fmt: skip
        active, strokes = gr.Textbox(ways[0], visible=False), gr.Textbox(visible=False)
    return Side(active, strokes, upload, row, text, tabs, pad, name)


def strokes_js(sides: list[Side], inputs: list[Any]) -> str:
    """Script that puts the strokes of `sides` into `inputs`."""
    places = {inputs.index(side.strokes): side.name for side in sides}
    return f"(...values) => siamese.numbers.withStrokes(values, {places})"


def refresh_on_input(sides: list[Side], refresh: gr.Number) -> None:
    """Whatever is drawn, brought, chosen or written gives `refresh` a new value."""
    for side in sides:
        for event in (side.upload.change, side.row.change, side.text.change, *([side.pad.click] if side.pad else [])):
            event(None, None, refresh, js=REFRESH, **PRIVATE)
        for way, tab in side.tabs.items():
            tab.select(None, None, [side.active, refresh], js=f"() => siamese.opened('{way}')", **PRIVATE)


def source_of(config: ModelFolderConfig, active: str, strokes: str, upload: str | None, row: int | None, text: str) -> Any:
    """What the open tab holds, as `Verifier.verify` takes it; None while it is empty. Raises ValueError where it is bad."""
    preprocess = config.preprocess
    if active == "draw":
        drawn = [stroke for stroke in read_strokes(strokes) if len(stroke)] if strokes else []
        return as_sequence(drawn, preprocess.numbers) if drawn else None
    if active == "paste":
        return (text or "").strip().encode() or None
    if not upload:
        return None
    path = Path(upload)
    if path.suffix.lower() not in FILES:
        raise ValueError(f"{shorten(path.name)} is no file of numbers by its name, allowed here: {', '.join(FILES)}")
    if not path.is_file():
        raise ValueError(f"{shorten(path.name)} is no longer here: choose it again")
    if path.stat().st_size > MOST_SENT:
        raise ValueError(f"{shorten(path.name)} has {path.stat().st_size:,} bytes, allowed here: at most {MOST_SENT:,}")
    return f"{path}#{row or 1}" if INPUTS[preprocess.mode].has_rows else upload
