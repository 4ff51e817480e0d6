"""Data, their check, the choices, a training to watch, and what became of it: in the visitor's own workspace."""

import asyncio
import os
from collections.abc import AsyncIterator

import gradio as gr
from gradio.processing_utils import save_file_to_cache

from siamese.demo import uploads
from siamese.demo.base import PRIVATE, Page
from siamese.demo.elements import note
from siamese.demo.gradio_patches import UploadedFiles, refusal
from siamese.demo.inputs import chosen, drawings_js, sketchpad
from siamese.demo.train import around, view
from siamese.encoders import ENCODERS
from siamese.hub.push import push_folder
from siamese.losses import LOSSES
from siamese.training.progress import Watch
from siamese.visitors.class_folders import LONGEST_CLASS
from siamese.visitors.task import EPOCHS
from siamese.visitors.workspace import Workspace

TITLE, ID = "Train", "train"
FITTING = "automatic"  # instead of the name of an encoder: what fits the images
FOLLOW_SECONDS = 0.2  # between two looks at a training


def create_tab(page: Page) -> None:
    """Data, their check, the choices, a training to watch, and what became of it: in the visitor's own workspace."""
    models, model, own, workshop, demo = page.models, page.model, page.own, page.workspaces, page.blocks
    limits = workshop.limits

    def mine(space: Workspace | None) -> Workspace:
        """The workspace of a page. Raises gr.Error where it has none any more."""
        if space is None:
            raise refusal("this page was out of reach for a while, or the server has started anew: reload the page")
        return space

    def look_through(space: Workspace, source: str, message: str = "") -> list:
        """The report on what was brought, and whether it can be trained on."""
        try:
            report, checked = mine(space).check(source)
        except ValueError as error:
            return ["", note(str(error), problem=True), gr.Button(interactive=False)]
        return [report, note(f"{message}{checked.sentence()}"), gr.Button(interactive=True)]

    def choose(source: str, space: Workspace) -> list:
        """What belongs to a source of images, and the report on what it holds already."""
        is_there = source == "sample" or mine(space).has(source)
        found = look_through(space, source) if is_there else ["", note(""), gr.Button(interactive=False)]
        return [gr.Column(visible=source == "zip"), gr.Column(visible=source == "hand"), *found]

    def take_archive(path: str | None, space: Workspace) -> list:
        """Unpack a ZIP file, and look through it; the file itself is not kept."""
        try:
            if path is None:
                raise ValueError("there is no file: choose one first")
            others = mine(space).take_archive(path)
        except ValueError as error:
            return [None, "", note(str(error), problem=True), gr.Button(interactive=False)]
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
            return [gr.skip(), around.by_hand(space.counts(), str(error), problem=True)]
        for path in paths:
            uploads.delete(path)
        return [None, around.by_hand(space.counts(), f"Added {len(paths):,} to {name}.")]

    def add_drawing(label: str, sketched: str, space: Workspace) -> str:
        """Put a drawing into a class."""
        space = mine(space)
        try:
            drawing = chosen("draw", sketched, None)
            if drawing is None:
                raise ValueError("draw something first")
            name = space.add_drawing(drawing, label)
        except ValueError as error:
            return around.by_hand(space.counts(), str(error), problem=True)
        return around.by_hand(space.counts(), f"Added a drawing to {name}.")

    def forget(space: Workspace) -> list:
        """No classes by hand."""
        space = mine(space)
        try:
            space.forget_hand()
        except ValueError as error:
            return [around.by_hand(space.counts(), str(error), problem=True), gr.skip(), gr.skip()]
        return [around.by_hand({}), "", gr.Button(interactive=False)]

    async def follow(space: Workspace, encoder: str, loss: str, epochs: int) -> AsyncIterator[dict]:
        """Train, and show all that happens until it is over."""
        try:
            run = mine(space).start(None if encoder == FITTING else encoder, loss, int(epochs))
        except ValueError as error:
            yield {progress: view.progress(Watch(), str(error), problem=True)}
            return
        yield {
            start: gr.Button(interactive=False),
            stop: gr.Button(interactive=True),
            report: "",
            taken: gr.Column(visible=False),
        }
        shown, place = {}, -1
        while True:
            is_over, page_now = run.is_over, run.page
            if (before := workshop.place(run)) != place or page_now is not shown:
                waiting = f"You are number {before} in the queue." if before else "Starting."
                state = page_now.get("progress", view.progress(Watch(), waiting))
                if "problem" in page_now:
                    state = view.progress(Watch(), str(page_now["problem"]), problem=True)
                parts = {curves: "curves", plane: "map", report: "report"}
                changed = {part: page_now[name] for part, name in parts.items() if page_now.get(name) != shown.get(name)}
                yield {progress: state, **changed}
                shown, place = page_now, before
            if is_over:
                break
            await asyncio.sleep(FOLLOW_SECONDS)
        ended = {start: gr.Button(interactive=True), stop: gr.Button(interactive=False)}
        if "done" in run.page:
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
            return note("log in first", problem=True)
        try:
            done = push_folder(mine(space).model_folder(), repo_id.strip(), private, token=token.token)
        except (ValueError, OSError) as error:
            return note(f"Not pushed: {error}", problem=True)
        return around.pushed(done.repo_id, done.url)

    gr.HTML(around.introduction(limits))
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
            made = gr.HTML(around.by_hand({}), elem_id="made")
            with gr.Row():
                check_button = gr.Button("Check all", variant="primary", min_width=110)
                forget_button = gr.Button("Forget these", min_width=110)
        with gr.Column(elem_classes="stage"), gr.Column(elem_classes="paper"):
            sketchpad("class")
            drawing = gr.Textbox(visible=False)
    said = gr.HTML(note(""), elem_id="data-note")
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
    progress = gr.HTML(view.progress(Watch()), elem_id="progress")
    with gr.Row(elem_id="live"):
        curves = gr.HTML(view.curves(Watch()), elem_id="curves")
        plane = gr.HTML(view.embedding_map(Watch()), elem_id="live-map")
    report = gr.HTML("", elem_id="result")
    with gr.Column(visible=False) as taken:
        gr.HTML(around.done())
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
            gr.HTML(around.away_from_a_space())

    found = [check, said, start]
    hidden = PRIVATE | {"concurrency_limit": None}
    source.input(choose, [source, own], [zip_part, hand_part, *found], **PRIVATE)
    opened = demo.load(workshop.open, None, own, **PRIVATE)
    opened.then(lambda space: look_through(space, "sample"), own, found, **PRIVATE)
    archive.upload(take_archive, [archive, own], [archive, *found], **PRIVATE)
    add_button.click(add, [label, files, own], [files, made], **PRIVATE)
    drawn = draw_button.click(add_drawing, [label, drawing, own], made, js=drawings_js({1: "class"}), **PRIVATE)
    drawn.then(None, None, None, js=f"() => siamese.empty('{ID}')", **PRIVATE)
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
