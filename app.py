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
from abc import ABCMeta
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

try:
    import spaces  # there on Spaces only; for ZeroGPU it has to come before torch
except ImportError:
    spaces = None
import gradio as gr
from gradio.components.base import server
from gradio.components.image_editor import AcceptBlobs
from gradio_client.utils import is_file_obj_with_meta
from PIL import Image
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route

from siamese import Verifier, lessons, page, page_about, page_batch, page_distances, page_recognise, page_understand
from siamese.batch import MAX_IMAGES, Batch, look_at_all
from siamese.data import load_sample_digits
from siamese.hub_errors import HubError, HubUnavailableError
from siamese.pair import look
from siamese.preprocess import MAX_PIXELS
from siamese.sources import bundled_models, split_revision
from siamese.web import BodyLimit, health

CANVAS = 400  # px, side of the drawing: at least what the page shows, since Gradio scales it down only
BRUSH_RADIUS = 10  # px of the canvas: a stroke of 5% of its side, about that of a pen in MNIST
THRESHOLD_STEP = 0.001  # of the slider, in units of distance
MAX_FILE_SIZE = "20mb"
MAX_BODY = 21_000_000  # bytes of a request that is no upload
MAX_DRAWING = 2_000_000  # bytes: a PNG of the canvas has some 20,000
MAX_WAITING = 64  # comparisons in the queue before visitors are asked to come back later
AT_ONCE = 4  # comparisons that run at the same time
MAX_SKETCHES = 64  # drawings on their way from browsers to a handler, see LatestSketches
M_ARENA_MAX, ARENAS = -8, 2  # glibc's name for the number of heaps, and how many are enough for AT_ONCE
CACHE_CHECK, CACHE_AGE = 600, 3600  # s: how often uploaded files are looked through, and how old they may get

PAGE_PARTS = (page, page_about, page_batch, page_distances, page_recognise, page_understand)

# Of all listeners of the page; the latest event counts, those that come while it is answered are left out.
PRIVATE = {"api_visibility": "private", "show_progress": "hidden", "trigger_mode": "always_last"}

# Pairs of test digits (indices into load_sample_digits()) and what to say of them.
EXAMPLES = [
    (636, 766, "Easy"),
    (374, 143, "Easy"),
    (232, 339, "Hard"),
    (824, 969, "Hard"),
    (216, 556, "Hard"),
    (393, 554, "Hard"),
]


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


class LatestSketches(dict):
    """Remembers the latest MAX_SKETCHES keys. Gradio never forgets a drawing that no handler came to read."""

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)
        while len(self) > MAX_SKETCHES:
            self.pop(next(iter(self)), None)


class Sketch(gr.ImageEditor, metaclass=_WithoutStub):
    """A gr.ImageEditor of one layer, whose drawings come piece by piece from browsers, or from whoever says to be one."""

    is_template = True

    @server
    def accept_blobs(self, data: AcceptBlobs) -> None:
        """Gradio's own, which would make a list as long as the browser says and keep whatever it is sent."""
        try:
            is_right = data.data["type"] in ("layer", "background", "composite") and isinstance(data.data["id"], str)
            is_right &= data.data.get("index") in (None, "", "null", "0", 0) and len(data.files[0][1]) <= MAX_DRAWING
        except (AttributeError, LookupError, TypeError):
            is_right = False
        if not is_right:
            raise HTTPException(400, f"this is no drawing, allowed: one layer of at most {MAX_DRAWING:,} bytes")
        super().accept_blobs(data)


class Side(NamedTuple):
    """The widgets of one of the two images."""

    draw_tab: gr.Tab
    upload_tab: gr.Tab
    active: gr.Textbox  # "draw" or "upload": only the browser knows which tab is open, this carries it to the handlers
    sketch: gr.ImageEditor
    upload: UploadedImage


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


