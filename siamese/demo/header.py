"""HTML on top of the page, and what is said of a model in words. Pure functions; what is not ours is escaped."""

import html
from pathlib import Path

from siamese.config import ModelFolderConfig, one_line
from siamese.inputs import INPUTS, asking


def header(model: str, config: ModelFolderConfig, notice: str = "") -> str:
    """Title, what the page does, which model with what measured accuracy, and a notice about that, if any."""
    metrics, kind = config.metrics, INPUTS[config.preprocess.mode]
    pairs = metrics.same_pairs + metrics.different_pairs
    measured = "accuracy not measured"
    if pairs:
        measured = (
            f"<b>{metrics.balanced_accuracy:.2f}%</b> of pairs judged correctly "
            f'<span class="rest">(balanced, {"" if config.data.pairs else "all "}{pairs:,} pairs of '
            f"{config.data.test_images:,} test {kind.noun}s)</span>"
        )
    told = (
        f'<span class="lead">Model </span><b>{html.escape(model)}</b> · {measured} '
        f'<span class="rest">· {html.escape(trained_on(config))}</span>'
    )
    return (
        "<h1>Same or different?</h1>"
        f"<p>{asking(kind.ways(config.preprocess))} two {kind.noun}s: a siamese network says whether they show the same "
        "thing, and how sure it is.</p>"
        f'<p class="model">{told}</p>' + (f'<p class="notice" role="alert">{html.escape(notice)}</p>' if notice else "")
    )


def trained_on(config: ModelFolderConfig) -> str:
    """What the weights were fitted to, in words: how many images of what."""
    data = config.data
    if not data.training_images:
        return "training data not recorded"
    name, noun = one_line(Path(data.dataset).name, 60), INPUTS[config.preprocess.mode].noun
    if data.split == "pairs":
        return f"trained on {data.pairs:,} labelled pairs of {data.training_images:,} {noun}s ({name})"
    return f"trained on {data.training_images:,} {noun}s of {data.classes:,} classes ({name})"
