"""The text of the demo's page: HTML of its parts, CSS and JavaScript. Pure functions; what is not ours is escaped."""

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from siamese.config import ModelFolderConfig, one_line

if TYPE_CHECKING:
    from siamese.verifier import Verdict

ORDINALS = ("first", "second")


def header(model: str, config: ModelFolderConfig, notice: str = "") -> str:
    """Title, what the page does, which model with what measured accuracy, and a notice about that, if any."""
    metrics = config.metrics
    pairs = metrics.same_pairs + metrics.different_pairs
    measured = "accuracy not measured"
    if pairs:
        measured = (
            f"<b>{metrics.balanced_accuracy:.2f}%</b> of pairs judged correctly "
            f"(balanced, {'' if config.data.pairs else 'all '}{pairs:,} pairs of {config.data.test_images:,} test images)"
        )
    measured += f" · {html.escape(trained_on(config))}"
    return (
        "<h1>Same or different?</h1>"
        "<p>Draw or upload two images. A siamese network turns each into a point; the nearer the points, the more likely "
        "the images show the same thing.</p>"
        f'<p class="model">Model <b>{html.escape(model)}</b> · {measured}</p>'
        + (f'<p class="notice" role="alert">{html.escape(notice)}</p>' if notice else "")
    )


def trained_on(config: ModelFolderConfig) -> str:
    """What the weights were fitted to, in words: how many images of what."""
    data = config.data
    if not data.training_images:
        return "training data not recorded"
    name = one_line(Path(data.dataset).name, 60)
    if data.split == "pairs":
        return f"trained on {data.pairs:,} labelled pairs of {data.training_images:,} images ({name})"
    return f"trained on {data.training_images:,} images of {data.classes:,} classes ({name})"


def panel(
    threshold: float,
    seen: Sequence[np.ndarray | None],
    verdict: "Verdict | None" = None,
    message: str = "",
    problem: bool = False,
    turn: int | None = None,
    caution: str = "",
) -> str:
    """The verdict panel: a verdict, or a message (`problem`: an error) where there is none; the same layout in every state.

    `turn` is the number of what happened on the page last when it was asked for. `caution` is about the images, see there.
    `seen` holds what the network sees of each image, uint8 (H, W) or (H, W, 3), or None.
    """
    if verdict is None:
        state, sign = ("problem", "!") if problem else ("waiting", "?")
        words = f'<div class="message">{html.escape(message)}</div>'
        distance = None
    else:
        state, word, sign = ("same", "Same", "=") if verdict.is_same else ("different", "Different", "≠")
        # Rounding must not turn a high confidence into certainty.
        confidence = "Over 99.9%" if verdict.confidence > 0.999 else f"{verdict.confidence:.1%}"
        words = f'<div><div class="word">{word}</div><div class="confidence">{confidence} confident</div></div>'
        threshold, distance = verdict.threshold, verdict.distance
    number = "" if turn is None else f' data-turn="{turn}"'
    figures = "".join(
        f"<figure>{picture(image, f'What the network sees of the {ordinal} image')}"
        f"<figcaption>{ordinal.capitalize()}</figcaption></figure>"
        for ordinal, image in zip(ORDINALS, seen, strict=True)
    )
    return (
        f'<div class="panel {state}" data-state="{state}"{number}>'
        f'<div class="headline" role="status"><div class="sign" aria-hidden="true">{sign}</div>{words}</div>'
        f'<div class="details">{scale(threshold, distance)}'
        f'<div class="seen"><h3>What the network sees</h3>{figures}'
        f'<p class="caution" role="status">{html.escape(caution)}</p></div>'
        f'<button type="button" data-save{"" if verdict else " disabled"}>Save as an image</button></div></div>'
    )


def caution(is_familiar: Sequence[bool]) -> str:
    """A sentence about those of the two images that are unlike all that the model knows; empty where none is."""
    strange = [ordinal for ordinal, known in zip(ORDINALS, is_familiar, strict=True) if not known]
    if not strange:
        return ""
    which = "Both images are" if len(strange) == 2 else f"The {strange[0]} image is"
    return f"{which} unlike anything this model knows: its answer may mean little."


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


def picture(image: np.ndarray | None, description: str) -> str:
    """An image, uint8 (H, W) or (H, W, 3), as an element that shows its pixels; None leaves an empty frame."""
    if image is None:
        return '<div class="picture"></div>'
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<img class="picture" alt="{html.escape(description)}" src="data:image/png;base64,{data}">'


# Whatever happens on the page gets the next number, its turn, and refreshes the verdict; see latest_js.
NEXT_TURN = "window.turn = (window.turn ?? 0) + 1"


