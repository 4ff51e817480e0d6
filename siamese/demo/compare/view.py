"""HTML of the tab that compares: the verdict, and the examples. Pure functions; what is not ours is escaped."""

import html
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from siamese.demo.elements import NOT_SURE, STRANGE, UNCLEAR, message, panel, percent, picture, word

if TYPE_CHECKING:
    from siamese.verifier import Verdict

ORDINALS = ("first", "second")
SAID = (  # what scripts say over the images
    '<p class="note" role="status"></p><div class="game" tabindex="-1" hidden><b></b><p role="status"></p>'
    '<button type="button" data-next>Keep this one</button><button type="button" data-again>Another pair</button>'
    '<button type="button" data-stop>Stop</button></div>'
)
FOOLED = "Fooled"  # of an example, which the network judges wrongly


def verdict_panel(
    threshold: float,
    seen: Sequence[np.ndarray | None],
    verdict: "Verdict | None" = None,
    text: str = "",
    problem: bool = False,
    turn: int | None = None,
    caution: str = "",
    is_linkable: bool = False,
    near: str = "",
    noun: str = "image",
) -> str:
    """The verdict panel: a verdict, or a text (`problem`: an error) where there is none; the same layout in every state.

    `turn` is the number of what happened on the page last when it was asked for. `caution` is about the images, see there.
    `is_linkable`: a link to what is seen gives the same verdict. `near`: an element for the games, see
    siamese.demo.compare.play. `noun`: what is compared.
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
    disabled, unlinked = (" disabled" * (not each) for each in (verdict, verdict and is_linkable))
    details = (
        f'{scale(threshold, distance)}{_seen(seen, noun)}<p class="caution" role="status">{html.escape(caution)}</p>'
        f'<div class="pass-on"><button type="button" data-link{unlinked}>Copy link</button>'
        f'<button type="button" data-share{disabled}>Share</button>'
        f'<button type="button" data-save{disabled}>Save as an image</button></div>{near}'
    )
    return panel(state, headline, details, turn)


def opening(seen: Sequence[np.ndarray], verdict: "Verdict", strokes: Sequence[str]) -> str:
    """A pair that is drawn as the page opens: what `siamese.compare.begin` in script.js shows of it, hidden until then.

    `strokes`: the drawing of each image, as SVG.
    """
    headline = word("Same" if verdict.is_same else "Different", f"{percent(verdict.confidence).capitalize()} confident")
    details = (
        f"{scale(verdict.threshold, verdict.distance)}{_seen(seen)}<p>An example: your first stroke takes its place.</p>"
    )
    state = "same" if verdict.is_same else "different"
    return (
        f'<div class="opening" hidden>{"".join(strokes)}{panel(state, headline, details)}'
        '<button type="button" data-skip aria-label="Skip the example">Skip</button></div>'
    )


def _seen(seen: Sequence[np.ndarray | None], noun: str = "image") -> str:
    figures = "".join(
        f"<figure>{picture(image, f'What the network sees of the {ordinal} {noun}')}"
        f"<figcaption>{ordinal.capitalize()}</figcaption></figure>"
        for ordinal, image in zip(ORDINALS, seen, strict=True)
    )
    return f'<div class="seen"><h3>What the network sees</h3>{figures}</div>'


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


def examples(
    pairs: Sequence[tuple[int, int, str]],
    images: np.ndarray,
    labels: np.ndarray,
    kind: str = "digits",
    reasons: Mapping[int, Sequence[np.ndarray]] = MappingProxyType({}),
) -> str:
    """One card for each of `pairs`: (index of an image, index of another, how hard it is), of real `kind`.

    `reasons`: for pairs by their number, both images with what drives their distance; shown while one points at the card.
    """
    cards = []
    for number, (first, second, level) in enumerate(pairs):
        text = html.escape(f"{labels[first]} and {labels[second]}")
        truth = "same" if labels[first] == labels[second] else "different"
        said = f"Truth: {truth}; the network is fooled" if level == FOOLED else f"{level}, {truth}"
        pictures = f"<span>{''.join(picture(images[index], '') for index in (first, second))}</span>"
        if number in reasons:
            pictures += f'<span class="reasons">{"".join(picture(image, "") for image in reasons[number])}</span>'
        cards.append(
            f'<button type="button" data-pair="{number}" aria-label="Example: {text}, {said[0].lower()}{said[1:]}">'
            f"{pictures}<b>{text}</b><small>{said}</small></button>"
        )
    return f'<h2>Try a pair of real {html.escape(kind)}</h2><div class="cards">{"".join(cards)}</div>'
