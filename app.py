"""The demo: two images in, "same" or "different" out. Widgets and handlers only; the siamese package does the work.

python app.py                         # the bundled weights, no network needed
SIAMESE_MODEL=user/name python app.py # a model folder or a Hub repository, with @revision if need be
"""

import argparse
import asyncio
import contextlib
import ctypes
import importlib.util
import logging
import os
import signal
import sys
import threading
import weakref
from abc import ABCMeta
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

try:
    import spaces  # there on Spaces only; for ZeroGPU it has to come before torch
except ImportError:
    spaces = None
import gradio as gr
from gradio import state_holder
from gradio.components.base import server
from gradio.components.image_editor import AcceptBlobs
from gradio.data_classes import ListFiles
from gradio.processing_utils import save_file_to_cache
from gradio_client.utils import is_file_obj_with_meta
from PIL import Image
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route

from siamese import Verifier
from siamese.data.datasets.mnist import load_sample_digits
from siamese.demo import charts as page_distances
from siamese.demo import inputs as page_sketch
from siamese.demo import page_html as page
from siamese.demo import uploads
from siamese.demo.about import view as page_about
from siamese.demo.compare import share as page_share
from siamese.demo.compare import understand as page_understand
from siamese.demo.compare.comparison import look
from siamese.demo.many import view as page_batch
from siamese.demo.many.batch import MAX_IMAGES, Batch, look_at_all
from siamese.demo.recognise import taught as lessons
from siamese.demo.recognise import view as page_recognise
from siamese.demo.server import BodyLimit, health
from siamese.demo.train import view as page_train
from siamese.devices import use_one_thread
from siamese.encoders import ENCODERS
from siamese.hub.errors import HubError, HubUnavailableError
from siamese.hub.push import push_folder
from siamese.hub.sources import bundled_models, split_revision
from siamese.images.load import MAX_PIXELS
from siamese.losses import LOSSES
from siamese.visitors.class_folders import LONGEST_CLASS
from siamese.visitors.limits import MEGABYTE, TrainingLimits
from siamese.visitors.task import EPOCHS, Task
from siamese.visitors.workspace import Workspace, Workspaces

CANVAS = 400  # px, side of the drawing: at least what the page shows, since Gradio scales it down only
BRUSH_RADIUS = 10  # px of the canvas: a stroke of 5% of its side, about that of a pen in MNIST
THRESHOLD_STEP = 0.001  # of the slider, in units of distance
MAX_FILE_SIZE = 20_000_000  # bytes; more where visitors may train on larger ZIP files
MAX_BODY = 21_000_000  # bytes of a request that is no upload
MAX_DRAWING = 2_000_000  # bytes: a PNG of the canvas has some 20,000
FITTING = "automatic"  # instead of the name of an encoder: what fits the images
MAX_WAITING = 64  # comparisons in the queue before visitors are asked to come back later
AT_ONCE = 4  # comparisons that run at the same time
MAX_SKETCHES = 64  # drawings on their way from browsers to a handler, see LatestSketches
M_ARENA_MAX, ARENAS = -8, 2  # glibc's name for the number of heaps, and how many are enough for AT_ONCE
FOLLOW_SECONDS = 0.2  # between two looks at a training
CACHE_CHECK, CACHE_AGE = 600, 3600  # s: how often uploaded files are looked through, and how old they may get

PAGE_PARTS = (
    page,
    page_about,
    page_batch,
    page_distances,
    page_recognise,
    page_share,
    page_understand,
)

# Of all listeners of the page; the latest event counts, those that come while it is answered are left out.
PRIVATE = {"api_visibility": "private", "show_progress": "hidden", "trigger_mode": "always_last"}
# What answers while one draws: not through Gradio's queue, whose answers the browser fetches by a request of their own, from
# a server that looks for them 20 times a second.
AT_A_GLANCE = PRIVATE | {"queue": False}
LOOKING = threading.BoundedSemaphore(AT_ONCE)

# Pairs of test digits (indices into load_sample_digits()) and what to say of them; the last two fool the bundled model.
EXAMPLES = [
    (636, 766, "Easy"),
    (374, 143, "Easy"),
    (232, 339, "Hard"),
    (824, 969, "Hard"),
    (17, 191, "Fooled"),
    (72, 315, "Fooled"),
]


class _WithoutStub(type(gr.Image)):
    """Gradio's metaclass, less the .pyi file that it writes beside every module in which a component is defined."""

    def __new__(cls, name: str, bases: tuple, namespace: dict) -> type:
        return ABCMeta.__new__(cls, name, bases, namespace)


