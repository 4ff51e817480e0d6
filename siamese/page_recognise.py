"""The tab in which visitors teach the page classes of their own: its HTML, CSS and JavaScript."""

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from siamese.page import picture

if TYPE_CHECKING:
    from siamese.gallery import Identification

SHOWN = 5  # classes of the ranking


def lesson(classes: Sequence[tuple[str, Sequence[np.ndarray]]], problem: str = "") -> str:
    """The classes taught so far: name and what the network sees of each example, uint8 (H, W[, 3]); and what went wrong."""
    cards = "".join(
        f'<li><span class="examples">{"".join(picture(image, f"Example of {name}") for image in images)}</span>'
        f"<b>{html.escape(name)}</b>"
        f'<button type="button" data-forget="{number}" aria-label="Forget {html.escape(name)}">&times;</button></li>'
        for number, (name, images) in enumerate(classes)
    )
    nothing = '<p class="nothing">Nothing taught yet. Two classes with one example each are enough.</p>'
    return (
        "<h3>What it knows</h3>"
        + (f'<p class="notice" role="alert">{html.escape(problem)}</p>' if problem else "")
        + (f'<ul class="classes">{cards}</ul>' if cards else nothing)
    )


def answer(found: "Identification | None", seen: np.ndarray | None, message: str = "", problem: bool = False) -> str:
    """The nearest classes of the query, or a message where there is no answer; `seen` is what the network sees of it."""
    if found is None:
        state, sign, words = ("problem", "!", message) if problem else ("waiting", "?", message)
        words = f'<div class="message">{html.escape(words)}</div>'
        rows = ""
    else:
        known = found.name is not None
        state, sign = ("same", "=") if known else ("different", "≠")
        nearest = found.matches[0]
        word = html.escape(found.name) if known else "None of these"
        probability = nearest.probability_same if known else 1 - nearest.probability_same
        confidence = "Over 99.9%" if probability > 0.999 else f"{probability:.1%}"
        words = f'<div><div class="word">{word}</div><div class="confidence">{confidence} confident</div></div>'
        rows = "".join(
            f'<li><span class="name">{html.escape(match.name)}</span>'
            f'<span class="track"><span class="length" style="--share: {_share(match.distance, found.threshold):.4f}">'
            f'</span></span><span class="number">{match.distance:.3f}</span></li>'
            for match in found.matches[:SHOWN]
        )
        rows = (
            f'<h3>Distance to the nearest example</h3><ol class="ranking">{rows}</ol>'
            f'<p class="quiet">The line is the threshold, {found.threshold:.3f}: what is farther is none of these.</p>'
        )
    return (
        f'<div class="panel {state}" data-state="{state}">'
        f'<div class="headline" role="status"><div class="sign" aria-hidden="true">{sign}</div>{words}</div>'
        f'<div class="details">{rows}<div class="seen"><h3>What the network sees</h3>'
        f"<figure>{picture(seen, 'What the network sees of the query')}</figure></div></div></div>"
    )


def _share(distance: float, threshold: float) -> float:
    """Length of a bar on which the threshold is in the middle."""
    return min(distance / threshold / 2, 1)


LESSON_JS = """
element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-forget]");
  if (button) trigger("click", {forget: Number(button.dataset.forget)});
});
"""

CSS = """
#lesson .html-container, #answer .html-container { padding: 0 !important; }
#lesson { margin-top: 12px; }
.classes { list-style: none; margin: 8px 0 0; padding: 0; display: flex; flex-wrap: wrap; gap: 8px; }
.classes li { display: flex; align-items: center; gap: 8px; margin: 0; padding: 6px 6px 6px 8px; max-width: 100%;
  border: 1px solid var(--border-color-primary); border-radius: 10px; background: var(--block-background-fill); }
.classes .examples { display: flex; gap: 4px; }
.classes .picture { width: 32px; }
.classes b { overflow-wrap: anywhere; color: var(--body-text-color); }
.classes button { display: grid; place-items: center; margin: 0 !important; padding: 0; width: 28px; height: 28px;
  border-radius: 8px; font-size: 1.125rem; line-height: 1; cursor: pointer;
  color: var(--body-text-color); }
.classes button:hover, .classes button:focus-visible { background: var(--background-fill-secondary); }
.nothing, .quiet { color: var(--quiet); font-size: .875rem; margin: 8px 0 0; }
.notice { margin: 8px 0 0; padding: 8px 12px; border-left: 4px solid var(--problem); overflow-wrap: anywhere;
  background: var(--background-fill-secondary); color: var(--body-text-color); }
#answer, #answer .html-container, #answer .prose { flex: 1; display: flex; flex-direction: column; }
#answer .word { overflow-wrap: anywhere; }
.ranking { list-style: none; margin: 10px 0 0; padding: 0; display: grid; gap: 6px; }
.ranking li { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 2fr) 3.5em; gap: 10px; align-items: center;
  margin: 0; color: var(--body-text-color); font-variant-numeric: tabular-nums; }
.ranking .name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.ranking .track { position: relative; height: 12px; border-radius: 6px; background: var(--background-fill-secondary); }
.ranking .track::after { content: ""; position: absolute; left: 50%; top: -3px; bottom: -3px; width: 2px;
  background: var(--body-text-color); }
.ranking .length { display: block; height: 100%; width: calc(100% * var(--share)); border-radius: 6px;
  background: var(--same); }
.ranking .number { text-align: right; }
"""