def build_demo(verifier: Verifier, notice: str = "", others: Sequence[Verifier] = ()) -> gr.Blocks:
    """The page and its public endpoints, /compare, /embed and /distances, around `verifier`; start it with `launch`.

    `notice` stands on top. Visitors of the page may choose one of the `others` instead.
    """
    models = {verifier.name: verifier}
    for other in others:
        models.setdefault(other.name, other)

    def compare(image_a: gr.FileData, image_b: gr.FileData) -> dict:
        """Compare two image files: {is_same, probability_same, confidence, distance, threshold, model}."""
        paths = [_path(value, name) for name, value in (("image_a", image_a), ("image_b", image_b))]
        for name, path in zip(("image_a", "image_b"), paths, strict=True):
            try:
                verifier.canonical(path)
            except ValueError as error:
                raise _error(f"{name}: {error}") from error
        return {**verifier.verify(*paths).to_dict(), "model": verifier.name}

    def batch(images: list) -> Batch:
        """What the model makes of the files of a request. Raises gr.Error where one of them is no good."""
        if not isinstance(images, list) or not images:
            raise _error(f"images is no list of files, allowed: 1 to {MAX_IMAGES} of gradio_client.handle_file(path or URL)")
        names = [f"images[{place}]" for place in range(len(images))]
        try:
            found, problems = look_at_all(verifier, [_path(*pair) for pair in zip(images, names, strict=True)], names)
        except ValueError as error:
            raise _error(str(error)) from error
        if problems:
            raise _error("; ".join(problems.values()))
        return found

    def embed(images: list[gr.FileData]) -> dict:
        """Embeddings of 1 to 32 image files, whose Euclidean distances are those of /compare: {embeddings, model}."""
        return {"embeddings": batch(images).embeddings.tolist(), "model": verifier.name}

    def distances(images: list[gr.FileData]) -> dict:
        """Distances between all of 1 to 32 image files: {distances, threshold, model}; same: at most the threshold."""
        threshold = verifier.config.calibration.threshold
        return {"distances": batch(images).distances().tolist(), "threshold": threshold, "model": verifier.name}

    def describe(name: str) -> tuple[str, str]:
        """What is said of another model, on top and on its own tab."""
        return page.header(name, models[name].config, notice), page_about.about(name, models[name].config)

    def forget_visitor(request: gr.Request) -> None:
        """Gradio itself would keep the state of a page for an hour after it is closed."""
        demo.state_holder.delete_state(request.session_hash)

    with Demo(
        title="Same or different?", analytics_enabled=False, delete_cache=(CACHE_CHECK, CACHE_AGE), fill_width=True
    ) as demo:
        header = gr.HTML(page.header(verifier.name, verifier.config, notice), elem_id="header")
        model = gr.Radio(list(models), value=verifier.name, label="Model", elem_id="model", visible=len(models) > 1)
        with gr.Tabs(elem_id="modes"):
            with gr.Tab("Compare", elem_id="compare"):
                _compare_tab(models, model)
            with gr.Tab("Recognise", elem_id="lesson"):
                _recognise_tab(models, model)
            with gr.Tab("Many", elem_id="many"):
                _batch_tab(models, model)
            with gr.Tab("How it works", elem_id="about"):
                about = gr.HTML(page_about.about(verifier.name, verifier.config))
        model.input(describe, model, [header, about], **PRIVATE)
        for endpoint in (compare, embed, distances):
            gr.api(endpoint, api_name=endpoint.__name__)
        demo.unload(forget_visitor)
    return demo.queue(max_size=MAX_WAITING, default_concurrency_limit=AT_ONCE)


