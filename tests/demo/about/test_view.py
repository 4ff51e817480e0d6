"""How it works: what is said is so, and what is not ours is escaped."""

from number_models import model_of_strokes
from page_elements import HOSTILE, Elements

from siamese import Verifier
from siamese.config import DataRecord, EncoderConfig, Metrics, ModelFolderConfig
from siamese.demo.about.view import about


def test_the_facts_are_those_of_the_config(bundled_folder):
    verifier = Verifier.from_pretrained(bundled_folder)
    shown = about(verifier.name, verifier.config)
    metrics, encoder = verifier.config.metrics, verifier.config.encoder
    for text in (
        "The model digits (bundled)",
        f"{metrics.balanced_accuracy:.2f}% (95% interval",
        f"{metrics.same_pairs:,} same and {metrics.different_pairs:,} different",
        f"{encoder.image_size} x {encoder.image_size} px, grey",
        f"{verifier.config.training.parameters:,} parameters",
        f">{encoder.embedding_dim}</text>",
    ):
        assert text in shown


def test_of_what_was_not_measured_nothing_is_said():
    shown = about("mine", ModelFolderConfig(encoder=EncoderConfig("compact", 16)))
    assert "training data not recorded" in shown
    assert "95% interval" not in shown


def test_a_missing_interval_has_its_reason_in_its_place():
    metrics = Metrics(10, 20, 81.11, None, None, roc_auc=0.9)
    shown = about("mine", ModelFolderConfig(metrics=metrics, data=DataRecord(split="classes", test_classes=2)))
    assert "81.11% (no interval: too few test classes)" in shown


def test_names_are_text():
    config = ModelFolderConfig(data=DataRecord(dataset=HOSTILE, training_images=5, classes=2))
    shown = about(HOSTILE, config)
    assert "<script" not in shown
    assert "alert(" in shown


def test_a_model_of_numbers_is_explained_without_pictures():
    config = model_of_strokes().config
    text = Elements(about("mine", config)).text
    assert "Both sequences go through the same encoder" in text
    assert "a sequence has the distance 0 from itself" in text
    assert "sequences of 3 columns, resampled to 32 steps" in text
    assert "image" not in text
