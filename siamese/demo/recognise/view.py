"""HTML, style and scripts of the tab on which visitors teach new classes. Pure functions; what is not ours is escaped."""

import html
from collections.abc import Sequence

import numpy as np

from siamese.demo.page_html import EMPTY_SKETCHES, NEXT_TURN, picture
from siamese.demo.recognise.taught import MAX_CLASSES, MAX_EXAMPLES, Example, class_names
from siamese.gallery import Identification


def taught(examples: Sequence[Example], model: str) -> str:
    """A card for each class, with its examples as `model` sees them and a button that removes it."""
    cards = []
    for name in class_names(examples):
        shown = [example.seen[model] for example in examples if example.name == name and model in example.seen]
        pictures = "".join(picture(image, f"Example {number} of {name}") for number, image in enumerate(shown, 1))
        text = html.escape(name, quote=True)
        cards.append(
            f"<li><b>{text}</b><span>{pictures}</span>"
            f'<button type="button" data-remove="{text}" aria-label="Remove {text}">Remove</button></li>'
        )
    listed = f'<ul class="taught">{"".join(cards)}</ul>'
    if not cards:
        listed = (
            '<p class="hint">Nothing yet: draw or upload an example of something, name it and add it. One example of each '
            f"of two classes is enough to ask; up to {MAX_EXAMPLES} of each of {MAX_CLASSES} fit. Nothing is trained, and "
            "all is forgotten when you close the page.</p>"
        )
    return f"<h2>What you have taught</h2>{listed}"


def note(text: str, problem: bool = False) -> str:
    """A line about what was just done, or (`problem`) could not be."""
    return f'<p class="note{" problem" * problem}" role="status">{html.escape(text)}</p>'


def answer(
    examples: Sequence[Example],
    threshold: float,
    found: Identification | None = None,
    seen: np.ndarray | None = None,
    message: str = "",
    problem: bool = False,
    familiar: bool = True,
    turn: int | None = None,
) -> str:
    """The ranking of all taught classes, or a message where there is none; one row for each class in every state."""
    rows = [(name, "&ndash;", 0.0, "&ndash;") for name in class_names(examples)]
    state, sign, words = ("problem", "!", "") if problem else ("waiting", "?", "")
    words = f'<div class="message">{html.escape(message)}</div>'
    if found:
        nearest = found.matches[0]
        state, sign, word = ("same", "=", nearest.name) if found.name is not None else ("different", "≠", "None of these")
        about = f"{percent(nearest.probability_same)} confident"
        if found.name is None:
            about = f"{percent(1 - nearest.probability_same)} confident; nearest: {nearest.name}"
        words = f'<div><div class="word">{html.escape(word)}</div><div class="confidence">{html.escape(about)}</div></div>'
        rows = [
            (match.name, f"{match.distance:.3f}", match.probability_same, percent(match.probability_same))
            for match in found.matches
        ]
    ranking = "".join(
        f'<tr><th scope="row">{html.escape(name)}</th><td>{distance}</td>'
        f'<td><span class="share" style="--share: {share:.4f}"></span>{text}</td></tr>'
        for name, distance, share, text in rows
    )
    strange = "" if familiar else "This image is unlike anything this model knows: its answer may mean little."
    number = "" if turn is None else f' data-turn="{turn}"'
    return (
        f'<div class="panel {state}" data-state="{state}"{number}>'
        f'<div class="headline" role="status"><div class="sign" aria-hidden="true">{sign}</div>{words}</div>'
        '<div class="details"><table class="ranking"><thead><tr><th scope="col">Class</th><th scope="col">Distance</th>'
        f'<th scope="col">Same</th></tr></thead><tbody>{ranking}</tbody></table>'
        f'<p class="limit">A class is recognised up to a distance of {threshold:.3f}.</p>'
        f'<div class="seen"><h3>What the network sees</h3><figure>{picture(seen, "What the network sees of the image")}'
        f'</figure><p class="caution" role="status">{strange}</p></div></div></div>'
    )


def percent(probability: float) -> str:
    """A probability in words that never claim certainty."""
    if probability > 0.999:
        return "over 99.9%"
    return "under 0.1%" if probability < 0.001 else f"{probability:.1%}"


# After an example was added, its side is emptied for the next; where it could not be, nothing is lost.
ADDED_JS = f"""
(note, upload) => {{
  if (note.includes("problem")) return [upload, {NEXT_TURN}];
  {EMPTY_SKETCHES.format(place="example-side")}
  return [null, {NEXT_TURN}];
}}
"""

REMOVE_JS = """
element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-remove]");
  if (button) trigger("click", {name: button.dataset.remove});
});
"""

CSS = """
#teaching { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 8px 12px; align-items: end; margin-top: 12px; }
#teaching button { height: 42px; }
#lesson .note { min-height: 1.4em; margin: 6px 0 0; font-size: .875rem; color: var(--quiet); overflow-wrap: anywhere; }
#lesson .note.problem { color: var(--problem); }
#forget { align-self: flex-start; width: auto; min-width: 0; padding: 6px 14px; font-size: .875rem; }
.hint { margin: 8px 0 0; max-width: 80ch; color: var(--quiet); }
.taught { display: grid; grid-template-columns: repeat(auto-fill, minmax(170px, 1fr)); gap: 12px;
  margin: 12px 0 0 !important; padding: 0 !important; list-style: none; }
.taught li { display: flex; flex-direction: column; gap: 8px; margin: 0 !important; padding: 10px;
  border: 1px solid var(--border-color-primary);
  border-radius: 10px; background: var(--block-background-fill); }
.taught b { overflow-wrap: anywhere; color: var(--body-text-color); }
.taught span { display: grid; grid-template-columns: repeat(auto-fill, 44px); gap: 6px; }
.taught button { align-self: start; margin-top: auto; padding: 4px 10px; border-radius: 6px; cursor: pointer; font: inherit;
  font-size: .875rem; color: var(--body-text-color); background: var(--background-fill-secondary);
  border: 1px solid var(--border-color-primary); }
.ranking { width: 100%; margin: 0 !important; border: 0 !important; border-collapse: collapse; table-layout: fixed;
  font-variant-numeric: tabular-nums; color: var(--body-text-color); }
.ranking th, .ranking td { padding: 4px 6px 4px 0 !important; border: 0 !important; text-align: left; background: none;
  font-weight: 400; overflow-wrap: anywhere; }
.ranking thead th { font-size: .8125rem; color: var(--quiet); }
.ranking tr { border: 0 !important; }
.ranking tbody tr:first-child th { font-weight: 600; }
.ranking .share { display: block; height: 6px; width: calc(100% * var(--share)); min-width: 2px; border-radius: 3px;
  background: var(--ink); }
.panel .limit { margin: 8px 0 0; font-size: .8125rem; color: var(--quiet); }
#answer .details { display: block; }
#answer .seen { margin-top: 18px; grid-template-columns: auto 1fr; }
"""