def _compare_tab(models: dict[str, Verifier], model: gr.Radio) -> None:
    """Two images, the verdict on them, and what it rests on. `model` holds the name of one of `models`."""

    def judge(images: list, name: str, point: float | None, slider: float, is_explained: bool, turn: int | None = None):
        """All that is said of two images, as HTML: the verdict, its place among test pairs, the map, the drivers."""
        pair = look(models[name], images)
        threshold = point or slider
        verdict = pair.verdict(threshold)
        effects = pair.drivers() if is_explained else None
        return [
            page.panel(threshold, pair.seen, verdict, pair.message, pair.is_problem, turn, page.caution(pair.is_familiar)),
            page_distances.section(models[name].config.distances, threshold, verdict),
            maps[name].draw(pair.embeddings),
            page_understand.drivers(pair.seen, effects),
            page_about.snippets(name, threshold, models[name].config.calibration.threshold, next(iter(models))),
        ]

    def show(turn: int, name: str, point, slider, is_explained, *parts) -> list:
        """All that is said of what the open tabs of the two sides hold; each side has three parts."""
        return judge([_chosen(*parts[:3]), _chosen(*parts[3:])], name, point, slider, is_explained, turn)

    def load_example(name: str, point, slider, is_explained, event: gr.EventData) -> list:
        """An example pair for the two uploads, the tab they are on, and all that is said of it."""
        images = [Image.fromarray(digits[index]) for index in EXAMPLES[int(event.pair)][:2]]
        return ["upload", images[0], "upload", images[1], *judge(images, name, point, slider, is_explained)]

    def choose(name: str) -> list:
        """The thresholds that another model offers."""
        point, slider = _thresholds(models[name])
        return [gr.Radio(**point), gr.Slider(**slider)]

    digits, labels = load_sample_digits()
    point, slider = _thresholds(models[model.value])
    maps = {name: page_understand.Map(verifier.reference) for name, verifier in models.items()}
    waiting, standing, plane, drivers, snippets = judge([None, None], model.value, point["value"], 0, False)

    with gr.Row(elem_classes="stage"):
        sides = [_input_side(ordinal, f"{ordinal.capitalize()} image") for ordinal in page.ORDINALS]
        with gr.Column(min_width=300, elem_classes="outcome"):
            with gr.Row(elem_classes="actions"):
                compare_button = gr.Button("Compare", variant="primary", scale=2, min_width=120)
                clear_button = gr.Button("Clear both", scale=1, min_width=120)
            verdict = gr.HTML(waiting, elem_id="verdict", elem_classes="answer")
    examples = gr.HTML(page.examples(EXAMPLES, digits, labels), elem_id="examples", js_on_load=page.EXAMPLES_JS)
    with gr.Row(elem_id="judge"):
        gr.HTML("<h2>Where to draw the line</h2>")
        standing = gr.HTML(standing, elem_id="standing")
        with gr.Column(min_width=240):
            point = gr.Radio(
                **point, label="Threshold", info="Fewer false accepts cost more false rejects.", elem_id="point"
            )
            slider = gr.Slider(
                THRESHOLD_STEP, **slider, step=THRESHOLD_STEP, buttons=[], label="Or any distance", elem_id="threshold"
            )

    with gr.Row(elem_id="understand"):
        with gr.Column():
            gr.HTML("<h2>Where the two images lie</h2>")
            plane = gr.HTML(plane, elem_id="plane")
        with gr.Column():
            gr.HTML("<h2>What drives the distance</h2>")
            explain = gr.Checkbox(label="Show it on the images", elem_id="explain", container=False)
            drivers = gr.HTML(drivers, elem_id="drivers")
    with gr.Accordion("The same in a program", open=False):
        snippets = gr.HTML(snippets, elem_id="snippets", js_on_load=page_about.COPY_JS)

    uploads = [side.upload for side in sides]
    refresh = gr.Number(visible=False, precision=0)  # any new value shows the verdict on what the page holds then
    # One listener for all, and the latest event counts, so that a verdict on what was there before never stays. Handlers
    # that change several parts bring their own verdict, and refresh it only when all of them are in place.
    inputs = [part for side in sides for part in (side.active, side.sketch, side.upload)]
    settings, outcome = [model, point, slider, explain], [verdict, standing, plane, drivers, snippets]
    refresh.change(show, [refresh, *settings, *inputs], outcome, **PRIVATE)
    explain.input(None, None, refresh, js=page.REFRESH_JS, **PRIVATE)
    verdict.change(None, verdict, refresh, js=page.latest_js("verdict"), **PRIVATE)
    chosen_model = model.input(choose, model, [point, slider], **PRIVATE)
    chosen_model.then(None, None, refresh, js=page.REFRESH_JS, **PRIVATE)
    point.input(None, point, [slider, refresh], js=page.POINT_JS, **PRIVATE)
    slider.input(None, None, [point, refresh], js=page.SLIDER_JS, **PRIVATE)
    _refresh_on_input(sides, refresh)
    compare_button.click(None, None, refresh, js=page.COMPARE_JS, **PRIVATE)
    clear_button.click(None, None, [*uploads, refresh], js=page.clear_js("compare", uploads=2), **PRIVATE)
    # The tabs are opened by a script: as an output, they would have Gradio fetch the drawings on them time and again.
    loaded = [part for side in sides for part in (side.active, side.upload)]
    chosen = examples.click(load_example, settings, [*loaded, *outcome], **PRIVATE)
    chosen.then(None, None, refresh, js=page.OPEN_UPLOADS_JS, **PRIVATE)


