"""HTML of the tab on which visitors teach new classes. Pure functions; what is not ours is escaped."""

import base64
import html
from collections.abc import Sequence

import numpy as np

from siamese.config import counted
from siamese.demo.elements import NOT_SURE, STRANGE, UNCLEAR, message, panel, percent, picture, word
from siamese.demo.recognise.kept import NAME
from siamese.demo.recognise.samples import TAUGHT, to_ask
from siamese.demo.recognise.taught import MAX_CLASSES, MAX_EXAMPLES, Example, class_names
from siamese.gallery import Identification

MEANS = " Distances are to the nearest example; the order also counts the mean of a class's examples."


def taught(examples: Sequence[Example], model: str) -> str:
    """A card for each class, with its examples as `model` sees them and a button that removes it."""
    cards = []
    for name in class_names(examples):
        shown = [example.looks[model].seen for example in examples if example.name == name and model in example.looks]
        pictures = "".join(
            picture(image, f"Example {number} of {name}") for number, image in enumerate(shown, 1) if image is not None
        )
        unseen = sum(image is None for image in shown)  # from a gallery file
        unseen = f"<small>{counted(unseen, 'example')} without a picture</small>" if unseen else ""
        text = html.escape(name, quote=True)
        cards.append(
            f"<li><b>{text}</b>{f'<span>{pictures}</span>' if pictures else ''}{unseen}"
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


def to_keep(file: bytes) -> str:
    """A link that saves what was taught, given as a gallery file; where there is nothing, none."""
    if not file:
        return ""
    data = base64.b64encode(file).decode()
    return (
        f'<p class="hint"><a download="{NAME}" href="data:application/octet-stream;base64,{data}">Save what was taught</a>: '
        "a gallery file, numbers and names without pictures, for this page another day and <code>Gallery.load</code>.</p>"
    )


def offered() -> str:
    """Buttons that teach samples, and that ask about one."""
    pictures = "".join(
        f'<button type="button" data-sample="{number}" aria-label="Ask about sample {number + 1}">'
        f"{picture(np.asarray(image), '')}</button>"
        for number, image in enumerate(to_ask())
    )
    names = ", ".join(map(str, TAUGHT))
    return (
        f'<div class="samples"><button type="button" data-sample="teach">Teach the digits {names}</button>'
        f"<span>and ask about one:</span>{pictures}</div>"
    )


def added(example: Example, model: str) -> str:
    """What is said once it is taught: text."""
    remark = example.looks[model].remark
    return f"Added an example of {example.name}." + (f" Its picture {remark}." if remark else "")


def answer(
    examples: Sequence[Example],
    threshold: float,
    found: Identification | None = None,
    seen: np.ndarray | None = None,
    text: str = "",
    problem: bool = False,
    turn: int | None = None,
) -> str:
    """The ranking of all taught classes, or a text where there is none; one row for each class in every state."""
    rows = [(name, "&ndash;", 0.0, "&ndash;") for name in class_names(examples)]
    state, headline = "problem" if problem else "waiting", message(text)
    is_strange = found is not None and found.is_familiar is False
    doubt = (NOT_SURE if is_strange else UNCLEAR if found.remark else "") if found else ""
    if found:
        matches = found.matches if found.name else sorted(found.matches, key=lambda match: match.distance)
        likely = matches[0].probability_same
        if found.name is None:
            sure = doubt or f"{percent(1 - likely)} confident"
            state, headline = "different", word("None of these", f"{sure}; nearest: {matches[0].name}")
        else:
            sure = doubt or f"{percent(likely)} confident"
            state, headline = "same", word(found.name, sure)
        rows = [
            (match.name, f"{match.distance:.3f}", match.probability_same, percent(match.probability_same))
            for match in matches
        ]
        if doubt:  # how near each class is can be said, how likely cannot
            rows = [(name, distance, 0.0, "&ndash;") for name, distance, *_ in rows]
    ranking = "".join(
        f'<tr><th scope="row">{html.escape(name)}</th><td>{distance}</td>'
        f'<td><span class="share" style="--share: {share:.4f}"></span>{likely}</td></tr>'
        for name, distance, share, likely in rows
    )
    means = MEANS if found and found.name and len(class_names(examples)) < len(examples) else ""
    said = [f"This image is {STRANGE}"] if is_strange else []
    said += [f"This image {found.remark}."] if found and found.remark else []
    details = (
        '<table class="ranking"><thead><tr><th scope="col">Class</th><th scope="col">Distance</th>'
        f'<th scope="col">Same</th></tr></thead><tbody>{ranking}</tbody></table>'
        f'<p class="limit">A class is recognised up to a distance of {threshold:.3f}.{means}</p>'
        f'<div class="seen"><h3>What the network sees</h3><figure>{picture(seen, "What the network sees of the image")}'
        f'</figure><p class="caution" role="status">{html.escape(" ".join(said))}</p></div>'
    )
    return panel(state, headline, details, turn)