class UploadedImage(gr.Image, metaclass=_WithoutStub):
    """A gr.Image that hands over the file as it came, so that `siamese.images.canonical` alone decides what can be read."""

    is_template = True  # for the browser it is a plain gr.Image
    data_model = gr.FileData  # unlike gr.Image's own model it refuses paths that did not come through an upload

    def preprocess(self, payload: gr.FileData | None) -> str | None:
        """Path of the uploaded file, or None."""
        return payload.path if payload else None


class UploadedFiles(gr.File, metaclass=_WithoutStub):
    """A gr.File that hands over the paths as they are; Gradio's own leaves an empty file behind for each of them."""

    is_template = True

    def preprocess(self, payload: gr.FileData | ListFiles | None) -> str | list[str] | None:
        """Path of the uploaded file or, of several, a list of them; None where there is none.

        Raises ValueError where a file is gone: what two visitors bring at once is one file, and goes with the first of them.
        """
        paths = [file.path for file in payload] if isinstance(payload, ListFiles) else [payload.path] if payload else []
        if gone := [path for path in paths if not Path(path).is_file()]:
            raise ValueError(f"{Path(gone[0]).name} is no longer here")
        return paths if isinstance(payload, ListFiles) else paths[0] if paths else None


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


class Session(state_holder.SessionState):
    """What Gradio keeps of the last 10,000 callers, less its copy of all that is on the page.

    That takes 6 ms and a quarter of a megabyte for each call of a program, and is for links to a page in some state.
    """

    def __init__(self, blocks: gr.Blocks) -> None:
        super().__init__(SimpleNamespace(default_config=blocks.default_config, blocks={}))


class Side(NamedTuple):
    """The widgets of one of the two images."""

    draw_tab: gr.Tab
    upload_tab: gr.Tab
    active: gr.Textbox  # "draw" or "upload": only the browser knows which tab is open, this carries it to the handlers
    drawing: gr.Textbox  # empty: page_sketch.fill_js puts the drawing in its place when something is asked about it
    upload: UploadedImage
    drawn: gr.HTML  # is clicked by a script at each change of the drawing
    name: str


class Demo(gr.Blocks):
    """gr.Blocks that refuses what it cannot take in with a sentence; Gradio would log a traceback and say nothing."""

    async def preprocess_data(self, *args: Any, **kwargs: Any) -> list:
        """Gradio's own, which checks every path and URL of a request. Raises gr.Error for whatever it refuses."""
        try:
            return await super().preprocess_data(*args, **kwargs)
        except Exception as error:  # each kind of refusal has its own type, all of them are about what was sent
            logging.getLogger(__name__).info("request refused: %s", error)
            raise _error(
                "a file was not uploaded, cannot be fetched or is no longer here: choose it again, "
                "or in a program pass gradio_client.handle_file(path or URL)"
            ) from error


class Models(dict):
    """The models that all visitors may choose, by name, and where to find the one that a visitor has trained."""

    def of(self, name: str, own: Workspace | None) -> Verifier:
        """A model by name. Raises gr.Error where it is none of these, nor the visitor's own."""
        return self.all(own).get(name) or _fail(f"the model {name} is no longer here: choose another")

    def all(self, own: Workspace | None) -> dict[str, Verifier]:
        """All that a visitor may choose."""
        return {**self, own.model.name: own.model} if own and own.model else dict(self)


