"""What stands on top of the page: the model by name, and no accuracy that nobody measured."""

import math

import pytest
from number_models import model_of_strokes
from page_elements import HOSTILE, Elements

from siamese.config import DataRecord, EncoderConfig, ModelFolderConfig
from siamese.demo.header import header
from siamese.verifier import Verifier


def test_the_header_names_the_model_and_what_was_measured(bundled_folder):
    verifier = Verifier.from_pretrained(bundled_folder)
    text = Elements(header(verifier.name, verifier.config)).text
    metrics = verifier.config.metrics
    pairs = math.comb(verifier.config.data.test_images, 2)
    assert "Model digits" in text
    assert f"{metrics.balanced_accuracy:.2f}% of pairs" in text
    assert f"all {pairs:,} pairs of {verifier.config.data.test_images:,} test images" in text


def test_the_header_asks_for_what_the_model_takes():
    text = Elements(header("mine", model_of_strokes().config)).text
    assert "Draw, upload or paste two sequences: a siamese network says" in text
    assert "image" not in text


def test_the_header_claims_no_accuracy_that_nobody_measured():
    text = Elements(header("mine", ModelFolderConfig(encoder=EncoderConfig("compact", 16)))).text
    assert "accuracy not measured" in text
    assert "%" not in text


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({}, "training data not recorded"),
        ({"dataset": "mnist", "training_images": 54001, "classes": 10}, "trained on 54,001 images of 10 classes (mnist)"),
        ({"dataset": f"/home/me/{HOSTILE}", "training_images": 5, "classes": 2}, "trained on 5 images of 2 classes"),
        ({"dataset": "a.csv", "training_images": 9, "pairs": 4, "split": "pairs"}, "trained on 4 labelled pairs of 9"),
    ],
    ids=["nothing", "digits", "hostile", "pairs"],
)
def test_the_header_says_what_the_model_was_trained_on(record, words):
    config = ModelFolderConfig(encoder=EncoderConfig("compact", 16), data=DataRecord(**record))
    elements = Elements(header("mine", config))
    assert words in elements.text
    assert "/home" not in elements.text
    assert all(tag != "script" for tag, _ in elements.elements)


def test_the_name_of_a_model_is_text():
    elements = Elements(header(HOSTILE, ModelFolderConfig(encoder=EncoderConfig("compact", 16))))
    assert HOSTILE in elements.text
    assert all(tag != "script" for tag, _ in elements.elements)
