"""Many images, and the distances between all of them."""

from pathlib import Path

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache

from siamese.config import counted
from siamese.demo.base import PRIVATE, REFRESH, Page
from siamese.demo.camera import camera, frames_of
from siamese.demo.elements import note
from siamese.demo.gradio_patches import UploadedFiles
from siamese.demo.many.batch import MAX_IMAGES, look_at_all, sample_files
from siamese.demo.many.view import matrix

TITLE, ID = "Many", "many"
ORDERS = [("As chosen", "chosen"), ("By group", "group"), ("By name", "name")]


def create_tab(page: Page) -> None:
    """An upload, samples and a camera, and the groups and distances of what they bring, in an order that can be chosen."""

    def measure(turn: int, name: str, own, paths: list[str] | None) -> str:
        """The distances between all uploaded images, as HTML."""
        verifier, paths = page.models.of(name, own), paths or []
        names = [Path(path).name for path in paths]
        try:
            batch, problems = look_at_all(verifier, paths, names)
        except ValueError as error:
            return matrix([], [], [], 1, [str(error)])
        used = [name for place, name in enumerate(names) if place not in problems]
        threshold = verifier.config.calibration.threshold
        said = list(problems.values()), batch.is_familiar, batch.remarks
        return matrix(used, batch.seen, batch.distances(), threshold, *said, batch.groups(threshold))

    def with_samples(paths: list[str] | None) -> list[str]:
        """The files and samples, as many as fit."""
        return [*(paths or []), *(cached(data, name) for name, data in sample_files())][:MAX_IMAGES]

    def with_frames(paths: list[str] | None, event: gr.EventData) -> list:
        """The files and what a camera has taken, as many as fit, or what was wrong with it."""
        paths = paths or []
        try:
            frames = frames_of(event)
        except ValueError as error:
            return [gr.skip(), note(str(error), problem=True)]
        taken = [cached(data, f"camera-{number}.jpg") for number, data in enumerate(frames, len(paths) + 1)]
        left_out = max(0, len(paths) + len(taken) - MAX_IMAGES)
        said = f"{counted(left_out, 'picture')} left out: {MAX_IMAGES} images fit." if left_out else ""
        return [[*paths, *taken][:MAX_IMAGES], note(said)]

    def cached(data: bytes, name: str) -> str:
        """Where Gradio may send it from; it counts, and goes, as uploads do."""
        return save_bytes_to_cache(data, name, files.GRADIO_CACHE)

    with gr.Row(elem_id="bring"):
        files = UploadedFiles(file_count="multiple", label=f"Images, up to {MAX_IMAGES}", height=160, elem_id="files")
        with gr.Column(min_width=240):
            samples = gr.Button("Sample images", elem_id="many-samples")
            taken = camera("many")
            said = gr.HTML(note(""), elem_id="many-note")
    order = gr.Radio(ORDERS, value="chosen", label="Order of the table", elem_id="order")
    shown = gr.HTML(matrix([], [], [], 1), elem_id="matrix", js_on_load="siamese.many.keepOrder(element)")
    order.input(None, order, None, js="(how) => siamese.many.order(how)", **PRIVATE)
    samples.click(with_samples, files, files, **PRIVATE)
    taken.click(with_frames, files, [files, said], **PRIVATE)
    refresh = gr.Number(visible=False, precision=0)
    asked = [refresh, page.model, page.own, files]
    refresh.change(measure, asked, shown, **(PRIVATE | {"show_progress": "minimal"}))
    for event in (files.change, page.model.change):
        event(None, None, refresh, js=REFRESH, **PRIVATE)
