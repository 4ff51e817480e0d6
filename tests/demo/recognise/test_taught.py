"""What visitors teach: limits, other models, and that the nearest class is the one of the gallery."""

import numpy as np
import pytest
from PIL import Image

from siamese import BlankImageError, Gallery
from siamese.demo.recognise import taught


def test_each_model_recognises_as_its_gallery_would(examples, models, digits):
    images, labels = digits
    query = images[np.flatnonzero(labels == 7)[5]]
    for verifier in models.values():
        gallery = Gallery(verifier)
        for digit, name in ((4, "four"), (7, "seven")):
            gallery.enrol(name, [images[index] for index in np.flatnonzero(labels == digit)[:2]])
        found, expected = (
            taught.recognise(examples, verifier.look(query), verifier),
            gallery.identify(query, prototypes=True),
        )
        assert [match.name for match in found.matches] == [match.name for match in expected.matches]
        assert (found.name, found.is_familiar) == (expected.name, expected.is_familiar)
        distances = [match.distance for match in found.matches]
        assert distances == pytest.approx([match.distance for match in expected.matches], abs=1e-3)


def test_a_class_is_forgotten_alone(examples):
    left = taught.forget(examples, "four")
    assert taught.class_names(left) == ["seven"]
    assert len(left) == 2
    assert taught.class_names(examples) == ["four", "seven"]  # what was there before is as it was


def test_the_examples_are_few_and_their_names_short(models, digits):
    known = ()
    for number in range(taught.MAX_CLASSES):
        known = taught.teach(known, f"class {number}", digits[0][number], models, "model")
    with pytest.raises(ValueError, match="10 classes"):
        taught.teach(known, "more", digits[0][0], models, "model")
    for _ in range(taught.MAX_EXAMPLES - 1):
        known = taught.teach(known, " class  1 ", digits[0][1], models, "model")  # spaces make no other class
    with pytest.raises(ValueError, match="class 1 has 5 examples"):
        taught.teach(known, "class 1", digits[0][1], models, "model")
    for name in ("", " \t", "x" * 41):
        with pytest.raises(ValueError, match="1 to 40 characters"):
            taught.teach((), name, digits[0][0], models, "model")
    with pytest.raises(BlankImageError):
        taught.teach((), "blank", Image.new("L", (50, 50), 255), models, "model")