def tab_js(name: str) -> str:
    """Script of a tab that was opened: its name, and a new number to refresh the verdict."""
    return f"() => ['{name}', {NEXT_TURN}]"


# Not by a value of the sketchpad: it takes one that it was given before for no change.
EMPTY_SKETCHES = """
for (const bin of document.querySelectorAll('#{place} .sketch button[aria-label="Clear canvas"]')) bin.click();
"""


def clear_js(place: str, uploads: int) -> str:
    """Script that empties all sketchpads in the element `place`: None for each upload, and a new number to refresh."""
    return f"() => {{{EMPTY_SKETCHES.format(place=place)} return [{'null, ' * uploads}{NEXT_TURN}]; }}"


def empty_js(place: str) -> str:
    """Script that empties all sketchpads in the element `place`."""
    return f"() => {{{EMPTY_SKETCHES.format(place=place)}}}"


def latest_js(place: str) -> str:
    """Script for each verdict that comes to `place`: where it is older than the one before it, ask again.

    Gradio sends a request while the parts for the one before are still being gathered, so that the older may end last.
    """
    return f"""
(panel) => {{
  const [, turn] = /data-turn="(\\d+)"/.exec(panel) ?? [];
  if (!turn) return;
  const newest = (window.newest ??= {{}});
  if (Number(turn) < newest.{place}) return {NEXT_TURN};
  newest.{place} = Number(turn);
}}
"""


EXAMPLES_JS = """
element.addEventListener("click", (event) => {
  const card = event.target.closest("button[data-pair]");
  if (card) trigger("click", {pair: Number(card.dataset.pair)});
});
"""

REFRESH_JS = f"() => ({NEXT_TURN})"

# A named threshold moves the slider; the slider lets go of the name. Both refresh the verdict.
POINT_JS = f"(point) => [Math.round(1000 * point) / 1000, {NEXT_TURN}]"
SLIDER_JS = f"() => [null, {NEXT_TURN}]"

COMPARE_JS = f"""
() => {{
  document.querySelector("#verdict .details").scrollIntoView({{behavior: "smooth", block: "nearest"}});
  return {NEXT_TURN};
}}
"""

OPEN_UPLOADS_JS = f"""
() => {{
  const tabs = document.querySelectorAll('#compare .side [role="tab"]');
  for (const tab of tabs) if (tab.textContent.trim() === "Upload") tab.click();
  return {NEXT_TURN};
}}
"""

# Gradio's sketchpad opens, and reopens after each clear, with no tool in hand: pick up the brush. The short wait lets the
# sketchpad show that it has; a second click would open the brush's settings instead.
PAGE_JS = """
() => {
  let waiting = null;
  const pickUp = () => {
    waiting = null;
    for (const sketch of document.querySelectorAll(".sketch")) {
      const [brush, eraser] = ["Brush", "Erase"].map((tool) => sketch.querySelector(`button[aria-label="${tool}"]`));
      const inHand = [brush, eraser].some((tool) => tool?.classList.contains("highlight"));
      if (brush && !inHand) brush.click();
    }
  };
  const soon = () => { waiting ??= setTimeout(pickUp, 60); };
  new MutationObserver(soon).observe(document.body, {subtree: true, childList: true, attributeFilter: ["class"]});
  soon();
  // Show the pixels of a tiny image rather than a blur, and nothing of a file that is no image: the verdict panel says so.
  const look = ({type, target}) => {
    if (!target.matches?.(".upload img")) return;
    target.classList.toggle("tiny", target.naturalWidth < 100);
    target.classList.toggle("broken", type === "error");
  };
  for (const type of ["load", "error"]) document.addEventListener(type, look, true);  // neither bubbles
}
"""

