"""How it works, and what is known of the chosen model."""

import gradio as gr

from siamese.demo.about.view import about
from siamese.demo.base import PRIVATE, Page

TITLE, ID = "How it works", "about"


def create_tab(page: Page) -> None:
    """The explanation; the facts follow the chosen model."""

    def describe(name: str, own) -> str:
        return about(name, page.models.of(name, own).config)

    shown = about(page.model.value, page.models[page.model.value].config)
    explained = gr.HTML(shown, js_on_load="siamese.about.follow(element)")
    page.model.change(describe, [page.model, page.own], explained, **PRIVATE)
