"""How visitors want the models to be called that they train."""

import itertools
import weakref
from collections.abc import Collection

import gradio as gr

from siamese.demo.base import PRIVATE, Page
from siamese.demo.elements import note
from siamese.visitors.class_folders import LONGEST_CLASS, safe_class_name
from siamese.visitors.workspace import Workspace


class Wishes:
    """A name for each workspace that wants one, for as long as that is there."""

    def __init__(self) -> None:
        self._names: weakref.WeakKeyDictionary[Workspace, str] = weakref.WeakKeyDictionary()
        self._given: weakref.WeakKeyDictionary[Workspace, set[str]] = weakref.WeakKeyDictionary()

    def take(self, space: Workspace | None, name: str) -> str:
        """Note a wish, or that there is none any more: "", or what is wrong with it."""
        if space is None:
            return ""
        self._names.pop(space, None)
        if name.strip():
            try:
                self._names[space] = safe_class_name(name)
            except ValueError as error:
                return str(error).replace("of the class", "of the model")
        return ""

    def name_of(self, space: Workspace, default: str, others: Collection[str]) -> str:
        """The name of a model just trained, that of its ZIP file as well: as wished for, else `default`.

        It is none of the `others`, nor of an earlier model of the same visitor, of which parts of the page may still know.
        """
        stem, given = self._names.get(space, default.removesuffix(".zip")), self._given.setdefault(space, set())
        tries = (f"{stem}{f' ({number})' if number > 1 else ''}.zip" for number in itertools.count(1))
        name = next(name for name in tries if name not in others and name not in given)
        given.add(name)
        return name


def name_box(page: Page, wishes: Wishes) -> None:
    """Where a visitor says so, before or while the model is trained."""
    with gr.Column(min_width=180):
        name = gr.Textbox(
            label="Name of your model", placeholder="my-model-1", max_length=LONGEST_CLASS, max_lines=1, elem_id="own-name"
        )
        said = gr.HTML(note(""), elem_id="name-note")
    for event in (name.blur, name.submit):
        event(lambda space, name: note(told := wishes.take(space, name), bool(told)), [page.own, name], said, **PRIVATE)