def _recognise_tab(models: dict[str, Verifier], model: gr.Radio) -> None:
    """Examples of new classes, a query, and the classes by how near they are to it; kept for the page alone."""

    def teach(known: tuple, name: str, label: str, tab: str, sketch, upload) -> list:
        """One example more, or what was wrong with it."""
        image = _chosen(tab, sketch, upload)
        try:
            if image is None:
                raise ValueError("draw or upload an example first")
            known = lessons.teach(known, label, image, models, name)
        except ValueError as error:
            return [gr.skip(), gr.skip(), page_recognise.note(str(error), problem=True)]
        return [known, page_recognise.taught(known, name), page_recognise.note(f"Added an example of {known[-1].name}.")]

    def remove(known: tuple, name: str, event: gr.EventData) -> tuple:
        """The examples without one class."""
        known = lessons.forget(known, str(event.name))
        return known, page_recognise.taught(known, name), page_recognise.note("")

    def clear(name: str) -> tuple:
        """No examples."""
        return (), page_recognise.taught((), name), page_recognise.note("")

    def ask(turn: int, known: tuple, name: str, tab: str, sketch, upload) -> str:
        """The ranking of the classes for what the open tab of the query holds, as HTML."""
        return _ranking(models[name], known, _chosen(tab, sketch, upload), turn)

    with gr.Row(elem_classes="stage"):
        with gr.Column(min_width=300, elem_classes="half"):
            example = _input_side("example", "An example")
            with gr.Row(elem_id="teaching"):
                label = gr.Textbox(
                    label="Name of the class", max_length=lessons.MAX_NAME_LENGTH, max_lines=1, elem_id="label"
                )
                add_button = gr.Button("Add example", variant="primary", min_width=120)
            note = gr.HTML(page_recognise.note(""))
        query = _input_side("query", "What is this?")
        ranking = gr.HTML(_ranking(models[model.value], (), None), elem_id="answer", elem_classes=["answer", "outcome"])
    taught = gr.HTML(page_recognise.taught((), model.value), elem_id="taught", js_on_load=page_recognise.REMOVE_JS)
    forget_button = gr.Button("Forget all", elem_id="forget")

    examples = gr.State(())
    refresh = gr.Number(visible=False, precision=0)
    refresh.change(ask, [refresh, examples, model, *query[2:]], ranking, **PRIVATE)
    ranking.change(None, ranking, refresh, js=page.latest_js("ranking"), **PRIVATE)
    _refresh_on_input([query], refresh)
    taught_as = [examples, taught, note]
    for trigger in (add_button.click, label.submit):
        added = trigger(teach, [examples, model, label, *example[2:]], taught_as, **PRIVATE)
        added.then(None, [note, example.upload], [example.upload, refresh], js=page_recognise.ADDED_JS, **PRIVATE)
    changes = (
        taught.click(remove, [examples, model], taught_as, **PRIVATE),
        forget_button.click(clear, model, taught_as, **PRIVATE),
        model.input(page_recognise.taught, [examples, model], taught, **PRIVATE),
    )
    for change in changes:
        change.then(None, None, refresh, js=page.REFRESH_JS, **PRIVATE)


def _batch_tab(models: dict[str, Verifier], model: gr.Radio) -> None:
    """Many images, and the distances between all of them."""

    def measure(turn: int, name: str, paths: list[str] | None) -> str:
        """The distances between all uploaded images, as HTML."""
        verifier, paths = models[name], paths or []
        names = [Path(path).name for path in paths]
        try:
            batch, problems = look_at_all(verifier, paths, names)
        except ValueError as error:
            return page_batch.matrix([], [], [], 1, [str(error)])
        used = [name for place, name in enumerate(names) if place not in problems]
        threshold = verifier.config.calibration.threshold
        return page_batch.matrix(used, batch.seen, batch.distances(), threshold, list(problems.values()))

    files = gr.File(file_count="multiple", label=f"Images, up to {MAX_IMAGES}", height=160, elem_id="files")
    shown = gr.HTML(page_batch.matrix([], [], [], 1))
    refresh = gr.Number(visible=False, precision=0)
    refresh.change(measure, [refresh, model, files], shown, **(PRIVATE | {"show_progress": "minimal"}))
    for event in (files.change, model.input):
        event(None, None, refresh, js=page.REFRESH_JS, **PRIVATE)


def _input_side(name: str, title: str) -> Side:
    with gr.Column(min_width=300, elem_id=f"{name}-side", elem_classes="side"):
        gr.HTML(f"<h2>{title}</h2>")
        with gr.Tabs(selected="draw"):
            with gr.Tab("Draw", id="draw") as draw_tab:
                sketch = Sketch(
                    sources=(), image_mode="L", type="pil", canvas_size=(CANVAS, CANVAS), fixed_canvas=True, layers=False,
                    transforms=(), brush=gr.Brush(default_size=BRUSH_RADIUS, colors=["#000000"], color_mode="fixed"),
                    buttons=[], show_label=False, placeholder=" ", elem_id=f"sketch-{name}", elem_classes="sketch",
                )  # fmt: skip
                sketch.blob_storage = LatestSketches()
            with gr.Tab("Upload", id="upload") as upload_tab:
                upload = UploadedImage(
                    sources=["upload", "clipboard", "webcam"], show_label=False, buttons=[], format="png",
                    placeholder="Drop an image here\nor click to choose one", elem_id=f"upload-{name}",
                    elem_classes="upload", alt_text=title,
                )  # fmt: skip
        active = gr.Textbox("draw", visible=False)
    return Side(draw_tab, upload_tab, active, sketch, upload)


