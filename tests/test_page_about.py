"""The foot of the page: the facts of the model are those of its config, escaped, and none where nothing was measured."""

import dataclasses

from test_page import HOSTILE, Elements

from siamese import Verifier, page_about
from siamese.config import DataRecord, ModelFolderConfig


def test_the_facts_are_those_of_the_model(bundled_folder):
    config = Verifier.from_pretrained(bundled_folder).config
    text = Elements(page_about.about(config)).text
    metrics = config.metrics
    for fact in (
        f"{config.data.training_images:,} images of {config.data.classes:,} classes",
        f"{metrics.balanced_accuracy:.2f}% of them",
        f"{metrics.balanced_accuracy_low:.2f} to {metrics.balanced_accuracy_high:.2f}%",
        f"{metrics.different_pairs:,} different pairs",
        f"{config.training.parameters:,} weights",
    ):
        assert fact in text


def test_what_was_not_measured_is_not_claimed_and_names_are_escaped():
    config = ModelFolderConfig(data=DataRecord(dataset=HOSTILE))
    html = page_about.about(config)
    assert "<script>" not in html
    text = Elements(html).text
    assert HOSTILE in text
    assert "Judged right" not in text
    measured = dataclasses.replace(config, metrics=dataclasses.replace(config.metrics, same_pairs=1, different_pairs=1))
    assert "Judged right" in Elements(page_about.about(measured)).text
