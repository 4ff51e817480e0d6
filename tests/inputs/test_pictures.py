"""Images under the contract of inputs: the same as siamese.images by itself."""

import numpy as np

from siamese.config import EncoderConfig, PreprocessConfig
from siamese.images.canonical import read_image
from siamese.images.load import load_image
from siamese.inputs import INPUTS


def test_an_image_is_read_drawn_and_described_as_ever(digits):
    image, preprocess, encoder = np.pad(255 - digits[0][0], 20, constant_values=255), PreprocessConfig(), EncoderConfig()
    seen, remark = INPUTS["ink"].read(image, preprocess, encoder)
    expected, remark_expected = read_image(load_image(image), preprocess, 28, 1)
    assert np.array_equal(seen, expected)
    assert remark == remark_expected
    assert INPUTS["ink"].draw(seen, preprocess) is seen
    assert INPUTS["photo"].describe(PreprocessConfig("photo"), EncoderConfig(channels=3)) == "photo, 28 x 28 px, colour"
