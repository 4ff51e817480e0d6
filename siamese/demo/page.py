"""The page: its tabs in order, what stands above them, and the endpoints for programs."""

from collections.abc import Sequence
from pathlib import Path

import gradio as gr

from siamese.demo.about import tab as about
from siamese.demo.api import create_api
from siamese.demo.base import AT_ONCE, PRIVATE, Models, Page
from siamese.demo.compare import tab as compare
from siamese.demo.gradio_patches import Demo
from siamese.demo.header import header
from siamese.demo.link_preview import TITLE
from siamese.demo.many import tab as many
from siamese.demo.numbers import tab as numbers
from siamese.demo.recognise import tab as recognise
from siamese.demo.train import tab as train
from siamese.inputs import INPUTS
from siamese.verifier import Verifier
from siamese.visitors.workspace import Workspaces

TABS = [compare, recognise, many, train, about]  # see siamese.demo.base
TABS_OF_NUMBERS = [numbers, about]

MAX_WAITING = 256  # in the queue, of all visitors, before they are asked to come back later
CACHE_CHECK, CACHE_AGE = 600, 3600  # s: how often uploaded files are looked through, and how old they may get

STATIC = Path(__file__).parent / "static"
FOLDERS = [Path(tab.__file__).parent for tab in dict.fromkeys([*TABS, *TABS_OF_NUMBERS])]
# In this order: what tabs share comes first, and where two rules weigh the same the later one holds.
STYLES = [STATIC / f"{name}.css" for name in ("page", "inputs", "panel", "charts", "camera")]
STYLES += [path for path in (folder / "style.css" for folder in FOLDERS) if path.exists()]
SCRIPTS = [STATIC / f"{name}.js" for name in ("page", "said", "inputs", "crop", "camera", "play")]
SCRIPTS += [path for path in (folder / "script.js" for folder in FOLDERS) if path.exists()]


def build_demo(
    verifier: Verifier, notice: str = "", others: Sequence[Verifier] = (), workspaces: Workspaces | None = None
) -> gr.Blocks:
    """The page and its public endpoints around `verifier`; siamese.demo.server.launch starts it.

    `notice` stands on top. Visitors of the page may choose one of the `others` instead, and train in the `workspaces`.
    """
    models = Models({verifier.name: verifier})
    for other in others:
        models.setdefault(other.name, other)
    with Demo(title=TITLE, analytics_enabled=False, delete_cache=(CACHE_CHECK, CACHE_AGE), fill_width=True) as blocks:
        top = gr.HTML(header(verifier.name, verifier.config, notice), elem_id="header")
        model = gr.Radio(list(models), value=verifier.name, label="Model", elem_id="model", visible=len(models) > 1)
        own = gr.State(None, delete_callback=lambda workspace: workspace and workspace.close())
        page = Page(models, model, own, workspaces, blocks)
        with gr.Tabs(elem_id="modes"):
            for tab in tabs_of(verifier):
                if tab is train and not workspaces:
                    continue
                with gr.Tab(tab.TITLE, elem_id=tab.ID):
                    tab.create_tab(page)
        model.change(lambda name, own: header(name, models.of(name, own).config, notice), [model, own], top, **PRIVATE)
        create_api(verifier, blocks)
        blocks.unload(blocks.forget_visitor)
    return blocks.queue(max_size=MAX_WAITING, default_concurrency_limit=AT_ONCE, api_open=False)


def tabs_of(verifier: Verifier) -> list:
    """The tabs for what a model compares."""
    return {"images": TABS, "numbers": TABS_OF_NUMBERS}[INPUTS[verifier.config.preprocess.mode].page]


def head() -> str:
    """All scripts, for the head of the page."""
    return "".join(f"<script>\n{path.read_text(encoding='utf-8')}</script>\n" for path in SCRIPTS)
