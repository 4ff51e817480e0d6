"""Many images, and the distances between all of them."""

from pathlib import Path

import gradio as gr

from siamese.demo.base import PRIVATE, REFRESH, Page
from siamese.demo.gradio_patches import UploadedFiles
from siamese.demo.many.batch import MAX_IMAGES, look_at_all
from siamese.demo.many.view import matrix

TITLE, ID = "Many", "many"


def create_tab(page: Page) -> None:
    """An upload, and the matrix of what it holds."""

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
        return matrix(used, batch.seen, batch.distances(), threshold, *said)

    files = UploadedFiles(file_count="multiple", label=f"Images, up to {MAX_IMAGES}", height=160, elem_id="files")
    shown = gr.HTML(matrix([], [], [], 1))
    refresh = gr.Number(visible=False, precision=0)
    asked = [refresh, page.model, page.own, files]
    refresh.change(measure, asked, shown, **(PRIVATE | {"show_progress": "minimal"}))
    for event in (files.change, page.model.change):
        event(None, None, refresh, js=REFRESH, **PRIVATE)
