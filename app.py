"""The demo: two images in, "same" or "different" out. Widgets and handlers only; the siamese package does the work.

python app.py                         # the bundled weights, no network needed
SIAMESE_MODEL=user/name python app.py # a model folder or a Hub repository, with @revision if need be
"""

import argparse
import contextlib
import ctypes
import logging
import os
import sys
import time
from abc import ABCMeta
from typing import Any, NamedTuple

try:
    import spaces  # there on Spaces only; for ZeroGPU it has to come before torch
except ImportError:
    spaces = None
import gradio as gr
import numpy as np
from gradio_client.utils import is_file_obj_with_meta
from PIL import Image

from siamese import Gallery, Verdict, Verifier, page, page_about, page_distances, page_recognise
from siamese.data import load_sample_digits
from siamese.hub_errors import HubError, HubUnavailableError
from siamese.preprocess import MAX_PIXELS
from siamese.sources import split_revision

CANVAS = 400  # px, side of the drawing: at least what the page shows, since Gradio scales it down only
BRUSH_RADIUS = 10  # px of the canvas: a stroke of 5% of its side, about that of a pen in MNIST
THRESHOLD_STEP = 0.001  # of the slider, in units of distance
EMPTY_PAPER = {"background": None, "layers": [], "composite": None}  # None would empty a sketchpad just once
MAX_FILE_SIZE = "20mb"
MAX_WAITING = 64  # comparisons in the queue before visitors are asked to come back later
AT_ONCE = 4  # comparisons that run at the same time
MAX_SKETCHES = 64  # drawings on their way from browsers to a handler, see LatestSketches
M_ARENA_MAX, ARENAS = -8, 2  # glibc's name for the number of heaps, and how many are enough for AT_ONCE
MOST_CLASSES, MOST_EXAMPLES = 20, 5  # that a visitor may teach, and of each
LONGEST_NAME = 40  # characters
STATE_AGE = 3600  # s: what a visitor has taught is forgotten then, if the page was not closed before
CACHE_CHECK, CACHE_AGE = 600, 3600  # s: how often uploaded files are looked through, and how old they may get

# Pairs of test digits (indices into load_sample_digits()) and what to say of them.
EXAMPLES = [
    (636, 766, "Easy"),
    (374, 143, "Easy"),
    (232, 339, "Hard"),
    (824, 969, "Hard"),
    (216, 556, "Hard"),
    (393, 554, "Hard"),
]


# Every listener but /compare: none of a program's business, no veil over the page, and the latest event counts.
PRIVATE = {"api_visibility": "private", "show_progress": "hidden", "trigger_mode": "always_last"}


class _WithoutStub(type(gr.Image)):
    """Gradio's metaclass, less the .pyi file that it writes beside every module in which a component is defined."""

    def __new__(cls, name: str, bases: tuple, namespace: dict) -> type:
        return ABCMeta.__new__(cls, name, bases, namespace)


class UploadedImage(gr.Image, metaclass=_WithoutStub):
    """A gr.Image that hands over the file as it came, so that `siamese.preprocess` alone decides what can be read."""

    is_template = True  # for the browser it is a plain gr.Image
    data_model = gr.FileData  # unlike gr.Image's own model it refuses paths that did not come through an upload

    def preprocess(self, payload: gr.FileData | None) -> str | None:
        """Path of the uploaded file, or None."""
        return payload.path if payload else None


class Side(NamedTuple):
    """The widgets of one of the two images."""

    draw_tab: gr.Tab
    upload_tab: gr.Tab
    active: gr.Textbox  # "draw" or "upload": only the browser knows which tab is open, this carries it to the handlers
    sketch: gr.ImageEditor
    upload: UploadedImage


class Taught(NamedTuple):
    """A class that a visitor has taught the page."""

    name: str
    embeddings: tuple[np.ndarray, ...]  # one (D,) for each example
    seen: tuple[np.ndarray, ...]  # what the network sees of it


class LatestSketches(dict):
    """Remembers the latest MAX_SKETCHES keys. Gradio never forgets a drawing that no handler came to read."""

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)
        while len(self) > MAX_SKETCHES:
            self.pop(next(iter(self)), None)