def _refresh_on_input(sides: Sequence[Side], refresh: gr.Number) -> None:
    """Whatever is drawn, uploaded or brought to the front gives `refresh` a new value."""
    for side in sides:
        for part in (side.sketch, side.upload):
            part.input(None, None, refresh, js=page.REFRESH_JS, **PRIVATE)
        for tab, name in ((side.draw_tab, "draw"), (side.upload_tab, "upload")):
            tab.select(None, None, [side.active, refresh], js=page.tab_js(name), **PRIVATE)


def _thresholds(verifier: Verifier) -> tuple[dict, dict]:
    """What a radio of the named thresholds of a model, and a slider over all, are made of."""
    own, curve = verifier.config.calibration.threshold, verifier.config.distances
    choices = list(page_distances.operating_points(curve, own).items())
    largest = page_distances.largest_threshold(curve, own)
    return {"choices": choices, "value": own}, {"maximum": largest, "value": round(own, 3)}


def _chosen(tab: str, sketch: dict | None, upload: str | None) -> Image.Image | str | None:
    """The image of the open tab; None while it is empty, or all that was drawn is undone."""
    if tab == "upload":
        return upload
    drawing = sketch and sketch["composite"]
    if drawing is None:
        return None
    darkest, lightest = drawing.getextrema()
    return drawing if darkest < lightest else None


def _ranking(verifier: Verifier, examples: tuple, image: Image.Image | str | None, turn: int | None = None) -> str:
    """The taught classes, nearest to the image first, or what is wrong or missing, as HTML."""
    threshold = verifier.config.calibration.threshold
    if image is None:
        return page_recognise.answer(examples, threshold, message="Draw or upload what is to be recognised.", turn=turn)
    try:
        seen = verifier.canonical(image)
    except ValueError as error:
        return page_recognise.answer(examples, threshold, message=str(error), problem=True, turn=turn)
    embedding = verifier.embed_canonical(seen[None])[0]
    if not lessons.knows_any(examples, verifier.name):
        return page_recognise.answer(examples, threshold, seen=seen, message="Teach a class or two first.", turn=turn)
    found = lessons.recognise(examples, embedding, verifier)
    return page_recognise.answer(examples, threshold, found, seen, familiar=verifier.is_familiar(embedding), turn=turn)


def _path(value: Any, name: str) -> str:
    """The path of an uploaded file. Raises gr.Error where `value`, the argument `name`, is none."""
    # The same test by which Gradio moves uploads into its cache: any other path is one it has not checked.
    if not is_file_obj_with_meta(value):
        raise _error(f"{name} is not a file: pass gradio_client.handle_file(path or URL)")
    return value["path"]


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
        epilog="SIAMESE_MODEL (environment): the model to load: a folder, a bundled model such as digits, or a Hugging Face "
        "repository user/name, with @revision for a branch, tag or commit; default: digits. Visitors may choose the other "
        "bundled ones.",
    )
    parser.add_argument("--host", help="address to listen on; default: $GRADIO_SERVER_NAME or 127.0.0.1")
    parser.add_argument("--port", type=int, help="TCP port; default: $GRADIO_SERVER_PORT, or the first free from 7860")
    parser.add_argument("--share", action="store_true", default=None, help="also open a public link through gradio.live")
    args = parser.parse_args(argv)

    _limit_heaps()
    source = os.environ.get("SIAMESE_MODEL") or None
    try:
        verifier, notice = _load(source)
        others = [Verifier.from_pretrained(folder) for folder in bundled_models().values()]
    except (ValueError, OSError) as error:
        print(f"app.py: SIAMESE_MODEL={source or ''}: {error}", file=sys.stderr)
        return 2

    Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2  # for what Gradio opens before we see it: Pillow refuses twice this number
    if spaces is not None:
        spaces.GPU(_needs_a_gpu)
    build_demo(verifier, notice, others).launch(
        server_name=args.host, server_port=args.port, share=args.share, max_file_size=MAX_FILE_SIZE, ssr_mode=False,
        enable_monitoring=False, run_history=False, footer_links=["api", "settings"], theme=_theme(),
        css="".join(part.CSS for part in PAGE_PARTS),
        js=page.PAGE_JS,
        app_kwargs={"routes": [Route("/health", health)], "middleware": [Middleware(BodyLimit, most=MAX_BODY)]},
    )  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
