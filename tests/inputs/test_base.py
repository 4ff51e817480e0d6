"""The contract of inputs: what every kind of them has."""

import numpy as np
import pytest
import torch

from siamese.config import NUMBER_MODES, PREPROCESS_MODES
from siamese.encoders import ENCODERS, ENCODERS_OF_NUMBERS
from siamese.images import canonical
from siamese.inputs import INPUTS, asking, reworded, to_tensor


def test_every_mode_has_an_input_and_every_encoder_takes_one():
    assert tuple(INPUTS) == (*PREPROCESS_MODES, *NUMBER_MODES)
    assert {encoder.takes for encoder in (ENCODERS | ENCODERS_OF_NUMBERS).values()} == {
        each.kind for each in INPUTS.values()
    }
    assert all(encoder.takes == "images" for encoder in ENCODERS.values())


def test_images_become_tensors_as_ever_and_numbers_stay_what_they_are(digits):
    assert torch.equal(to_tensor(digits[0][:3]), canonical.to_tensor(digits[0][:3]))
    numbers = np.random.default_rng(0).normal(size=(3, 5, 2)).astype(np.float32)
    assert np.array_equal(to_tensor(numbers).numpy(), numbers)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("an image of 3 images", "a row of 3 rows"),
        ("Images of a picture", "Rows of a row"),
        ("{pictures} and imagery in image_size", "{pictures} and imagery in image_size"),
    ],
)
def test_words_on_images_become_words_on_others(text, expected):
    assert reworded(text, "row") == expected
    assert reworded(text, "image") == text


def test_ways_are_asked_for_in_a_sentence():
    assert asking(("upload",)) == "Upload"
    assert asking(("draw", "upload")) == "Draw or upload"
    assert asking(("draw", "upload", "paste")) == "Draw, upload or paste"