def build_demo(
    verifier: Verifier, notice: str = "", others: Sequence[Verifier] = (), workspaces: Workspaces | None = None
) -> gr.Blocks:
    """The page and its public endpoints, /compare, /embed and /distances, around `verifier`; start it with `launch`.

    `notice` stands on top. Visitors of the page may choose one of the `others` instead, and train in the `workspaces`.
    """
    models = Models({verifier.name: verifier})
    for other in others:
        models.setdefault(other.name, other)

    def compare(image_a: gr.FileData, image_b: gr.FileData, request: gr.Request) -> dict:
        """Compare two image files: {is_same, probability_same, confidence, distance, threshold, model}."""
        forget_call(request)
        embeddings = []
        for name, path in [(name, _path(value, name)) for name, value in (("image_a", image_a), ("image_b", image_b))]:
            try:
                embeddings.append(verifier.embed_canonical(verifier.canonical(path)[None])[0])  # by itself, as in verify
            except ValueError as error:
                raise _error(f"{name}: {error}") from error
        return {**verifier.verify_embeddings(*embeddings).to_dict(), "model": verifier.name}

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

    def embed(images: list[gr.FileData], request: gr.Request) -> dict:
        """Embeddings of 1 to 32 image files, whose Euclidean distances are those of /compare: {embeddings, model}."""
        forget_call(request)
        return {"embeddings": batch(images).embeddings.tolist(), "model": verifier.name}

    def distances(images: list[gr.FileData], request: gr.Request) -> dict:
        """Distances between all of 1 to 32 image files: {distances, threshold, model}; same: at most the threshold."""
        forget_call(request)
        threshold = verifier.config.calibration.threshold
        return {"distances": batch(images).distances().tolist(), "threshold": threshold, "model": verifier.name}

    def describe(name: str, own: Workspace | None) -> tuple[str, str]:
        """What is said of another model, on top and on its own tab."""
        config = models.of(name, own).config
        return page.header(name, config, notice), page_about.about(name, config)

    def forget_call(request: gr.Request) -> None:
        """Keep nothing of a program's call, which has no state as pages have; Gradio would keep the last 10,000."""
        session = demo.state_holder.session_data.get(request.session_hash)
        if session and not session.state_data:
            forget_visitor(request)

    def forget_visitor(request: gr.Request) -> None:
        """Gradio itself would keep the state of a page for an hour after it is closed, and the rest for good."""
        kept = demo.state_holder
        kept.delete_state(request.session_hash)
        for place in (kept.session_data, kept.time_last_used):
            place.pop(request.session_hash, None)

    with Demo(
        title="Same or different?", analytics_enabled=False, delete_cache=(CACHE_CHECK, CACHE_AGE), fill_width=True
    ) as demo:
        header = gr.HTML(page.header(verifier.name, verifier.config, notice), elem_id="header")
        model = gr.Radio(list(models), value=verifier.name, label="Model", elem_id="model", visible=len(models) > 1)
        own = gr.State(None, delete_callback=lambda space: space and space.close())  # a Workspace, once the page is loaded
        with gr.Tabs(elem_id="modes"):
            with gr.Tab("Compare", elem_id="compare"):
                _compare_tab(models, model, own)
            with gr.Tab("Recognise", elem_id="lesson"):
                _recognise_tab(models, model, own)
            with gr.Tab("Many", elem_id="many"):
                _batch_tab(models, model, own)
            if workspaces:
                with gr.Tab("Train", elem_id="train"):
                    _train_tab(models, model, own, workspaces, demo)
            with gr.Tab("How it works", elem_id="about"):
                about = gr.HTML(page_about.about(verifier.name, verifier.config))
        model.change(describe, [model, own], [header, about], **PRIVATE)
        for endpoint in (compare, embed, distances):
            gr.api(endpoint, api_name=endpoint.__name__)
        demo.unload(forget_visitor)
    return demo.queue(max_size=MAX_WAITING, default_concurrency_limit=AT_ONCE)


