"""HTML of what explains the network and its numbers. Pure functions."""

import html

from siamese.config import ModelFolderConfig
from siamese.demo.header import trained_on
from siamese.evaluation.bootstrap import interval_in_words
from siamese.inputs import INPUTS, reworded

# How classes are recognised from an example, by the page that an input has.
RECOGNISED = {"images": "the tab Recognise", "numbers": "siamese one-shot in a terminal, and Gallery in Python"}
PICTURES_SEEN = {"ink": "the drawing, centred", "photo": "the whole picture"}  # by the mode of the preprocessing


def about(model: str, config: ModelFolderConfig) -> str:
    """How a siamese network works, as a drawing and in words, and what is known of this model."""
    kind = INPUTS[config.preprocess.mode]
    explained = reworded(
        "<p>Both images go through the <b>same encoder with the same weights</b>: that is what makes the network siamese. "
        f"It turns each into {config.encoder.embedding_dim} numbers, a point. Training moves points of one class together "
        "and points of different classes apart.</p>"
        "<p>Two images are called <b>same</b> where the distance between their points is at most the threshold. Which image "
        "comes first makes no difference, and an image has the distance 0 from itself.</p>"
        "<p>The <b>confidence</b> is a function of the distance, fitted on pairs that the training never saw. It is "
        "50% just at the threshold, so that verdict and confidence cannot disagree.</p>"
        "<p>Since classes are places, a new class needs no training: an example of it is enough. "
        f"That is {RECOGNISED[kind.page]}.</p>",
        kind.noun,
    )
    measured = reworded(
        '<p class="rates">It answers for any two images, but accuracy and confidence were measured on images of its own '
        "kind, with same and different pairs counted equally. On anything else it is more certain than it should be.</p>",
        kind.noun,
    )
    return (
        f'<h2>One network, used twice</h2><div class="explained">{_drawing(config)}<div>{explained}</div></div>'
        f'<h2>The model {html.escape(model)}</h2><dl class="facts">{_facts(config)}</dl>{measured}'
    )


def _facts(config: ModelFolderConfig) -> str:
    metrics, training, encoder, kind = config.metrics, config.training, config.encoder, INPUTS[config.preprocess.mode]
    facts = {"Trained on": trained_on(config).removeprefix("trained on ")}
    if metrics.same_pairs + metrics.different_pairs:
        interval = interval_in_words(metrics, "balanced_accuracy", 2, config.data.split, "%", "95% interval ")
        facts |= {
            "Pairs judged correctly": f"{metrics.balanced_accuracy:.2f}% ({interval})",
            "Measured on": f"{metrics.same_pairs:,} same and {metrics.different_pairs:,} different pairs of "
            f"{config.data.test_images:,} test {kind.noun}s",
            "Different pairs called same": f"{metrics.false_accept_rate:.2f}%",
            "Same pairs called different": f"{metrics.false_reject_rate:.2f}%",
            "Equal error rate": f"{metrics.equal_error_rate:.2f}%",
            "Error of the confidence": f"{metrics.calibration_error:.2f}% on average",
        }
    sees = f"{encoder.image_size} x {encoder.image_size} px, {'colour' if encoder.channels == 3 else 'grey'}"
    of_pictures = PICTURES_SEEN.get(config.preprocess.mode)
    facts |= {
        "What it sees": f"{sees}; {of_pictures}" if of_pictures else kind.describe(config.preprocess, encoder),
        "Network": f"{encoder.name}, {training.parameters:,} parameters" if training.parameters else encoder.name,
    }
    return "".join(f"<div><dt>{name}</dt><dd>{html.escape(value)}</dd></div>" for name, value in facts.items())


def _drawing(config: ModelFolderConfig) -> str:
    def branch(y: int, name: str, path: str) -> str:
        passing = f'<circle class="passing" r="4" cx="0" cy="0" style="offset-path: path(\'M68 {y + 32}H230\')"></circle>'
        return (
            f'<rect class="paper" x="2" y="{y}" width="64" height="64" rx="6"></rect><path class="stroke" d="{path}"></path>'
            f'<image class="own" x="6" y="{y + 4}" width="56" height="56"></image>'
            f'<text x="34" y="{y + 80}">{name}</text><path class="arrow" d="M70 {y + 32}h26" marker-end="url(#tip)"></path>'
            f'<path class="encoder" d="M104 {y}l84 14v36l-84 14z"></path><text x="146" y="{y + 37}">encoder</text>'
            f'<path class="arrow" d="M192 {y + 32}h22" marker-end="url(#tip)"></path>'
            f'<rect class="numbers" x="222" y="{y + 2}" width="18" height="60" rx="3"></rect>'
            f'<path class="ticks" d="M222 {y + 17}h18m-18 15h18m-18 15h18"></path>{passing}'
        )

    return (
        f'<svg class="network" viewBox="0 0 446 236" role="img" aria-label="Two {INPUTS[config.preprocess.mode].noun}s go '
        "through two encoders with the same weights; the distance between the two results, against a threshold, says "
        'whether they are same or different">'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0l8 4l-8 4z"></path></marker></defs>'
        f"{branch(4, 'first', 'M26 24l12 -10v44')}{branch(148, 'second', 'M22 166q14 -12 22 0q4 14 -24 34h28')}"
        '<path class="shared" d="M146 70v74"></path><text x="146" y="104" class="on-line">same</text>'
        '<text x="146" y="120" class="on-line">weights</text>'
        f'<text x="231" y="112">{config.encoder.embedding_dim}</text><text x="231" y="128">numbers</text>'
        '<path class="arrow" d="M244 36q40 10 54 56" marker-end="url(#tip)"></path>'
        '<path class="arrow" d="M244 180q40 -10 54 -46" marker-end="url(#tip)"></path>'
        '<text x="306" y="116" class="big" data-distance>distance</text>'
        '<path class="arrow" d="M344 112h14" marker-end="url(#tip)"></path>'
        '<text x="394" y="88" data-answer="same">near: same</text><path class="limit" d="M364 112h62"></path>'
        '<text x="394" y="146" data-answer="different">far: different</text>'
        '<text x="394" y="106" class="small">threshold</text></svg>'
    )