class Demo(gr.Blocks):
    """gr.Blocks that refuses what it cannot take in with a sentence; Gradio would log a traceback and say nothing."""

    async def preprocess_data(self, *args: Any, **kwargs: Any) -> list:
        """Gradio's own, which checks every path and URL of a request. Raises gr.Error for whatever it refuses."""
        try:
            return await super().preprocess_data(*args, **kwargs)
        except Exception as error:  # each kind of refusal has its own type, all of them are about what was sent
            logging.getLogger(__name__).info("request refused: %s", error)
            raise _error(
                "an image was not uploaded, cannot be fetched or is no longer here: choose it again, "
                "or in a program pass gradio_client.handle_file(path or URL)"
            ) from error


def build_demo(verifier: Verifier, notice: str = "") -> gr.Blocks:
    """The page and its one public endpoint, /compare, around `verifier`; start it with `launch`. `notice` stands on top."""

    def compare(image_a: gr.FileData, image_b: gr.FileData) -> dict:
        """Compare two image files: {is_same, probability_same, confidence, distance, threshold, model}."""
        paths = []
        for name, value in (("image_a", image_a), ("image_b", image_b)):
            # The same test by which Gradio moves uploads into its cache: any other path is one it has not checked.
            if not is_file_obj_with_meta(value):
                raise _error(f"{name} is not a file: pass gradio_client.handle_file(path or URL)")
            try:
                verifier.canonical(value["path"])
            except ValueError as error:
                raise _error(f"{name}: {error}") from error
            paths.append(value["path"])
        return {**verifier.verify(*paths).to_dict(), "model": verifier.name}

    def show(tab_a: str, sketch_a, upload_a, tab_b: str, sketch_b, upload_b, point, slider) -> tuple[str, str]:
        """The verdict on what the open tabs of the two sides hold, and where it stands among the test pairs, as HTML."""
        images = [_chosen(tab_a, sketch_a, upload_a), _chosen(tab_b, sketch_b, upload_b)]
        return _outcome(verifier, images, point or slider)

    def load_example(point: float | None, slider: float, event: gr.EventData) -> list:
        """An example pair for the two uploads, the tab they are on, and the verdict."""
        images = [Image.fromarray(digits[index]) for index in EXAMPLES[int(event.pair)][:2]]
        return [*("upload", images[0]), *("upload", images[1]), *_outcome(verifier, images, point or slider)]

    def clear(point: float | None, slider: float) -> list:
        """Nothing drawn, nothing uploaded, no verdict."""
        return [*[EMPTY_PAPER] * 2, None, None, *_outcome(verifier, [None, None], point or slider)]

    digits, labels = load_sample_digits()
    own, curve = verifier.config.calibration.threshold, verifier.config.distances
    points = page_distances.operating_points(curve, own)
    (waiting, standing) = _outcome(verifier, [None, None], own)

    with Demo(
        title="Same or different?", analytics_enabled=False, delete_cache=(CACHE_CHECK, CACHE_AGE), fill_width=True
    ) as demo:
        gr.HTML(page.header(verifier.name, verifier.config, notice), elem_id="header")
        with gr.Tabs(elem_id="stage"):
            with gr.Tab("Compare", elem_id="compare"):
                with gr.Row(elem_classes="trio"):
                    sides = [_input_side(ordinal, f"{ordinal.capitalize()} image") for ordinal in page.ORDINALS]
                    with gr.Column(min_width=300, elem_classes="outcome"):
                        with gr.Row(elem_id="actions"):
                            compare_button = gr.Button("Compare", variant="primary", scale=2, min_width=120)
                            clear_button = gr.Button("Clear both", scale=1, min_width=120)
                        verdict = gr.HTML(waiting, elem_id="verdict")
                examples = gr.HTML(page.examples(EXAMPLES, digits, labels), elem_id="examples", js_on_load=page.EXAMPLES_JS)
                with gr.Row(elem_id="judge"):
                    gr.HTML("<h2>Where to draw the line</h2>")
                    standing = gr.HTML(standing, elem_id="standing")
                    with gr.Column(min_width=240):
                        point = gr.Radio(
                            list(points.items()), value=own, label="Threshold", elem_id="point",
                            info="Fewer false accepts cost more false rejects.",
                        )  # fmt: skip
                        slider = gr.Slider(
                            THRESHOLD_STEP, page_distances.largest_threshold(curve, own), round(own, 3), step=THRESHOLD_STEP,
                            buttons=[], label="Or any distance", elem_id="threshold",
                        )  # fmt: skip
            with gr.Tab("Recognise", elem_id="recognise"):
                _recognise(verifier)
        gr.HTML(page_about.about(verifier.config), elem_id="about")

        sketches, uploads = [side.sketch for side in sides], [side.upload for side in sides]
        refresh = gr.Number(visible=False)  # any new value shows the verdict on what the page holds then
        # One listener for all, and the latest event counts, so that a verdict on what was there before never stays. Handlers
        # that change several parts bring their own verdict, and refresh it only when all of them are in place.
        inputs = [part for side in sides for part in (side.active, side.sketch, side.upload)]
        threshold, outcome = [point, slider], [verdict, standing]
        refresh.change(show, [*inputs, *threshold], outcome, **PRIVATE)
        point.input(None, point, [slider, refresh], js=page.POINT_JS, **PRIVATE)
        slider.input(None, None, [point, refresh], js=page.SLIDER_JS, **PRIVATE)
        for part in (*sketches, *uploads):
            part.input(None, None, refresh, js=page.REFRESH_JS, **PRIVATE)
        compare_button.click(None, None, refresh, js=page.COMPARE_JS, **PRIVATE)
        cleared = clear_button.click(clear, threshold, [*sketches, *uploads, *outcome], **PRIVATE)
        cleared.then(None, None, refresh, js=page.REFRESH_JS, **PRIVATE)
        # The tabs are opened by a script: as an output, they would have Gradio fetch the drawings on them time and again.
        loaded = [part for side in sides for part in (side.active, side.upload)]
        chosen = examples.click(load_example, threshold, [*loaded, *outcome], **PRIVATE)
        chosen.then(None, None, refresh, js=page.OPEN_UPLOADS_JS, **PRIVATE)
        for side in sides:
            for tab, name in ((side.draw_tab, "draw"), (side.upload_tab, "upload")):
                tab.select(None, None, [side.active, refresh], js=page.tab_js(name), **PRIVATE)
        gr.api(compare, api_name="compare")
    return demo.queue(max_size=MAX_WAITING, default_concurrency_limit=AT_ONCE)