def _compare_tab(models: Models, model: gr.Radio, own: gr.State) -> None:
    """Two images, the verdict on them, and what it rests on. `model` holds the name of one of `models`."""

    def judge(
        images: list, name: str, space, point: float | None, slider: float, is_explained: bool, turn: int | None = None
    ):
        """All that is said of two images, as HTML: the verdict, its place among test pairs, the map, the drivers."""
        verifier = models.of(name, space)
        pair = look(verifier, images)
        threshold = point or slider
        verdict = pair.verdict(threshold)
        effects = pair.drivers() if is_explained else None
        return [
            page.panel(threshold, pair.seen, verdict, pair.message, pair.is_problem, turn, page.caution(pair.is_familiar)),
            page_distances.section(verifier.config.distances, threshold, verdict),
            map_of(verifier).draw(pair.embeddings),
            page_understand.drivers(pair.seen, effects),
            page_about.snippets(name, threshold, verifier.config.calibration.threshold, next(iter(models))),
        ]

    def map_of(verifier: Verifier) -> page_understand.Map:
        """The map of a model, drawn up once."""
        if verifier not in maps:
            maps[verifier] = page_understand.Map(verifier.reference)
        return maps[verifier]

    def show(turn: int, name: str, space, point, slider, is_explained, *parts) -> list:
        """All that is said of what the open tabs of the two sides hold; each side has three parts."""
        with LOOKING:
            return judge([_chosen(*parts[:3]), _chosen(*parts[3:])], name, space, point, slider, is_explained, turn)

    def load_example(name: str, space, point, slider, is_explained, event: gr.EventData) -> list:
        """An example pair for the two uploads, the tab they are on, and all that is said of it."""
        images = [Image.fromarray(digits[index]) for index in EXAMPLES[int(event.pair)][:2]]
        return ["upload", images[0], "upload", images[1], *judge(images, name, space, point, slider, is_explained)]

    def swap(name: str, space, point, slider, is_explained, *parts) -> list:
        """What each side holds as an upload of the other, and all that is said of them: the same, as it has to be."""
        with LOOKING:
            first, second = _chosen(*parts[:3]), _chosen(*parts[3:])
            found = judge([second, first], name, space, point, slider, is_explained)
            return ["upload", second, "upload", first, *found]

    def choose(name: str, space: Workspace | None) -> list:
        """The thresholds that another model offers."""
        point, slider = _thresholds(models.of(name, space))
        return [gr.Radio(**point), gr.Slider(**slider)]

    digits, labels = load_sample_digits()
    point, slider = _thresholds(models[model.value])
    maps = weakref.WeakKeyDictionary()  # of visitors' own models no longer than these are kept
    waiting, standing, plane, drivers, snippets = judge([None, None], model.value, None, point["value"], 0, False)

    with gr.Row(elem_classes="stage"):
        sides = [_input_side(ordinal, f"{ordinal.capitalize()} image") for ordinal in page.ORDINALS]
        with gr.Column(min_width=300, elem_classes="outcome"):
            with gr.Row(elem_classes="actions"):
                compare_button = gr.Button("Compare", variant="primary", scale=2, min_width=90)
                swap_button = gr.Button("Swap", scale=1, min_width=60)
                clear_button = gr.Button("Clear both", scale=1, min_width=116)
            verdict = gr.HTML(waiting, elem_id="verdict", elem_classes="answer", js_on_load=page_share.SAVE_JS)
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

    refresh = gr.Number(visible=False, precision=0)  # any new value shows the verdict on what the page holds then
    # One listener for all, and the latest event counts, so that a verdict on what was there before never stays. Handlers
    # that change several parts bring their own verdict, and refresh it only when all of them are in place.
    inputs = [part for side in sides for part in side[2:5]]
    settings, outcome = [model, own, point, slider, explain], [verdict, standing, plane, drivers, snippets]
    asked = [refresh, *settings, *inputs]
    refresh.change(show, asked, outcome, js=_drawings(asked, sides), **AT_A_GLANCE)
    explain.input(None, None, refresh, js=page.REFRESH_JS, **PRIVATE)
    verdict.change(None, verdict, refresh, js=page.latest_js("verdict"), **PRIVATE)
    chosen_model = model.change(choose, [model, own], [point, slider], **PRIVATE)
    chosen_model.then(None, None, refresh, js=page.REFRESH_JS, **PRIVATE)
    point.input(None, point, [slider, refresh], js=page.POINT_JS, **PRIVATE)
    slider.input(None, None, [point, refresh], js=page.SLIDER_JS, **PRIVATE)
    _refresh_on_input(sides, refresh)
    compare_button.click(None, None, refresh, js=page.COMPARE_JS, **PRIVATE)
    emptied = [*(side.upload for side in sides), refresh]
    clear_button.click(None, None, emptied, js=page.clear_js("compare", uploads=2), **PRIVATE)
    # The tabs are opened by a script: as an output, they would have Gradio fetch the drawings on them time and again.
    loaded = [part for side in sides for part in (side.active, side.upload)]
    held = [*settings, *inputs]
    changes = (
        examples.click(load_example, settings, [*loaded, *outcome], **PRIVATE),
        swap_button.click(swap, held, [*loaded, *outcome], js=_drawings(held, sides), **AT_A_GLANCE),
    )
    for changed in changes:
        changed.then(None, None, refresh, js=page.OPEN_UPLOADS_JS, **PRIVATE)


def _recognise_tab(models: Models, model: gr.Radio, own: gr.State) -> None:
    """Examples of new classes, a query, and the classes by how near they are to it; kept for the page alone."""

    def teach(known: tuple, name: str, space, label: str, tab: str, sketch, upload) -> list:
        """One example more, or what was wrong with it."""
        image = _chosen(tab, sketch, upload)
        try:
            if image is None:
                raise ValueError("draw or upload an example first")
            known = lessons.teach(known, label, image, models.all(space), models.of(name, space).name)
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

    def ask(turn: int, known: tuple, name: str, space, tab: str, sketch, upload) -> str:
        """The ranking of the classes for what the open tab of the query holds, as HTML."""
        with LOOKING:
            return _ranking(models.of(name, space), known, _chosen(tab, sketch, upload), turn)

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
    asked, taught_by = [refresh, examples, model, own, *query[2:5]], [examples, model, own, label, *example[2:5]]
    refresh.change(ask, asked, ranking, js=_drawings(asked, [query]), **AT_A_GLANCE)
    ranking.change(None, ranking, refresh, js=page.latest_js("ranking"), **PRIVATE)
    _refresh_on_input([query], refresh)
    taught_as = [examples, taught, note]
    for trigger in (add_button.click, label.submit):
        added = trigger(teach, taught_by, taught_as, js=_drawings(taught_by, [example]), **PRIVATE)
        added.then(None, [note, example.upload], [example.upload, refresh], js=page_recognise.ADDED_JS, **PRIVATE)
    changes = (
        taught.click(remove, [examples, model], taught_as, **PRIVATE),
        forget_button.click(clear, model, taught_as, **PRIVATE),
        model.change(page_recognise.taught, [examples, model], taught, **PRIVATE),
    )
    for change in changes:
        change.then(None, None, refresh, js=page.REFRESH_JS, **PRIVATE)


