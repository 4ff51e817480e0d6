"""HTML and style of what explains the network and its numbers, and of the same call in a program. Pure functions."""

import html
import shlex

from siamese.config import ModelFolderConfig
from siamese.demo.page_html import trained_on

BUNDLED = " (bundled)"
ADDRESS = "http://127.0.0.1:7860"  # in snippets; what is copied has that of the page


def about(model: str, config: ModelFolderConfig) -> str:
    """How a siamese network works, as a drawing and in words, and what is known of this model."""
    return (
        "<h2>One network, used twice</h2>"
        f'<div class="explained">{_drawing(config)}<div>'
        "<p>Both images go through the <b>same encoder with the same weights</b>: that is what makes the network siamese. "
        f"It turns each into {config.encoder.embedding_dim} numbers, a point. Training moves points of one class together "
        "and points of different classes apart.</p>"
        "<p>Two images are called <b>same</b> where the distance between their points is at most the threshold. Which image "
        "comes first makes no difference, and an image has the distance 0 from itself.</p>"
        "<p>The <b>confidence</b> is a function of the distance, fitted on pairs that the training never saw. It is "
        "50% just at the threshold, so that verdict and confidence cannot disagree.</p>"
        "<p>Since classes are places, a new class needs no training: an example of it is enough. That is the tab "
        "Recognise.</p></div></div>"
        f'<h2>The model {html.escape(model)}</h2><dl class="facts">{_facts(config)}</dl>'
        '<p class="rates">It answers for any two images, but accuracy and confidence were measured on images of its own '
        "kind, same and different pairs weighing half each. On anything else it is more certain than it should be.</p>"
    )


def _facts(config: ModelFolderConfig) -> str:
    metrics, training, encoder = config.metrics, config.training, config.encoder
    facts = {"Trained on": trained_on(config).removeprefix("trained on ")}
    if metrics.same_pairs + metrics.different_pairs:
        facts |= {
            "Pairs judged correctly": f"{metrics.balanced_accuracy:.2f}% (95% interval "
            f"{metrics.balanced_accuracy_low:.2f} to {metrics.balanced_accuracy_high:.2f}%)",
            "Measured on": f"{metrics.same_pairs:,} same and {metrics.different_pairs:,} different pairs of "
            f"{config.data.test_images:,} test images",
            "Different pairs called same": f"{metrics.false_accept_rate:.2f}%",
            "Same pairs called different": f"{metrics.false_reject_rate:.2f}%",
            "Equal error rate": f"{metrics.equal_error_rate:.2f}%",
            "Error of the confidence": f"{metrics.calibration_error:.2f}% on average",
        }
    sees = f"{encoder.image_size} x {encoder.image_size} px, {'colour' if encoder.channels == 3 else 'grey'}"
    facts |= {
        "What it sees": f"{sees}; " + ("the drawing, centred" if config.preprocess.mode == "ink" else "the whole picture"),
        "Network": f"{encoder.name}, {training.parameters:,} parameters" if training.parameters else encoder.name,
    }
    return "".join(f"<div><dt>{name}</dt><dd>{html.escape(value)}</dd></div>" for name, value in facts.items())


def _drawing(config: ModelFolderConfig) -> str:
    def branch(y: int, name: str, path: str) -> str:
        return (
            f'<rect class="paper" x="2" y="{y}" width="64" height="64" rx="6"></rect><path class="stroke" d="{path}"></path>'
            f'<text x="34" y="{y + 80}">{name}</text><path class="arrow" d="M70 {y + 32}h26" marker-end="url(#tip)"></path>'
            f'<path class="encoder" d="M104 {y}l84 14v36l-84 14z"></path><text x="146" y="{y + 37}">encoder</text>'
            f'<path class="arrow" d="M192 {y + 32}h22" marker-end="url(#tip)"></path>'
            f'<rect class="numbers" x="222" y="{y + 2}" width="18" height="60" rx="3"></rect>'
            f'<path class="ticks" d="M222 {y + 17}h18m-18 15h18m-18 15h18"></path>'
        )

    return (
        '<svg class="network" viewBox="0 0 446 236" role="img" aria-label="Two images go through two encoders with the same '
        'weights; the distance between the two results, against a threshold, says whether they are same or different">'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0l8 4l-8 4z"></path></marker></defs>'
        f"{branch(4, 'first', 'M26 24l12 -10v44')}{branch(148, 'second', 'M22 166q14 -12 22 0q4 14 -24 34h28')}"
        '<path class="shared" d="M146 70v74"></path><text x="146" y="104" class="on-line">same</text>'
        '<text x="146" y="120" class="on-line">weights</text>'
        f'<text x="231" y="112">{config.encoder.embedding_dim}</text><text x="231" y="128">numbers</text>'
        '<path class="arrow" d="M244 36q40 10 54 56" marker-end="url(#tip)"></path>'
        '<path class="arrow" d="M244 180q40 -10 54 -46" marker-end="url(#tip)"></path>'
        '<text x="306" y="116" class="big">distance</text><path class="arrow" d="M344 112h14" marker-end="url(#tip)"></path>'
        '<text x="394" y="88">near: same</text><path class="limit" d="M364 112h62"></path>'
        '<text x="394" y="146">far: different</text><text x="394" y="106" class="small">threshold</text></svg>'
    )