def _recognise(verifier: Verifier) -> None:
    """The tab in which a visitor teaches classes by examples, and asks which of them another image is of."""

    def teach(name: str, tab: str, sketch, upload, taught: tuple[Taught, ...]) -> list:
        """One more example: what is taught, as HTML too, and a new number where that worked."""
        try:
            taught = _with_example(verifier, taught, name, _chosen(tab, sketch, upload))
        except ValueError as error:
            return [taught, _lesson(taught, str(error)), gr.skip()]
        return [taught, _lesson(taught), time.time()]

    def forget(taught: tuple[Taught, ...], event: gr.EventData) -> list:
        """All but one class."""
        taught = tuple(each for number, each in enumerate(taught) if number != int(event.forget))
        return [taught, _lesson(taught)]

    def ask(tab: str, sketch, upload, taught: tuple[Taught, ...]) -> str:
        """The nearest classes of what the open tab of the query holds, as HTML."""
        return _answer(verifier, taught, _chosen(tab, sketch, upload))

    taught = gr.State((), time_to_live=STATE_AGE)
    with gr.Row(elem_classes="trio"):
        with gr.Column(min_width=300, elem_classes="teaching"):
            example = _input_side("example", "Teach by examples")
            with gr.Row(elem_classes="naming"):
                name = gr.Textbox(
                    label="Name of the class", max_length=LONGEST_NAME, placeholder="such as alpha", elem_id="class-name"
                )
                teach_button = gr.Button("Add example", variant="primary", min_width=120)
            lesson = gr.HTML(_lesson(()), elem_id="lesson", js_on_load=page_recognise.LESSON_JS)
        query = _input_side("query", "Which one is this?")
        with gr.Column(min_width=300, elem_classes="outcome"):
            answer = gr.HTML(_answer(verifier, (), None), elem_id="answer")

    refresh, added = gr.Number(visible=False), gr.Number(visible=False)  # any new value tells of a change
    refresh.change(ask, [query.active, query.sketch, query.upload, taught], answer, **PRIVATE)
    inputs = [name, example.active, example.sketch, example.upload, taught]
    for trigger in (teach_button.click, name.submit):
        trigger(teach, inputs, [taught, lesson, added], **PRIVATE)
    # An event of its own: a drawing that goes out with an event is not taken back by its answer.
    emptied = added.change(lambda: (EMPTY_PAPER, None), None, [example.sketch, example.upload], **PRIVATE)
    emptied.then(None, None, refresh, js=page.REFRESH_JS, **PRIVATE)
    lesson.click(forget, taught, [taught, lesson], **PRIVATE).then(None, None, refresh, js=page.REFRESH_JS, **PRIVATE)
    for part in (query.sketch, query.upload):
        part.input(None, None, refresh, js=page.REFRESH_JS, **PRIVATE)
    for side in (example, query):
        for tab, which in ((side.draw_tab, "draw"), (side.upload_tab, "upload")):
            tab.select(None, None, [side.active, refresh], js=page.tab_js(which), **PRIVATE)


