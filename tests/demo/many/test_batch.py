"""Many images at once: the distances of verify, reasons for what cannot be used, and a table that says the same."""

import csv
import io
import re
from base64 import b64decode

import numpy as np
import pytest

from siamese.demo.many import view
from siamese.demo.many.batch import MAX_IMAGES, look_at_all

HOSTILE = "<img src=x onerror=alert(1)>,\"'"


def test_distances_are_those_of_verify_whatever_else_is_in_the_batch(verifier, digits):
    images = list(digits[0][:5])
    batch, problems = look_at_all(verifier, images, "abcde")
    expected = [[verifier.verify(a, b).distance for b in images] for a in images]
    assert batch.distances() == pytest.approx(np.array(expected), abs=1e-4)
    assert (batch.distances() == batch.distances().T).all()
    assert problems == {}


def test_what_cannot_be_used_is_named_and_the_rest_goes_on(verifier, digits, tmp_path):
    (tmp_path / "text.png").write_text("text")
    images = [digits[0][0], tmp_path / "text.png", np.zeros((28, 28), np.uint8), digits[0][1]]
    batch, problems = look_at_all(verifier, images, ["a", "text.png", "c", "d"])
    assert batch.distances().shape == (2, 2)
    assert problems[1].startswith("'text.png' is not an image")
    assert problems[2].startswith("c: the image is blank")
    batch, problems = look_at_all(verifier, images[1:2], ["text.png"])
    assert batch.distances().shape == (0, 0)
    with pytest.raises(ValueError, match=f"at most {MAX_IMAGES}"):
        look_at_all(verifier, [digits[0][0]] * (MAX_IMAGES + 1), ["a"] * (MAX_IMAGES + 1))


def test_the_table_frames_what_is_called_same_and_the_csv_holds_every_number(digits):
    distances = np.array([[0, 0.5, 1.2], [0.5, 0, 0.8], [1.2, 0.8, 0]], np.float32)
    names = ["a.png", HOSTILE, "c.png"]
    shown = view.matrix(names, digits[0][:3], distances, 0.8, [HOSTILE])
    assert "<img src=x" not in shown
    assert shown.count('class="near"') == 3 + 2 * 2  # the diagonal, and at most the threshold
    assert shown.count('class="far"') == 2
    assert "<b>2</b> of 3 pairs" in shown
    (data,) = re.findall(r"data:text/csv;base64,([^\"]+)", shown)
    head, *rows = csv.reader(io.StringIO(b64decode(data).decode()))
    assert head == ["", *names]
    assert [row[0] for row in rows] == names
    assert np.array([row[1:] for row in rows], float) == pytest.approx(distances, abs=1e-6)


@pytest.mark.parametrize("names", [[], ["one.png"]])
def test_fewer_than_two_images_have_no_table(names, digits):
    shown = view.matrix(names, digits[0][: len(names)], np.zeros((len(names),) * 2), 0.8, ["b.png: no image"])
    assert "<table" not in shown
    assert "b.png: no image" in shown
