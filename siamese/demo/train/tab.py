"""Data, their check, the choices, a training to watch, and what became of it: in the visitor's own workspace."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence

import gradio as gr
from gradio.events import Dependency
from gradio.processing_utils import save_file_to_cache

from siamese.config import counted, one_line
from siamese.data.datasets import is_own
from siamese.data.datasets.mnist import MNIST_SAMPLE
from siamese.demo import uploads
from siamese.demo.base import PRIVATE, Page
from siamese.demo.elements import note
from siamese.demo.gradio_patches import NOT_THE_CALLERS, UploadedFiles
from siamese.demo.train import by_hand, hosted, naming, next_steps, view
from siamese.demo.train.hosted import FITTING
from siamese.demo.train.own_space import in_words, mine
from siamese.encoders import ENCODERS
from siamese.hub.push import push_folder
from siamese.images.formats import OTHER_SUFFIXES
from siamese.losses import LOSSES
from siamese.visitors.queue import Run, TrainingQueue
from siamese.visitors.task import SAMPLE, Checked, NamesTellClassesError, Update
from siamese.visitors.workspace import Workspace

TITLE, ID = "Train", "train"
SOURCES = [("The bundled digits", "sample"), ("A ZIP of class folders", "zip"), ("Classes by hand", "hand")]
BRING = {"zip": "Choose a ZIP file that has a folder for each class.", "hand": ""}  # what is to be done first
logger = logging.getLogger(__name__)
SHOWN_OTHERS = 5  # files of an archive that are no images
FOLLOW_SECONDS = 0.2  # between two looks at a training
UNLIMITED = PRIVATE | {"concurrency_limit": None}  # what lasts as long as a training holds up nobody else


def create_tab(page: Page) -> None:
    """Beside each other what is brought with its check, and the choices with the training; below what became of it."""
    if hosted.is_on():
        hosted.login_button()
    report = gr.HTML("", elem_id="data-check", render=False)
    said = gr.HTML(note(""), elem_id="data-note", render=False)
    start = gr.Button("Start", variant="primary", interactive=False, elem_id="start", render=False)
    by_names = gr.Button("Take the classes from the names of the files", visible=False, elem_id="by-names", render=False)
    encoder, epochs = _encoder_and_epochs(page.workspaces.limits.epochs)
    found = [report, said, start, epochs, by_names]  # what a check of images changes
    with gr.Row(elem_id="workbench"):
        with gr.Column(elem_id="data"):
            gr.HTML(view.introduction(page.workspaces.limits))
            source = gr.Radio(SOURCES, value="sample", label="Images", elem_id="source")
            hand = by_hand.create_part(page, found, look_through)
            parts, checked = zip(_archive_part(page, found), hand, strict=True)
            said.render()
            by_names.render()
            report.render()
        with gr.Column(elem_id="run"):
            choices, stop, drawn, wishes, taken = _choices_and_course(page, start, encoder, epochs)
            if hosted.is_on():
                hosted.create_part(page, report, choices)

    def open_workspace(request: gr.Request) -> Workspace:
        """One for the page that has just been loaded."""
        return page.workspaces.open(request.session_hash)

    opened = page.blocks.load(open_workspace, None, page.own, **PRIVATE)
    checked += (
        by_names.click(sort_by_names, page.own, found, **PRIVATE),
        source.input(choose, [source, page.own], [*parts, *found], **PRIVATE),
        opened.then(lambda space: look_through(space, "sample"), page.own, found, **PRIVATE),
    )
    for done in checked:
        done.then(suited_to_chosen, [page.own, encoder], epochs, **PRIVATE)
    encoder.input(suited, [page.own, encoder], epochs, **PRIVATE)
    _wire_training(page, start, stop, choices, drawn, wishes, taken)


def _archive_part(page: Page, found: list) -> tuple[gr.Column, Dependency]:
    """The part for ZIP files, and the event in which one is checked."""
    with gr.Column(visible=False) as part:
        most = f"up to {page.workspaces.limits.megabytes:,} MB"
        archive = UploadedFiles(file_types=[".zip"], label=f"ZIP, {most}", height=140, elem_id="archive")
    archive.upload(None, None, found[1], js=view.LOOKING, **PRIVATE)  # at once, while the server looks
    return part, archive.upload(take_archive, [archive, page.own], [archive, *found], **PRIVATE)


def _choices_and_course(
    page: Page, start: gr.Button, encoder: gr.Dropdown, epochs: gr.Slider
) -> tuple[list, gr.Button, dict[str, gr.HTML], naming.Wishes, tuple[gr.Column, gr.DownloadButton]]:
    """The choices, the buttons, and the training as it goes: what is chosen, "Stop", the parts by the names that
    view.changes gives them, how visitors want their models to be called, and what is next once there is one.
    """
    wishes = naming.Wishes()
    with gr.Row(elem_id="choices"):
        encoder.render()
        loss = gr.Dropdown(list(LOSSES), value="supcon", label="Loss", elem_id="loss", min_width=140)
        epochs.render()
    with gr.Row(elem_id="go"):
        naming.name_box(page, wishes)
        with gr.Row(elem_classes="actions"):
            start.render()
            stop = gr.Button("Stop", interactive=False, elem_id="stop")
    script = "siamese.train.moveAtOnce(element)"
    drawn = {"progress": gr.HTML(view.progress(), elem_id="progress", js_on_load=script)}
    with gr.Column(visible=False) as taken:  # right under the progress, where the visitor looks
        gr.HTML(next_steps.done(), elem_id="steps", js_on_load="siamese.train.offerSteps(element)")
        download = gr.DownloadButton("Download the model", elem_id="download")
    with gr.Row(elem_id="live"):
        drawn["curves"] = gr.HTML(view.curves(), elem_id="curves")
        drawn["map"] = gr.HTML(view.embedding_map(), elem_id="live-map")
    return [encoder, loss, epochs], stop, drawn, wishes, (taken, download)


def _wire_training(
    page: Page,
    start: gr.Button,
    stop: gr.Button,
    choices: list,
    drawn: dict[str, gr.HTML],
    wishes: naming.Wishes,
    model: tuple[gr.Column, gr.DownloadButton],
) -> None:
    (taken, download), (hub, private) = model, _hub_part(page)
    drawn["result"] = gr.HTML("", elem_id="result")

    async def follow(space: Workspace, encoder: str, loss: str, epochs: int) -> AsyncIterator[dict]:
        """Train, and show all that happens until it is over."""
        try:
            run = mine(space).start(None if encoder == FITTING else encoder, loss, int(epochs))
        except (ValueError, OSError) as error:
            yield {drawn["progress"]: view.progress(message=in_words(error), problem=True)}
            return
        yield {drawn["result"]: "", **shown(False), **buttons(is_training=True)}
        async for changes in changes_of(run, page.workspaces.queue):
            yield {drawn[name]: part for name, part in changes.items()}
        yield buttons(is_training=False)
        if run.state.is_done:
            try:
                yield await asyncio.to_thread(hand_over, space)
            except (ValueError, OSError) as error:
                yield {drawn["progress"]: view.progress(message=f"Trained, but: {in_words(error)}", problem=True)}

    def buttons(is_training: bool) -> dict:
        return {start: gr.Button(interactive=not is_training), stop: gr.Button(interactive=is_training)}

    def shown(is_there: bool) -> dict:
        return {part: gr.Column(visible=is_there) for part in (taken, hub)}

    def hand_over(space: Workspace) -> dict:
        """Make the model one that the visitor can use on the page and download."""
        trained = space.take_model()
        trained.name = wishes.name_of(space, trained.name, page.models)
        copy = save_file_to_cache(space.archive(), download.GRADIO_CACHE)  # from where Gradio may send it
        space.also_delete(copy)
        if page.blocks.uploads and space.page:
            page.blocks.uploads.use(space.page, [copy])
        models = gr.Radio(choices=[*page.models, trained.name], value=trained.name, visible=True)
        ticked = {private: gr.Checkbox(value=is_own(trained.config.data))} if private else {}
        return {page.model: models, download: gr.DownloadButton(value=copy)} | shown(True) | ticked

    changed = [start, stop, *drawn.values(), taken, page.model, download, *([private] if private else []), hub]
    start.click(follow, [page.own, *choices], changed, **(UNLIMITED | {"trigger_mode": "once"}))
    stop.click(lambda space: mine(space).finish(), page.own, None, **UNLIMITED)


def _encoder_and_epochs(most: int) -> tuple[gr.Dropdown, gr.Slider]:
    """What a check of images sets, or depends on; at first the number of epochs is what suits the bundled digits."""
    names = [(name, name) for name in (FITTING, *ENCODERS)]
    value, why = Checked("sample", SAMPLE, 10, MNIST_SAMPLE.images).epochs(None, most)
    return (
        gr.Dropdown(names, value=FITTING, label="Encoder", elem_id="encoder", min_width=140, render=False),
        gr.Slider(1, most, value, step=1, label="Epochs", info=why, buttons=[], elem_id="epochs", render=False),
    )


def _hub_part(page: Page) -> tuple[gr.Column, gr.Checkbox | None]:
    """How a trained model gets to the Hub; the checkbox says whether a new repository is private."""
    private = None
    with gr.Column(visible=False) as part:
        if hosted.is_on():
            with gr.Row():
                repo_id = gr.Textbox(label="Repository, USER/NAME", max_lines=1, elem_id="repo-id")
                private = gr.Checkbox(label="Private", value=True)
                pictures = gr.Checkbox(label="With plots that show test pictures")
                embeddings = gr.Checkbox(label="With embeddings of test pictures", value=True)
                push_button = gr.Button("Push to the Hub")
            outcome = gr.HTML("")
            push_button.click(push, [page.own, repo_id, private, pictures, embeddings], outcome, **PRIVATE)
        else:
            gr.HTML(view.away_from_a_space())
    return part, private


def look_through(space: Workspace, source: str, message: str = "") -> list:
    """The report on what was brought, and whether it can be trained on."""
    try:
        report, checked = mine(space).check(source)
    except NamesTellClassesError as error:
        return _nothing(f"{message}{error}.", offers_names=True)
    except (ValueError, OSError) as error:
        return _nothing(in_words(error), problem=True)
    said = note(f"{message}{checked.sentence()}")
    return [view.data_check(report), said, gr.Button(interactive=True), suited(space, FITTING), gr.Button(visible=False)]


def suited(space: Workspace | None, encoder: str) -> gr.Slider:
    """The number of epochs that suits what was checked last and an encoder, and that in words; nothing new before that."""
    try:
        checked = mine(space).checked()
    except ValueError:
        return gr.skip()
    value, why = checked.epochs(None if encoder == FITTING else encoder, space.limits.epochs)
    return gr.Slider(value=value, info=why)


def suited_to_chosen(space: Workspace | None, encoder: str) -> gr.Slider:
    """As `suited`, where an encoder was chosen before the check, which took the one that fits."""
    return gr.skip() if encoder == FITTING else suited(space, encoder)


def _nothing(message: str = "", problem: bool = False, offers_names: bool = False) -> list:
    """No report, and nothing to train on, but perhaps the offer to sort by the names of the files."""
    return ["", note(message, problem), gr.Button(interactive=False), gr.skip(), gr.Button(visible=offers_names)]


def choose(source: str, space: Workspace) -> list:
    """What belongs to a source of images, and the report on what it holds already."""
    is_there = source == "sample" or mine(space).has(source)
    found = look_through(space, source) if is_there else _nothing(BRING[source])
    return [gr.Column(visible=source == "zip"), gr.Column(visible=source == "hand"), *found]


def take_archive(path: str | None, space: Workspace) -> list:
    """Unpack a ZIP file, and look through it; the file itself is not kept."""
    try:
        if path is None:
            raise ValueError("there is no file: choose one first")
        others = mine(space).take_archive(path)
    except (ValueError, OSError) as error:
        return [None, *_nothing(in_words(error), problem=True)]
    finally:
        uploads.delete(path)
    return [None, *look_through(space, "zip", _passed_over(others))]


def sort_by_names(space: Workspace) -> list:
    """Take the classes of what was brought as a ZIP file from the names of its files, and look through it."""
    try:
        others = mine(space).sort_by_names()
    except (ValueError, OSError) as error:
        return _nothing(in_words(error), problem=True)
    return look_through(space, "zip", _passed_over(others, "whose names tell no class"))


def _passed_over(others: Sequence[str], why: str = "of no kind that is read") -> str:
    others = sorted(others, key=lambda name: not name.lower().endswith(OTHER_SUFFIXES))  # pictures of kinds not read first
    named = ", ".join(one_line(name, 60) for name in others[:SHOWN_OTHERS]) + ", ..." * (len(others) > SHOWN_OTHERS)
    return f"{counted(len(others), 'file')} passed over, {why}: {named}. " if others else ""


async def changes_of(run: Run, queue: TrainingQueue) -> AsyncIterator[dict[str, str]]:
    """What is to be shown of a training, whenever something changes, until it is over; see view.changes."""
    shown, place = Update(), -1
    while True:
        is_over, now = run.is_over, run.state  # in this order, so that the last state is shown
        if (before := queue.place(run)) != place or now is not shown:
            yield view.changes(now, shown, before)
            shown, place = now, before
        if is_over:
            return
        await asyncio.sleep(FOLLOW_SECONDS)


def push(
    space: Workspace, repo_id: str, private: bool, pictures: bool, embeddings: bool, token: gr.OAuthToken | None
) -> str:
    """Push the model with the visitor's own login."""
    if token is None:
        return note("log in first, at the top of this tab", problem=True)
    try:
        folder = mine(space).model_folder()
        done = push_folder(
            folder, repo_id.strip(), private, token=token.token, public=not private and is_own(space.model.config.data),
            publish_pictures=pictures, without_reference=not embeddings,
        )  # fmt: skip
    except (ValueError, OSError) as error:
        said = str(error).replace("leave out --private", "untick Private").replace("leave out --public", "tick Private")
        return note(f"Not pushed: {said}", problem=True)
    except Exception:
        logger.exception("a push failed")
        return note(f"Not pushed: {NOT_THE_CALLERS}", problem=True)
    return view.pushed(done.repo_id, done.url, done.visibility, *done.remarks)
