"""Classes by hand: files, drawings and what a camera records, shown class by class and taken away one by one."""

import base64
import functools
import io
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import gradio as gr
from gradio.events import Dependency

from siamese.config import counted
from siamese.demo import uploads
from siamese.demo.base import PRIVATE, Page, brought
from siamese.demo.camera import camera, frames_of
from siamese.demo.elements import note
from siamese.demo.gradio_patches import UploadedFiles
from siamese.demo.inputs import chosen, drawings_js, sketchpad
from siamese.demo.train import view
from siamese.demo.train.own_space import in_words, mine
from siamese.images.load import DECODING, load_image
from siamese.visitors.class_folders import LONGEST_CLASS, pictures
from siamese.visitors.workspace import SOURCES, Workspace

SHOWN_OF_CLASS, SHOWN = 24, 240  # thumbnails
SIDE = 56  # px of a thumbnail at most


def create_part(page: Page, found: list, look_through: Callable) -> tuple[gr.Column, Dependency]:
    """The part of the tab, and the event in which all is checked; `found` is what the check `look_through` changes."""
    with gr.Column(visible=False) as part:
        with gr.Row(elem_id="hand"):
            with gr.Column():
                label = gr.Textbox(label="Name of the class", max_length=LONGEST_CLASS, max_lines=1, elem_id="class-name")
                files = UploadedFiles(file_count="multiple", label="Images of this class", height=110, elem_id="class-files")
                add_button = gr.Button("Add files", min_width=110)
                recorded = camera("class", named="class-name")
            with gr.Column(elem_classes=["stage", "paper"]):
                sketchpad("class")
                drawing = gr.Textbox(visible=False)
                draw_button = gr.Button("Add drawing", min_width=110)
        made = gr.HTML(view.by_hand({}), elem_id="made", js_on_load="siamese.forward(element, trigger, 'remove')")
        with gr.Row():
            check_button = gr.Button("Check all", variant="primary", min_width=110)
            forget_button = gr.Button("Forget these", min_width=110)
    own, (report, said, start, *_) = page.own, found
    add_button.click(add_files, [label, files, own], [files, made], **PRIVATE)
    drawn = draw_button.click(add_drawing, [label, drawing, own], made, js=drawings_js({1: "class"}), **PRIVATE)
    drawn.then(None, None, None, js="() => siamese.empty('train')", **PRIVATE)
    forget_button.click(forget, own, [made, report, start, said], **PRIVATE)
    recorded.click(add_frames, [label, own], made, **(PRIVATE | {"trigger_mode": "multiple"}))
    made.click(remove, own, [made, report, start, said], **PRIVATE)
    at_once = check_button.click(None, None, said, js=view.LOOKING, **PRIVATE)
    return part, at_once.then(lambda space: look_through(space, "hand"), own, found, **PRIVATE)


def add_files(label: str, paths: list[str] | None, space: Workspace) -> list:
    """Put files into a class; the uploads are not kept."""
    space = mine(space)
    try:
        name = space.add_files(paths or [], label)
    except (ValueError, OSError) as error:
        return [gr.skip(), shown(space, in_words(error), problem=True)]
    for path in paths:
        uploads.delete(path)
    return [None, shown(space, f"Added {counted(len(paths), 'picture')} to {name}.")]


def add_drawing(label: str, sketched: str, space: Workspace) -> str:
    """Put a drawing into a class."""
    space = mine(space)
    try:
        drawing = chosen("draw", sketched, None)
        if drawing is None:
            raise ValueError("draw something first")
        name = space.add_drawing(drawing, label)
    except (ValueError, OSError) as error:
        return shown(space, in_words(error), problem=True)
    return shown(space, f"Added a drawing to {name}.")


def add_frames(label: str, space: Workspace, event: gr.EventData) -> str:
    """Put what a camera has recorded into a class."""
    space = mine(space)
    try:
        frames = frames_of(event)
        with tempfile.TemporaryDirectory() as folder:
            files = [Path(folder) / f"camera-{number}.jpg" for number in range(1, len(frames) + 1)]
            for file, data in zip(files, frames, strict=True):
                file.write_bytes(data)
            name = space.add_files(files, label)
    except (ValueError, OSError) as error:
        return shown(space, in_words(error), problem=True)
    return shown(space, f"Added {counted(len(frames), 'picture')} to {name}.")


def remove(space: Workspace, event: gr.EventData) -> list:
    """The classes without one of them, or without one picture: "class" or "class/file"."""
    space = mine(space)
    label, _, file = str(brought(event, "remove")).partition("/")
    try:
        space.forget_hand(label, file or None)
    except (ValueError, OSError) as error:
        return [shown(space, in_words(error), problem=True), gr.skip(), gr.skip(), gr.skip()]
    said = f"Removed {'a picture of ' * bool(file)}{label}."
    then = note("Check all again before you start." if space.counts() else "")
    return [shown(space, said), "", gr.Button(interactive=False), then]


def forget(space: Workspace) -> list:
    """No classes by hand."""
    space = mine(space)
    try:
        space.forget_hand()
    except ValueError as error:
        return [shown(space, str(error), problem=True), gr.skip(), gr.skip(), gr.skip()]
    return [view.by_hand({}), "", gr.Button(interactive=False), note("")]


def shown(space: Workspace, message: str = "", problem: bool = False) -> str:
    """The classes with thumbnails, and a line about what was just done."""
    counts = space.counts()
    return view.by_hand(counts, message, problem, _thumbnails(pictures(space.folder / SOURCES["hand"])) if counts else {})


def _thumbnails(classes: Mapping[str, list[Path]]) -> dict[str, list[tuple[str, str]]]:
    """Of each class the names of its last files, and a small JPEG of each in base64, or "" of what is no picture."""
    most = min(SHOWN_OF_CLASS, max(1, SHOWN // max(len(classes), 1)))
    found = {}
    for label, files in classes.items():
        last = sorted(files, key=lambda file: file.stat().st_mtime_ns)[-most:]
        found[label] = [(file.name, _thumbnail(file, file.stat().st_mtime_ns)) for file in reversed(last)]
    return found


@functools.lru_cache(maxsize=4 * SHOWN)
def _thumbnail(file: Path, modified: int) -> str:
    try:
        with DECODING.turn() as turn:
            small = load_image(file, turn)
            small.thumbnail((SIDE, SIDE))
    except ValueError:
        return ""
    small.convert("RGB").save(drawn := io.BytesIO(), "JPEG", quality=80)
    return base64.b64encode(drawn.getvalue()).decode()
