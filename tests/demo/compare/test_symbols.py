"""The signs to try: each twice, by two hands, and within the paper."""

import numpy as np
import pytest

from siamese import Verifier
from siamese.demo.compare.opening import drawing
from siamese.demo.compare.symbols import SYMBOLS


@pytest.fixture(scope="module")
def glyphs() -> Verifier:
    return Verifier.from_pretrained("glyphs")


@pytest.mark.parametrize("name", SYMBOLS)
def test_each_sign_is_drawn_twice_and_within_the_paper(name, glyphs):
    first, second = (np.asarray(drawing(strokes)) for strokes in SYMBOLS[name])
    assert (first != second).any()
    for image in (first, second):
        assert image.min() == 0
        assert (np.concatenate([image[[0, -1]].ravel(), image[:, [0, -1]].ravel()]) == 255).all()
        assert not glyphs.look(image).remark