def _batch_tab(models: Models, model: gr.Radio, own: gr.State) -> None:
    """Many images, and the distances between all of them."""

    def measure(turn: int, name: str, space, paths: list[str] | None) -> str:
        """The distances between all uploaded images, as HTML."""
        verifier, paths = models.of(name, space), paths or []
        names = [Path(path).name for path in paths]
        try:
            batch, problems = look_at_all(verifier, paths, names)
        except ValueError as error:
            return page_batch.matrix([], [], [], 1, [str(error)])
        used = [name for place, name in enumerate(names) if place not in problems]
        threshold = verifier.config.calibration.threshold
        return page_batch.matrix(used, batch.seen, batch.distances(), threshold, list(problems.values()))

    files = UploadedFiles(file_count="multiple", label=f"Images, up to {MAX_IMAGES}", height=160, elem_id="files")
    shown = gr.HTML(page_batch.matrix([], [], [], 1))
    refresh = gr.Number(visible=False, precision=0)
    refresh.change(measure, [refresh, model, own, files], shown, **(PRIVATE | {"show_progress": "minimal"}))
    for event in (files.change, model.change):
        event(None, None, refresh, js=page.REFRESH_JS, **PRIVATE)


def _train_tab(models: Models, model: gr.Radio, own: gr.State, workspaces: Workspaces, demo: gr.Blocks) -> None:
    """Data, their check, the choices, a training to watch, and what became of it: in the visitor's own workspace."""
    limits = workspaces.limits

    def mine(space: Workspace | None) -> Workspace:
        """The workspace of a page. Raises gr.Error where it has none any more."""
        return space or _fail("this page was out of reach for a while, or the server has started anew: reload the page")

    def look_through(space: Workspace, source: str, message: str = "") -> list:
        """The report on what was brought, and whether it can be trained on."""
        try:
            report, checked = mine(space).check(source)
        except ValueError as error:
            return ["", page_train.line(str(error), problem=True), gr.Button(interactive=False)]
        line = page_train.line(f"{message}{checked.sentence()}")
        return [page_train.data_check(report), line, gr.Button(interactive=True)]

    def choose(source: str, space: Workspace) -> list:
        """What belongs to a source of images, and the report on what it holds already."""
        is_there = source == "sample" or mine(space).has(source)
        found = look_through(space, source) if is_there else ["", page_train.line(""), gr.Button(interactive=False)]
        return [gr.Column(visible=source == "zip"), gr.Column(visible=source == "hand"), *found]

    def take_archive(path: str | None, space: Workspace) -> list:
        """Unpack a ZIP file, and look through it; the file itself is not kept."""
        try:
            if path is None:
                raise ValueError("there is no file: choose one first")
            others = mine(space).take_archive(path)
        except ValueError as error:
            return [None, "", page_train.line(str(error), problem=True), gr.Button(interactive=False)]
        finally:
            uploads.delete(path)
        left = f"{len(others):,} files in the archive are no images by their names. " if others else ""
        return [None, *look_through(space, "zip", left)]

    def add(label: str, paths: list[str] | None, space: Workspace) -> list:
        """Put files into a class; the uploads are not kept."""
        space = mine(space)
        try:
            name = space.add_files(paths or [], label)
        except ValueError as error:
            return [gr.skip(), page_train.by_hand(space.counts(), str(error), problem=True)]
        for path in paths:
            uploads.delete(path)
        return [None, page_train.by_hand(space.counts(), f"Added {len(paths):,} to {name}.")]

    def add_drawing(label: str, sketched: str, space: Workspace) -> str:
        """Put a drawing into a class."""
        space = mine(space)
        try:
            drawing = _chosen("draw", sketched, None)
            if drawing is None:
                raise ValueError("draw something first")
            name = space.add_drawing(drawing, label)
        except ValueError as error:
            return page_train.by_hand(space.counts(), str(error), problem=True)
        return page_train.by_hand(space.counts(), f"Added a drawing to {name}.")

    def forget(space: Workspace) -> list:
        """No classes by hand."""
        space = mine(space)
        try:
            space.forget_hand()
        except ValueError as error:
            return [page_train.by_hand(space.counts(), str(error), problem=True), gr.skip(), gr.skip()]
        return [page_train.by_hand({}), "", gr.Button(interactive=False)]

    async def follow(space: Workspace, encoder: str, loss: str, epochs: int) -> AsyncIterator[dict]:
        """Train, and show all that happens until it is over."""
        try:
            run = mine(space).start(None if encoder == FITTING else encoder, loss, int(epochs))
        except ValueError as error:
            yield {progress: page_train.progress(message=str(error), problem=True)}
            return
        yield {
            start: gr.Button(interactive=False),
            stop: gr.Button(interactive=True),
            report: "",
            taken: gr.Column(visible=False),
        }
        shown, place = None, -1
        while True:
            is_over, now = run.is_over, run.state
            if (before := workspaces.queue.place(run)) != place or now is not shown:
                waiting = f"You are number {before} in the queue." if before else "Starting."
                state = page_train.progress(now.progress) if now.progress else page_train.progress(message=waiting)
                if now.problem:
                    state = page_train.progress(message=now.problem, problem=True)
                changed = {}
                if now.progress and now.progress.steps and (shown is None or now.progress is not shown.progress):
                    changed[curves] = page_train.curves(now.progress)
                if now.map and (shown is None or now.map is not shown.map):
                    changed[plane] = page_train.embedding_map(now.map)
                if now.result:
                    changed[report] = page_train.report(now.result)
                yield {progress: state, **changed}
                shown, place = now, before
            if is_over:
                break
            await asyncio.sleep(FOLLOW_SECONDS)
        ended = {start: gr.Button(interactive=True), stop: gr.Button(interactive=False)}
        if run.state.is_done:
            trained = await asyncio.to_thread(space.take_model)
            copy = await asyncio.to_thread(_to_send, space, download.GRADIO_CACHE)
            ended |= {
                model: gr.Radio(choices=[*models, trained.name], value=trained.name, visible=True),
                download: gr.DownloadButton(value=copy), taken: gr.Column(visible=True),
            }  # fmt: skip
        yield ended

    def push(space: Workspace, repo_id: str, private: bool, token: gr.OAuthToken | None) -> str:
        """Push the model with the visitor's own login."""
        if token is None:
            return page_train.line("log in first", problem=True)
        try:
            done = push_folder(mine(space).model_folder(), repo_id.strip(), private, token=token.token)
        except (ValueError, OSError) as error:
            return page_train.line(f"Not pushed: {error}", problem=True)
        return page_train.pushed(done.repo_id, done.url)

    gr.HTML(page_train.introduction(limits))
    sources = [("The bundled digits", "sample"), ("A ZIP of class folders", "zip"), ("Classes by hand", "hand")]
    source = gr.Radio(sources, value="sample", label="Images", elem_id="source")
    with gr.Column(visible=False) as zip_part:
        most = f"up to {limits.megabytes:,} MB"
        archive = UploadedFiles(file_types=[".zip"], label=f"ZIP, {most}", height=140, elem_id="archive")
    with gr.Column(visible=False) as hand_part, gr.Row(elem_id="hand"):
        with gr.Column():
            label = gr.Textbox(label="Name of the class", max_length=LONGEST_CLASS, max_lines=1, elem_id="class-name")
            files = UploadedFiles(file_count="multiple", label="Images of this class", height=140, elem_id="class-files")
            with gr.Row():
                add_button = gr.Button("Add files", min_width=110)
                draw_button = gr.Button("Add drawing", min_width=110)
            made = gr.HTML(page_train.by_hand({}), elem_id="made")
            with gr.Row():
                check_button = gr.Button("Check all", variant="primary", min_width=110)
                forget_button = gr.Button("Forget these", min_width=110)
        with gr.Column(elem_classes="stage"), gr.Column(elem_classes="paper"):
            _sketchpad("class")
            drawing = gr.Textbox(visible=False)
    note = gr.HTML(page_train.line(""), elem_id="data-note")
    check = gr.HTML("", elem_id="data-check")
    with gr.Row():
        encoder = gr.Dropdown(
            [(FITTING, FITTING), *((name, name) for name in ENCODERS)],
            value=FITTING,
            label="Encoder",
            elem_id="encoder",
            min_width=140,
        )
        loss = gr.Dropdown(list(LOSSES), value="supcon", label="Loss", elem_id="loss", min_width=140)
        epochs = gr.Slider(
            1, limits.epochs, value=min(EPOCHS, limits.epochs), step=1, label="Epochs", buttons=[], elem_id="epochs"
        )
    with gr.Row(elem_classes="actions"):
        start = gr.Button("Start", variant="primary", interactive=False, elem_id="start")
        stop = gr.Button("Stop", interactive=False, elem_id="stop")
    progress = gr.HTML(page_train.progress(), elem_id="progress")
    with gr.Row(elem_id="live"):
        curves = gr.HTML(page_train.curves(), elem_id="curves")
        plane = gr.HTML(page_train.embedding_map(), elem_id="live-map")
    report = gr.HTML("", elem_id="result")
    with gr.Column(visible=False) as taken:
        gr.HTML(page_train.done())
        download = gr.DownloadButton("Download the model", elem_id="download")
        if os.environ.get("OAUTH_CLIENT_ID"):  # set by the Hub in a Space with a login
            gr.LoginButton()
            with gr.Row():
                repo_id = gr.Textbox(label="Repository, USER/NAME", max_lines=1, elem_id="repo-id")
                private = gr.Checkbox(label="Private")
                push_button = gr.Button("Push to the Hub")
            outcome = gr.HTML("")
            push_button.click(push, [own, repo_id, private], outcome, **PRIVATE)
        else:
            gr.HTML(page_train.away_from_a_space())

    found = [check, note, start]
    hidden = PRIVATE | {"concurrency_limit": None}
    source.input(choose, [source, own], [zip_part, hand_part, *found], **PRIVATE)
    opened = demo.load(workspaces.open, None, own, **PRIVATE)
    opened.then(lambda space: look_through(space, "sample"), own, found, **PRIVATE)
    archive.upload(take_archive, [archive, own], [archive, *found], **PRIVATE)
    add_button.click(add, [label, files, own], [files, made], **PRIVATE)
    drawn = draw_button.click(add_drawing, [label, drawing, own], made, js=page_sketch.fill_js({1: "class"}), **PRIVATE)
    drawn.then(None, None, None, js=page.empty_js("train"), **PRIVATE)
    check_button.click(lambda space: look_through(space, "hand"), own, found, **PRIVATE)
    forget_button.click(forget, own, [made, check, start], **PRIVATE)
    shown = [start, stop, progress, curves, plane, report, taken, model, download]
    start.click(follow, [own, encoder, loss, epochs], shown, **(hidden | {"trigger_mode": "once"}))
    stop.click(lambda space: mine(space).finish(), own, None, **hidden)