def snippets(model: str, threshold: float, own: float, served: str) -> str:
    """The comparison on the page as Python, on the command line, and as a call to the running demo.

    `own` is the model's own threshold; the demo answers programs by the model `served`, at its own threshold.
    """
    name = model.removesuffix(BUNDLED)
    source = name if model.endswith(BUNDLED) or "/" in name else f"path/to/{name}"
    is_own = threshold == own
    option = "" if is_own else f", threshold={threshold:.6g}"
    texts = {
        "Python": "from siamese import Verifier\n\n"
        f"verifier = Verifier.from_pretrained({source!r})\n"
        f'verdict = verifier.verify("a.png", "b.png"{option})\n'
        "print(verdict.is_same, verdict.confidence, verdict.distance)",
        "Command line": f"python -m siamese compare a.png b.png --model {shlex.quote(source)}"
        + ("" if is_own else f" --threshold {threshold:.6g}"),
        "This page, as a service": "from gradio_client import Client, handle_file\n\n"
        f'client = Client("{ADDRESS}")\n'
        'client.predict(image_a=handle_file("a.png"), image_b=handle_file("b.png"), api_name="/compare")'
        + ("" if model == served and is_own else f"\n# judged by the model {served} at its own threshold"),
    }
    return "".join(
        f'<div class="snippet"><h3>{title}</h3><button type="button" data-copy aria-label="Copy: {title}">Copy</button>'
        f'<pre tabindex="0"><code>{html.escape(text)}</code></pre></div>'
        for title, text in texts.items()
    )


COPY_JS = f"""
element.addEventListener("click", async (event) => {{
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const text = button.closest(".snippet").querySelector("code").textContent;
  await navigator.clipboard.writeText(text.replace("{ADDRESS}", location.origin + location.pathname));
  button.textContent = "Copied";
  setTimeout(() => {{ button.textContent = "Copy"; }}, 2000);
}});
"""

CSS = """
.explained { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 24px; align-items: start;
  margin: 12px 0 28px; }
.explained p { margin: 0 0 10px; color: var(--body-text-color); }
.network { width: 100%; height: auto; }
.network text { font-size: 13px; text-anchor: middle; fill: var(--body-text-color); }
.network .big { font-size: 15px; font-weight: 600; }
.network .small { font-size: 11px; }
.network .on-line { stroke: var(--body-background-fill); stroke-width: 6px; paint-order: stroke; }
.network .paper, .network .numbers { fill: var(--block-background-fill); stroke: var(--quiet); }
.network .stroke { fill: none; stroke: var(--body-text-color); stroke-width: 5; stroke-linecap: round;
  stroke-linejoin: round; }
.network .encoder { fill: var(--same-soft); stroke: var(--same); stroke-width: 1.5; }
.network .arrow, .network .ticks, .network .limit { fill: none; stroke: var(--quiet); stroke-width: 1.5; }
.network .limit { stroke: var(--body-text-color); stroke-width: 2; }
.network .shared { fill: none; stroke: var(--same); stroke-width: 2; stroke-dasharray: 4 4; }
.network marker path { fill: var(--quiet); }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(260px, 1fr)); gap: 12px 24px; margin: 12px 0 0; }
.facts dt { font-size: .8125rem; color: var(--quiet); }
.facts dd { margin: 0; color: var(--body-text-color); overflow-wrap: anywhere; }
.snippet { position: relative; margin-bottom: 14px; }
.snippet button { position: absolute; top: 0; right: 0; padding: 2px 10px; border-radius: 6px; cursor: pointer;
  font: inherit; font-size: .8125rem; color: var(--body-text-color); background: var(--background-fill-secondary);
  border: 1px solid var(--border-color-primary); }
.snippet pre { margin: 8px 0 0; padding: 10px 12px; overflow-x: auto; border-radius: 8px; font-size: .8125rem;
  background: var(--background-fill-secondary); border: 1px solid var(--border-color-primary); }
.snippet pre code { padding: 0; background: none; border: 0; color: var(--body-text-color); white-space: pre; }
@media (max-width: 767px) {
  .explained { grid-template-columns: minmax(0, 1fr); }
  .network text { font-size: 15px; }
}
"""
