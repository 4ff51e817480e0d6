"""HTML of the tab that compares: the verdict, and the examples. Pure functions; what is not ours is escaped."""

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from siamese.demo.elements import NOT_SURE, STRANGE, UNCLEAR, message, panel, percent, picture, word

if TYPE_CHECKING:
    from siamese.verifier import Verdict

ORDINALS = ("first", "second")


def verdict_panel(
    threshold: float,
    seen: Sequence[np.ndarray | None],
    verdict: "Verdict | None" = None,
    text: str = "",
    problem: bool = False,
    turn: int | None = None,
    caution: str = "",
) -> str:
    """The verdict panel: a verdict, or a text (`problem`: an error) where there is none; the same layout in every state.

    `turn` is the number of what happened on the page last when it was asked for. `caution` is about the images, see there.
    `seen` holds what the network sees of each image, uint8 (H, W) or (H, W, 3), or None.
    """
    if verdict is None:
        state, headline, distance = "problem" if problem else "waiting", message(text), None
    else:
        state = "same" if verdict.is_same else "different"
        sure = f"{percent(verdict.confidence).capitalize()} confident"
        if verdict.is_familiar is False or verdict.remark:
            sure = NOT_SURE if verdict.is_familiar is False else UNCLEAR
        headline = word(state.capitalize(), sure)
        threshold, distance = verdict.threshold, verdict.distance
    figures = "".join(
        f"<figure>{picture(image, f'What the network sees of the {ordinal} image')}"
        f"<figcaption>{ordinal.capitalize()}</figcaption></figure>"
        for ordinal, image in zip(ORDINALS, seen, strict=True)
    )
    details = (
        f'{scale(threshold, distance)}<div class="seen"><h3>What the network sees</h3>{figures}'
        f'<p class="caution" role="status">{html.escape(caution)}</p></div>'
        f'<button type="button" data-save{"" if verdict else " disabled"}>Save as an image</button>'
    )
    return panel(state, headline, details, turn)


def caution(is_familiar: Sequence[bool | None], remarks: Sequence[str] = ("", "")) -> str:
    """Sentences about those of the two images that are unlike all that the model knows, and the remarks on each of them, see
    siamese.verifier.Look; empty where there is none."""
    sentences = [f"The {ordinal} image {remark}." for ordinal, remark in zip(ORDINALS, remarks, strict=True) if remark]
    strange = [ordinal for ordinal, known in zip(ORDINALS, is_familiar, strict=True) if known is False]
    if strange:
        which = "Both images are" if len(strange) == 2 else f"The {strange[0]} image is"
        sentences.insert(0, f"{which} {STRANGE}")
    return " ".join(sentences)


def scale(threshold: float, distance: float | None = None) -> str:
    """A bar from distance 0 to twice the threshold, so that the threshold is always in the middle, and the two numbers."""
    needle, text = "", "&ndash;"
    if distance is not None:
        needle, text = (
            f'<div class="needle" style="--share: {min(distance / threshold / 2, 1):.4f}"></div>',
            f"{distance:.3f}",
        )
    return (
        f'<div class="scale"><div class="bar">{needle}</div>'
        '<div class="ends"><span>same</span><span>threshold</span><span>different</span></div>'
        f'<dl><div><dt>Distance</dt><dd class="distance">{text}</dd></div>'
        f'<div><dt>Threshold</dt><dd class="threshold">{threshold:.3f}</dd></div></dl></div>'
    )


def examples(pairs: Sequence[tuple[int, int, str]], images: np.ndarray, labels: np.ndarray) -> str:
    """One card for each of `pairs`: (index of an image, index of another, how hard it is)."""
    cards = []
    for number, (first, second, level) in enumerate(pairs):
        text = f"{labels[first]} and {labels[second]}"
        kind = "same" if labels[first] == labels[second] else "different"
        pictures = "".join(picture(images[index], "") for index in (first, second))
        cards.append(
            f'<button type="button" data-pair="{number}" aria-label="Example: {text}, {level.lower()}, {kind}">'
            f"<span>{pictures}</span><b>{text}</b><small>{level}, {kind}</small></button>"
        )
    return f'<h2>Try a pair of real digits</h2><div class="cards">{"".join(cards)}</div>'