# Gradio repeats every rule for its own container and takes each comma for one between selectors: none inside :is().
CSS = """
:root { --same: #1d4ed8; --same-soft: #dbeafe; --different: #b45309; --different-soft: #fcd9a8; --problem: #b91c1c;
  --quiet: #52606d; }
.dark { --same: #93c5fd; --same-soft: #1e3a6e; --different: #fdba74; --different-soft: #7c4413; --problem: #fca5a5;
  --quiet: #a9b4c0; }
/* Gradio's own grey for what is secondary is too light to be read. */
.gradio-container { --color-accent: var(--body-text-color); --block-info-text-color: var(--quiet);
  --body-text-color-subdued: var(--quiet); overflow: visible; }
.gradio-container .main.app { padding: 0; }
.gradio-container main.contain { width: 100%; max-width: 1240px; margin: 0 auto !important; padding: 24px 16px;
  box-sizing: border-box; }
main > .column { gap: 24px; }
/* On a phone Gradio hides the link before the dot, but not the dot. */
.gradio-container footer { gap: 16px; }
.gradio-container footer .divider { display: none; }
#header .html-container, #modes .html-container { padding: 0 !important; }
h1, h2, h3 { margin: 0 !important; line-height: 1.2; color: var(--body-text-color); font-weight: 600; }
h1 { font-size: 1.75rem !important; }
h2 { font-size: 1rem !important; }
h3 { font-size: .875rem !important; }
#header p { margin: 6px 0 0; max-width: 90ch; color: var(--body-text-color); }
#header .notice { max-width: none; padding: 8px 12px; border-left: 4px solid var(--problem);
  background: var(--background-fill-secondary); overflow-wrap: anywhere; }
#header .model { max-width: none; font-size: .875rem; color: var(--quiet); }

#modes .stage { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 24px; align-items: stretch; }
.side { position: relative; gap: 0 !important; container-type: inline-size; }
.side > .block { position: absolute; top: 12px; left: 0; z-index: 1; width: auto; pointer-events: none; }
#modes .stage .tab-wrapper { height: 40px; padding: 0; margin: 0 0 12px; }
#modes .stage .tab-container { height: 40px; justify-content: flex-end; }
#modes .stage .tab-container button.selected { font-weight: 600; }
.side .tabitem { padding: 0; }
.outcome { gap: 12px !important; }
#modes .actions { height: 40px; gap: 12px; flex-wrap: nowrap; }
#modes .actions button { height: 40px; padding: 0 8px; min-width: 0; font-size: 1rem; white-space: nowrap; }

/* The paper fills its box (Gradio leaves 30 px around it) and is square; the tools stand in a row under it. */
.sketch, .upload { height: calc(100cqw + 44px) !important; border-style: solid !important;
  border-radius: 10px !important; }
.sketch { isolation: isolate; background: #fff !important; overflow: hidden !important; }
.sketch .image-container { position: relative; overflow: hidden; }
.sketch .image-container::after { content: ""; position: absolute; inset: auto 0 0; height: 44px;
  box-sizing: border-box; z-index: 3;
  border-top: 1px solid var(--border-color-primary); background: var(--background-fill-secondary); }
.sketch .pixi-target, .sketch .pixi-target-crop { inset: -30px -30px auto; width: calc(100% + 60px);
  height: calc(100% + 16px); }
#modes .stage .sketch .toolbar-wrap, #modes .stage .sketch .top-panel { inset: auto auto 4px 4px; width: auto; border: 0;
  background: none;
  flex-direction: row; box-shadow: none; }
#modes .stage .sketch .top-panel { inset: auto 4px 4px auto; }
#modes .stage .half-container { position: static; flex-direction: row; width: auto; padding: 0; border: 0; }
#modes .stage .half-container > .wrap { inset: auto auto 44px 0; transform: none; }
#modes .stage .sketch .toolbar-wrap button, #modes .stage .sketch .top-panel button { width: 36px; height: 36px;
  border-radius: 8px; justify-content: center; background: none; box-shadow: none; }
#modes .stage .sketch .toolbar-wrap button > div, #modes .stage .sketch .top-panel button > div { width: 20px; height: 20px;
  padding: 0; }
#modes .stage .sketch .toolbar-wrap .highlight { background: var(--body-text-color);
  color: var(--background-fill-primary) !important; }
.sketch [aria-label="Pan"], .sketch [aria-label^="Zoom"], .sketch [aria-label="Color"], .sketch .zoom-number,
.sketch .separator { display: none; }
.upload img { object-fit: contain; }
.upload img.tiny { image-rendering: pixelated; }
.upload img.broken { visibility: hidden; }

.answer, .answer .html-container, .answer .prose { flex: 1; display: flex; flex-direction: column; }
.panel { flex: 1; padding: 18px; border: 1px solid var(--border-color-primary); border-radius: 10px;
  background: var(--block-background-fill); --ink: var(--quiet); }
.panel.same { --ink: var(--same); }
.panel.different { --ink: var(--different); }
.panel.problem { --ink: var(--problem); }
.headline { display: flex; align-items: center; gap: 16px; min-height: 72px; margin-bottom: 18px; }
.sign { flex: none; width: 64px; height: 64px; border-radius: 50%; display: grid; place-items: center;
  font-size: 36px; font-weight: 600; line-height: 1; color: var(--block-background-fill); background: var(--ink); }
.different .sign { border-radius: 14px; }
.word { font-size: 2.25rem; font-weight: 700; line-height: 1.1; color: var(--ink); }
.confidence { font-size: 1.0625rem; color: var(--body-text-color); }
.message { color: var(--body-text-color); overflow-wrap: anywhere; line-height: 1.35; }
.bar { position: relative; height: 18px; border-radius: 9px; border: 1px solid var(--border-color-primary);
  background: linear-gradient(90deg, var(--same-soft) 50%, transparent 50%),
    repeating-linear-gradient(-45deg, var(--different-soft) 0 6px, transparent 6px 10px); }
.bar::after { content: ""; position: absolute; left: 50%; top: -5px; bottom: -5px; width: 2px; margin-left: -1px;
  background: var(--body-text-color); }
.needle { position: absolute; top: 50%; left: calc(10px + (100% - 20px) * var(--share)); width: 20px; height: 20px;
  margin: -10px; border-radius: 50%; z-index: 1;
  background: var(--ink); border: 3px solid var(--block-background-fill); box-shadow: 0 0 0 2px var(--ink);
  box-sizing: border-box; }
.ends { display: grid; grid-template-columns: 1fr 1fr 1fr; font-size: .8125rem; margin-top: 8px; color: var(--quiet); }
.ends :nth-child(2) { text-align: center; }
.ends :nth-child(3) { text-align: right; }
.scale dl { display: grid; grid-template-columns: 1fr 1fr; margin: 14px 0 0; }
.scale dt { font-size: .8125rem; color: var(--quiet); }
.scale dd { margin: 0; font-size: 1.25rem; font-weight: 600; color: var(--body-text-color);
  font-variant-numeric: tabular-nums; }
.seen { display: grid; grid-template-columns: auto auto 1fr; gap: 8px 14px; margin-top: 18px; }
.seen h3 { grid-column: 1 / -1; }
.seen figure { margin: 0; }
.seen figcaption { font-size: .8125rem; text-align: center; color: var(--quiet); }
.picture { display: block; image-rendering: pixelated; width: 100%; aspect-ratio: 1; margin: 0 !important;
  border-radius: 6px; background: var(--background-fill-secondary); box-shadow: 0 0 0 1px var(--border-color-primary); }
.seen .picture { width: 104px; }
.caution { margin: 0 !important; font-size: .8125rem; line-height: 1.3; color: var(--problem); }

.cards { display: grid; grid-template-columns: repeat(6, minmax(0, 1fr)); gap: 12px; margin-top: 12px; }
.cards button { margin: 0 !important; padding: 10px; border: 1px solid var(--border-color-primary);
  border-radius: 10px; cursor: pointer;
  background: var(--block-background-fill); color: var(--body-text-color); text-align: left; font: inherit; }
.cards button:hover, .cards button:focus-visible { border-color: var(--same); box-shadow: 0 0 0 1px var(--same);
  outline: 0; }
.cards span { display: grid; grid-template-columns: 1fr 1fr; gap: 6px; margin-bottom: 8px; }
.cards b { display: block; font-weight: 600; }
.cards small { font-size: .8125rem; color: var(--quiet); }

@media (max-width: 1023px) {
  #modes .stage { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .outcome { grid-column: 1 / -1; }
  .details { display: grid; grid-template-columns: 1fr 1fr; gap: 24px; }
  .seen { margin-top: 0; }
  .cards { grid-template-columns: repeat(3, minmax(0, 1fr)); }
}
/* On a phone the sides stand one above the other; the verdict sticks to the lower edge of the screen until its place. */
@media (max-width: 639px) {
  #modes > .tab-wrapper .tab-container button { padding: 0 7px; font-size: .875rem; }
  #modes .stage { display: block; }
  .side, #modes .actions, .details { margin-bottom: 16px; }
  .outcome, .answer, .answer .html-container, .answer .prose, .panel { display: contents; }
  .headline, .details { padding: 12px; border: 1px solid var(--border-color-primary); border-radius: 10px;
    background: var(--block-background-fill); }
  .headline { position: sticky; bottom: 8px; z-index: 20; margin: 0 0 16px; min-height: 48px;
    box-shadow: 0 2px 12px #0003; }
  .sign { width: 44px; height: 44px; font-size: 26px; }
  .word { font-size: 1.5rem; }
  .details { display: block; }
  .caution { grid-column: 1 / -1; min-height: 3.9em; }
  #answer .caution { grid-column: auto; }
  .seen { margin-top: 18px; }
  .cards { grid-template-columns: repeat(2, minmax(0, 1fr)); }
}
"""
