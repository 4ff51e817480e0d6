"""HTML elements that several tabs show. Pure functions; what is not ours is escaped."""

import base64
import html
import io

import numpy as np
from PIL import Image

from siamese.evaluation.calibration import percent as percent

STRANGE = "unlike anything this model knows: its answer may mean little."
NOT_SURE = "Not sure: unlike all it knows"  # where a confidence would stand
UNCLEAR = "Not sure: see the remark"  # likewise, where there is one on the picture


def picture(image: np.ndarray | None, description: str) -> str:
    """An image, uint8 (H, W) or (H, W, 3), as an element that shows its pixels; None leaves an empty frame."""
    if image is None:
        return '<div class="picture"></div>'
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<img class="picture" alt="{html.escape(description)}" src="data:image/png;base64,{data}">'


def note(text: str, problem: bool = False) -> str:
    """A line about what was just done, or (`problem`) could not be."""
    return f'<p class="note{" problem" * problem}" role="status">{html.escape(text)}</p>'


def panel(state: str, headline: str, details: str, turn: int | None = None) -> str:
    """The answer beside the images, of the same layout in every state.

    `state`: "same", "different", "waiting" or "problem". `headline` and `details` are HTML, see `word` and `message`.
    `turn` is the number of what happened on the page last when the answer was asked for.
    """
    sign = {"same": "=", "different": "≠", "waiting": "?", "problem": "!"}[state]
    number = "" if turn is None else f' data-turn="{turn}"'
    return (
        f'<div class="panel {state}" data-state="{state}"{number}>'
        f'<div class="headline" role="status"><div class="sign" aria-hidden="true">{sign}</div>{headline}</div>'
        f'<div class="details">{details}</div></div>'
    )


def word(answer: str, confidence: str) -> str:
    """The headline of a panel with an answer."""
    return f'<div><div class="word">{html.escape(answer)}</div><div class="confidence">{html.escape(confidence)}</div></div>'


def message(text: str) -> str:
    """The headline of a panel without an answer."""
    return f'<div class="message">{html.escape(text)}</div>'
