"""Models, and examples that they were shown."""

import numpy as np
import pytest

from siamese import Verifier
from siamese.demo.recognise import taught


@pytest.fixture(scope="module")
def models(verifier, bundled_folder) -> dict[str, Verifier]:
    """A model of one's own, and another."""
    bundled = Verifier.from_pretrained(bundled_folder)
    return {verifier.name: verifier, bundled.name: bundled}


@pytest.fixture(scope="module")
def examples(models, digits) -> tuple[taught.Example, ...]:
    """Two examples each of a four and a seven."""
    images, labels = digits
    known = ()
    for digit, name in ((4, "four"), (7, "seven")):
        for index in np.flatnonzero(labels == digit)[:2]:
            known = taught.teach(known, name, images[index], models, "model")
    return known