def _with_example(
    verifier: Verifier, taught: tuple[Taught, ...], name: str, image: Image.Image | str | None
) -> tuple[Taught, ...]:
    """What is taught with one more example of a class. Raises ValueError with what is missing, wrong or too much."""
    name = " ".join(name.split())[:LONGEST_NAME]
    if image is None:
        raise ValueError("Draw or upload an example first.")
    if not name:
        raise ValueError("Give the class of this example a name.")
    known = {each.name: each for each in taught}
    before = known.get(name, Taught(name, (), ()))
    if len(before.embeddings) >= MOST_EXAMPLES:
        raise ValueError(f"{name} has {MOST_EXAMPLES} examples, which is as many as this page takes.")
    if not before.embeddings and len(known) >= MOST_CLASSES:
        raise ValueError(f"There are {MOST_CLASSES} classes, which is as many as this page takes: forget one.")
    seen, embedding = verifier.canonical(image), verifier.embed([image])[0]
    known[name] = Taught(name, (*before.embeddings, embedding), (*before.seen, seen))
    return tuple(known.values())


def _lesson(taught: tuple[Taught, ...], problem: str = "") -> str:
    return page_recognise.lesson([(each.name, each.seen) for each in taught], problem)


def _answer(verifier: Verifier, taught: tuple[Taught, ...], image: Image.Image | str | None) -> str:
    """The nearest of the taught classes, or what is missing or wrong, as HTML."""
    try:
        seen = None if image is None else verifier.canonical(image)
    except ValueError as error:
        return page_recognise.answer(None, None, str(error), problem=True)
    if not taught:
        return page_recognise.answer(None, seen, "Teach it a class or two: draw an example, name it, add it.")
    if seen is None:
        return page_recognise.answer(None, None, "Draw or upload what it should recognise.")
    gallery = Gallery(verifier)
    for each in taught:
        gallery.enrol_embeddings(each.name, np.stack(each.embeddings))
    return page_recognise.answer(gallery.identify(image), seen)


def _input_side(name: str, heading: str) -> Side:
    with gr.Column(min_width=300, elem_classes="side"):
        gr.HTML(f"<h2>{heading}</h2>")
        with gr.Tabs(selected="draw"):
            with gr.Tab("Draw", id="draw") as draw_tab:
                sketch = gr.ImageEditor(
                    sources=(), image_mode="L", type="pil", canvas_size=(CANVAS, CANVAS), fixed_canvas=True, layers=False,
                    transforms=(), brush=gr.Brush(default_size=BRUSH_RADIUS, colors=["#000000"], color_mode="fixed"),
                    buttons=[], show_label=False, placeholder=" ", elem_id=f"sketch-{name}", elem_classes="sketch",
                )  # fmt: skip
                sketch.blob_storage = LatestSketches()
            with gr.Tab("Upload", id="upload") as upload_tab:
                upload = UploadedImage(
                    sources=["upload", "clipboard", "webcam"], show_label=False, buttons=[], format="png",
                    placeholder="Drop an image here\nor click to choose one", elem_id=f"upload-{name}",
                    elem_classes="upload", alt_text=f"The {name} image",
                )  # fmt: skip
        active = gr.Textbox("draw", visible=False)
    return Side(draw_tab, upload_tab, active, sketch, upload)


def _chosen(tab: str, sketch: dict | None, upload: str | None) -> Image.Image | str | None:
    """The image of the open tab; None while it is empty, or all that was drawn is undone."""
    if tab == "upload":
        return upload
    drawing = sketch and sketch["composite"]
    if drawing is None:
        return None
    darkest, lightest = drawing.getextrema()
    return drawing if darkest < lightest else None


def _outcome(verifier: Verifier, images: list[Image.Image | str | None], threshold: float) -> tuple[str, str]:
    """The verdict on two images, or what is wrong with them or missing, and where they stand among the test pairs."""
    verdict, panel = _verdict_panel(verifier, images, threshold)
    return panel, page_distances.section(verifier.config.distances, threshold, verdict)


