"""What a siamese network is, as a drawing, and what this model is, as its card says: the foot of the demo's page."""

import html

from siamese.config import ModelFolderConfig

# Two images, the same network on both sides, two points, one distance.
_DRAWING = """
<svg class="branches" viewBox="0 0 640 220" role="img" aria-label="Two images go through the same network, with the same
weights; each becomes a point, and the distance between the two points decides">
<g class="boxes"><rect x="2" y="20" width="70" height="70" rx="8"></rect>
<rect x="2" y="130" width="70" height="70" rx="8"></rect>
<path d="M142 15L262 35V75L142 95Z"></path><path d="M142 125L262 145V185L142 205Z"></path></g>
<path class="ink" d="M37 34V76"></path><ellipse class="ink" cx="37" cy="165" rx="12" ry="21"></ellipse>
<g class="arrows"><path d="M78 55H134"></path><path d="M78 165H134"></path><path d="M268 55H340"></path>
<path d="M268 165H340"></path><path d="M440 110H520"></path></g>
<path class="shared" d="M202 92V128"></path>
<circle class="point" cx="356" cy="55" r="8"></circle><rect class="point" x="348" y="157" width="16" height="16"></rect>
<path class="gap" d="M356 69V151"></path>
<text x="202" y="60" text-anchor="middle">network</text><text x="202" y="170" text-anchor="middle">network</text>
<text x="212" y="115">same weights</text><text x="372" y="115">distance</text>
<text x="528" y="102">near: same</text><text x="528" y="126">far: different</text>
</svg>
"""


def about(config: ModelFolderConfig) -> str:
    """The drawing with its explanation, and the facts of the model: data, accuracy with its interval, limits."""
    data, metrics, encoder = config.data, config.metrics, config.encoder
    facts = {
        "Trained on": f"{data.dataset or 'unknown data'}, {data.training_images:,} images of {data.classes:,} classes"
        if data.training_images
        else data.dataset or "unknown data",
        "Tested on": f"{metrics.same_pairs:,} same and {metrics.different_pairs:,} different pairs of "
        f"{data.test_images:,} images that it had not seen",
        "Judged right": f"{metrics.balanced_accuracy:.2f}% of them, same and different weighing half each (95% interval "
        f"{metrics.balanced_accuracy_low:.2f} to {metrics.balanced_accuracy_high:.2f}%)",
        "Equal error rate": f"{metrics.equal_error_rate:.2f}%",
        "Confidence": f"off by {metrics.calibration_error:.2f} percentage points on average, on such pairs",
        "Network": f"{encoder.name}, {config.training.parameters:,} weights, {encoder.embedding_dim} numbers for an image "
        f"of {encoder.image_size} x {encoder.image_size} px",
        "Limits": "It answers for any two images, but knows only what it was trained on: on other signs or pictures it "
        "errs more often, and its confidence is too high.",
    }
    if not metrics.same_pairs:
        for name in ("Tested on", "Judged right", "Equal error rate", "Confidence"):
            del facts[name]
    rows = "".join(f"<dt>{name}</dt><dd>{html.escape(text)}</dd>" for name, text in facts.items())
    return (
        "<details><summary>How it works</summary><div class='explained'>"
        f"<div>{_DRAWING}<p>Both images go through one and the same network, hence the name. It was trained to put images "
        "of one class close together and those of different classes far apart, so it can also judge classes that it never "
        "saw. Where the distance is at most the threshold, the answer is <b>same</b>: the farther from it, the surer.</p>"
        f"</div><dl>{rows}</dl></div></details>"
    )


CSS = """
#about .html-container { padding: 0 !important; }
#about summary { cursor: pointer; font-weight: 600; font-size: 1rem; color: var(--body-text-color); padding: 8px 0; }
.explained { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 16px 32px; margin-top: 8px; }
.explained p { color: var(--body-text-color); margin: 12px 0 0; }
.explained dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 8px 16px; margin: 0;
  align-content: start; font-size: .875rem; }
.explained dt { color: var(--quiet); }
.explained dd { margin: 0; color: var(--body-text-color); overflow-wrap: anywhere; }
.branches { width: 100%; height: auto; font-size: 15px; }
.branches text { fill: var(--body-text-color); }
.branches .boxes * { fill: var(--background-fill-secondary); stroke: var(--quiet); stroke-width: 1.5; }
.branches .ink { fill: none; stroke: var(--body-text-color); stroke-width: 5; stroke-linecap: round; }
.branches .arrows { stroke: var(--quiet); stroke-width: 2; }
.branches .shared { stroke: var(--quiet); stroke-width: 2; stroke-dasharray: 4 4; }
.branches .point { fill: var(--same); }
.branches rect.point { fill: var(--different); }
.branches .gap { stroke: var(--body-text-color); stroke-width: 2; stroke-dasharray: 2 4; }
@media (max-width: 639px) {
  .explained { grid-template-columns: minmax(0, 1fr); }
  .branches { font-size: 24px; }
}
"""