def _to_send(space: Workspace, cache: str) -> str:
    """A copy of the model's ZIP file where Gradio may send it from, which is deleted with the workspace."""
    copy = save_file_to_cache(space.archive(), cache)
    space.also_delete(copy)
    return copy


def _sketchpad(name: str) -> Sketch:
    sketch = Sketch(
        sources=(), image_mode="L", type="pil", canvas_size=(CANVAS, CANVAS), fixed_canvas=True, layers=False,
        transforms=(), brush=gr.Brush(default_size=BRUSH_RADIUS, colors=["#000000"], color_mode="fixed"),
        buttons=[], show_label=False, placeholder=" ", elem_id=f"sketch-{name}", elem_classes="sketch",
    )  # fmt: skip
    sketch.blob_storage = LatestSketches()
    return sketch


def _input_side(name: str, title: str) -> Side:
    with gr.Column(min_width=300, elem_id=f"{name}-side", elem_classes="side"):
        drawn = gr.HTML(f"<h2>{title}</h2>", js_on_load=page_sketch.drawn_js(name))
        with gr.Tabs(selected="draw"):
            with gr.Tab("Draw", id="draw") as draw_tab:
                _sketchpad(name)
            with gr.Tab("Upload", id="upload") as upload_tab:
                upload = UploadedImage(
                    sources=["upload", "clipboard", "webcam"], show_label=False, buttons=[], format="png",
                    placeholder="Drop an image here\nor click to choose one", elem_id=f"upload-{name}",
                    elem_classes="upload", alt_text=title,
                )  # fmt: skip
        active, drawing = gr.Textbox("draw", visible=False), gr.Textbox(visible=False)
    return Side(draw_tab, upload_tab, active, drawing, upload, drawn, name)


