"""What a tab of the page is, and what it is handed.

A tab is a folder with a module `tab` that has a TITLE, an ID (of its element, for style and scripts) and `create_tab(page)`,
which makes its widgets and wires their events. Its `style.css` and `script.js`, where they are there, are served with the
page. It is listed in siamese.demo.page.TABS, or TABS_OF_NUMBERS where it is for models of numbers.
"""

import threading
from dataclasses import dataclass

import gradio as gr

from siamese.demo.gradio_patches import Demo, refusal
from siamese.verifier import Verifier
from siamese.visitors.workspace import Workspace, Workspaces

AT_ONCE = 4  # comparisons that run at the same time

# Of all listeners of the page; the latest event counts, those that come while it is answered are left out.
PRIVATE = {"api_visibility": "private", "show_progress": "hidden", "trigger_mode": "always_last"}
# What answers while one draws: not through Gradio's queue, whose answers the browser fetches by a request of their own, from
# a server that looks for them 20 times a second.
AT_A_GLANCE = PRIVATE | {"queue": False}
LOOKING = threading.BoundedSemaphore(AT_ONCE)

REFRESH = "() => siamese.refresh()"  # script that gives its output, a gr.Number, a new value


def brought(event: gr.EventData, name: str) -> object:
    """What a script of ours sent with an event, by name; None where somebody else sent the event."""
    return event._data.get(name) if isinstance(event._data, dict) else None


class Models(dict):
    """The models that all visitors may choose, by name, and where to find the one that a visitor has trained."""

    def of(self, name: str, own: Workspace | None) -> Verifier:
        """A model by name. Raises gr.Error where it is none of these, nor the visitor's own."""
        if found := self.all(own).get(name):
            return found
        raise refusal(f"the model {name} is no longer here: choose another")

    def all(self, own: Workspace | None) -> dict[str, Verifier]:
        """All that a visitor may choose."""
        return {**self, own.model.name: own.model} if own and own.model else dict(self)


@dataclass(frozen=True)
class Page:
    """What the tabs share."""

    models: Models  # the first of them answers programs
    model: gr.Radio  # holds the name of the model that the visitor has chosen
    own: gr.State  # holds the visitor's Workspace, once the page is loaded; None where there is nothing to train with
    workspaces: Workspaces | None  # None: visitors may not train
    blocks: Demo