def _verdict_panel(
    verifier: Verifier, images: list[Image.Image | str | None], threshold: float
) -> tuple[Verdict | None, str]:
    seen, problems = [None, None], []
    for side, (ordinal, image) in enumerate(zip(page.ORDINALS, images, strict=True)):
        if image is None:
            continue
        try:
            seen[side] = verifier.canonical(image)
        except ValueError as error:
            problems.append(f"{ordinal.capitalize()} image: {error}")
    if problems:
        return None, page.panel(threshold, seen, message=" ".join(problems), problem=True)
    missing = [ordinal for ordinal, image in zip(page.ORDINALS, images, strict=True) if image is None]
    if missing:
        text = "Draw or upload two images." if len(missing) == 2 else f"Draw or upload a {missing[0]} image."
        return None, page.panel(threshold, seen, message=text)
    verdict = verifier.verify(*images, threshold)
    return verdict, page.panel(threshold, seen, verdict)


def _error(message: str) -> gr.Error:
    return gr.Error(message, print_exception=False)  # the caller's mistake: no traceback in the server's log


def _theme() -> gr.themes.Base:
    """Neutral, so that colour is left to the verdict; the fonts that the visitor's system has."""
    return gr.themes.Default(primary_hue="slate", neutral_hue="slate", font=("system-ui", "sans-serif")).set(
        button_primary_background_fill="*neutral_800", button_primary_background_fill_hover="*neutral_700",
        button_primary_background_fill_dark="*neutral_100", button_primary_background_fill_hover_dark="*neutral_300",
        button_primary_text_color="white", button_primary_text_color_dark="*neutral_900",
    )  # fmt: skip


def _limit_heaps() -> None:
    """Keep memory from growing with each new worker thread: glibc gives it a heap of its own, and never takes that back."""
    with contextlib.suppress(OSError, AttributeError):  # where there is another C library
        ctypes.CDLL("libc.so.6").mallopt(M_ARENA_MAX, ARENAS)


def _load(source: str | None) -> tuple[Verifier, str]:
    """The model at `source`, or the bundled one with a notice that says why it is not the one asked for."""
    try:
        return Verifier.from_pretrained(*split_revision(source)), ""
    except HubError as error:
        # Visitors of a Space can mend nothing, so it stays up whatever is wrong; elsewhere only what may pass is waited out.
        if not (os.environ.get("SPACE_ID") or isinstance(error, HubUnavailableError)):
            raise
        notice = f"The model {source} cannot be had: {error}. This is the bundled one instead."
        print(f"app.py: {notice}", file=sys.stderr)
        return Verifier.from_pretrained(), notice


def _needs_a_gpu() -> None:
    """ZeroGPU wants one such function. Never called: the processor answers sooner than a GPU is had, and costs no quota."""


def main(argv: list[str] | None = None) -> int:
    """Load the model, serve the page until interrupted; the exit code."""
    parser = argparse.ArgumentParser(
        description="Open the same-or-different demo in a web page.",
        epilog="SIAMESE_MODEL (environment): the model to load: a folder, or a Hugging Face repository user/name, with "
        "@revision for a branch, tag or commit; default: the weights that come with this repository.",
    )
    parser.add_argument("--host", help="address to listen on; default: $GRADIO_SERVER_NAME or 127.0.0.1")
    parser.add_argument("--port", type=int, help="TCP port; default: $GRADIO_SERVER_PORT, or the first free from 7860")
    parser.add_argument("--share", action="store_true", default=None, help="also open a public link through gradio.live")
    args = parser.parse_args(argv)

    _limit_heaps()
    source = os.environ.get("SIAMESE_MODEL") or None
    try:
        verifier, notice = _load(source)
    except (ValueError, OSError) as error:
        print(f"app.py: SIAMESE_MODEL={source or ''}: {error}", file=sys.stderr)
        return 2

    Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2  # for what Gradio opens before we see it: Pillow refuses twice this number
    if spaces is not None:
        spaces.GPU(_needs_a_gpu)
    css = page.CSS + page_distances.CSS + page_recognise.CSS + page_about.CSS
    build_demo(verifier, notice).launch(
        server_name=args.host, server_port=args.port, share=args.share, max_file_size=MAX_FILE_SIZE, ssr_mode=False,
        enable_monitoring=False, run_history=False, footer_links=["api", "settings"], css=css,
        js=page.PAGE_JS,
        theme=_theme(),
    )  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