def _drawings(inputs: Sequence[Any], sides: Sequence[Side]) -> str:
    """Script that puts the drawings of `sides` into `inputs`."""
    return page_sketch.fill_js({inputs.index(side.drawing): side.name for side in sides})


def _refresh_on_input(sides: Sequence[Side], refresh: gr.Number) -> None:
    """Whatever is drawn, uploaded or brought to the front gives `refresh` a new value."""
    for side in sides:
        for event in (side.drawn.click, side.upload.input):
            event(None, None, refresh, js=page.REFRESH_JS, **PRIVATE)
        for tab, name in ((side.draw_tab, "draw"), (side.upload_tab, "upload")):
            tab.select(None, None, [side.active, refresh], js=page.tab_js(name), **PRIVATE)


def _thresholds(verifier: Verifier) -> tuple[dict, dict]:
    """What a radio of the named thresholds of a model, and a slider over all, are made of."""
    own, curve = verifier.config.calibration.threshold, verifier.config.distances
    choices = list(page_distances.operating_points(curve, own).items())
    largest = page_distances.largest_threshold(curve, own)
    return {"choices": choices, "value": own}, {"maximum": largest, "value": round(own, 3)}


def _chosen(tab: str, drawing: str, upload: str | None) -> Image.Image | str | None:
    """The image of the open tab; None while it is empty, or all that was drawn is undone."""
    if tab == "upload":
        return upload
    try:
        return page_sketch.read_drawing(drawing)
    except ValueError as error:
        raise _error(str(error)) from error


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


def _fail(message: str) -> None:
    raise _error(message)


def _error(message: str) -> gr.Error:
    return gr.Error(message, print_exception=False)  # the caller's mistake: no traceback in the server's log


def _theme() -> gr.themes.Base:
    """Neutral, so that colour is left to the verdict; the fonts that the visitor's system has."""
    return gr.themes.Default(primary_hue="slate", neutral_hue="slate", font=("system-ui", "sans-serif")).set(
        button_primary_background_fill="*neutral_800", button_primary_background_fill_hover="*neutral_700",
        button_primary_background_fill_dark="*neutral_100", button_primary_background_fill_hover_dark="*neutral_300",
        button_primary_text_color="white", button_primary_text_color_dark="*neutral_900",
    )  # fmt: skip


def _keep_little_of_sessions() -> None:
    state_holder.SessionState = Session  # there is no other way to have Gradio make these


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


def _on_gpu() -> Callable[[Task], Any] | None:
    """What trains on ZeroGPU, for as long as the work needs; None where trainings run in processes of this machine."""
    if spaces is None or not os.environ.get("SPACES_ZERO_GPU"):
        return None
    from siamese.visitors.worker import updates

    return spaces.GPU(updates, duration=Task.gpu_seconds)


def main(argv: list[str] | None = None) -> int:
    """Load the model, serve the page until interrupted; the exit code."""
    parser = argparse.ArgumentParser(
        description="Open the same-or-different demo in a web page.",
        epilog="SIAMESE_MODEL (environment): the model to load: a folder, a bundled model such as digits, or a Hugging Face "
        "repository user/name, with @revision for a branch, tag or commit; default: digits. Visitors may choose the other "
        "bundled ones. SIAMESE_TRAIN=off takes the tab Train away; SIAMESE_TRAIN_SECONDS, _EPOCHS, _IMAGES, _CLASSES, "
        "_MEGABYTES, _WAITING, _MINUTES and _THREADS set its limits. SIAMESE_UPLOADS_MEGABYTES: what uploads may take on "
        "the disk before the oldest are deleted; default: 1000. None is kept for much longer than an hour.",
    )
    parser.add_argument("--host", help="address to listen on; default: $GRADIO_SERVER_NAME or 127.0.0.1")
    parser.add_argument("--port", type=int, help="TCP port; default: $GRADIO_SERVER_PORT, or the first free from 7860")
    parser.add_argument("--share", action="store_true", default=None, help="also open a public link through gradio.live")
    parser.add_argument(
        "--mcp", action="store_true", default=None,
        help="also serve compare, embed and distances as tools to assistants (MCP); needs: pip install 'gradio[mcp]'",
    )  # fmt: skip
    args = parser.parse_args(argv)
    if args.mcp and not importlib.util.find_spec("mcp"):  # Gradio would go on without
        print("app.py: --mcp needs a package that is not installed; try: pip install 'gradio[mcp]'", file=sys.stderr)
        return 2

    _limit_heaps()
    _keep_little_of_sessions()
    use_one_thread()
    try:
        limits = TrainingLimits.from_environment(os.environ)
        most_uploaded = uploads.bound(os.environ)
    except ValueError as error:
        print(f"app.py: {error}", file=sys.stderr)
        return 2
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
    largest = max(MAX_FILE_SIZE, limits.megabytes * MEGABYTE if limits else 0)
    together = max(MAX_IMAGES * MAX_FILE_SIZE, largest) + MEGABYTE  # of files in one upload, and what is around them
    bounds = Middleware(BodyLimit, most=MAX_BODY, most_uploaded=together)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # or what visitors have brought would stay
    trainings = Workspaces(limits, _on_gpu()) if limits else contextlib.nullcontext()
    with uploads.own_folder(most_uploaded), trainings as workspaces:
        build_demo(verifier, notice, others, workspaces).launch(
            server_name=args.host, server_port=args.port, share=args.share, mcp_server=args.mcp, max_file_size=largest,
            ssr_mode=False,
            enable_monitoring=False, run_history=False, footer_links=["api", "settings"], theme=_theme(),
            css="".join(part.CSS for part in PAGE_PARTS) + (Path(page_train.__file__).parent / "style.css").read_text(),
            js=page.PAGE_JS,
            head=page_sketch.HEAD,
            app_kwargs={"routes": [Route("/health", health)], "middleware": [bounds]},
        )  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
