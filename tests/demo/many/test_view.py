"""The table of distances and its CSV hold every number, and names are text."""

import csv
import io
import re
from base64 import b64decode

import numpy as np
import pytest
from page_elements import Elements

from siamese.demo.many import view

HOSTILE = "<img src=x onerror=alert(1)>,\"'"


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


@pytest.mark.parametrize("known", [[True, True], [None, None], [True, False], [False, False]])
def test_images_unlike_all_that_the_model_knows_are_marked(known, digits):
    shown = view.matrix(["a.png", "b.png"], digits[0][:2], np.zeros((2, 2)), 0.8, is_familiar=known)
    count = known.count(False)
    assert shown.count("<b>?</b>") == 2 * count  # in its row and in its column
    assert ("unlike anything this model knows" in shown) == bool(count)
    assert ("One image, marked ?, is unlike" in shown) == (count == 1)


def test_remarks_are_listed_with_the_names_that_they_are_on_and_marked(digits):
    remarks = ["", "seems <b>odd</b>"]
    shown = view.matrix(["a.png", HOSTILE], digits[0][:2], np.zeros((2, 2)), 0.8, (), [True, True], remarks)
    assert shown.count("<b>?</b>") == 2
    text = Elements(shown).text
    assert f"{HOSTILE}, marked ?, seems <b>odd</b>." in text
    assert "unlike anything" not in text
    unlike = view.matrix(["a.png", "b.png"], digits[0][:2], np.zeros((2, 2)), 0.8, (), [False, True], remarks)
    assert unlike.count("<b>?</b>") == 4
    assert "One image, marked ?, is unlike" in Elements(unlike).text


@pytest.mark.parametrize("names", [[], ["one.png"]])
def test_fewer_than_two_images_have_no_table(names, digits):
    shown = view.matrix(names, digits[0][: len(names)], np.zeros((len(names),) * 2), 0.8, ["b.png: no image"])
    assert "<table" not in shown
    assert "b.png: no image" in shown


def test_groups_are_shown_with_their_pictures_and_the_rows_carry_what_they_are_sorted_by(digits):
    names = ["b.png", HOSTILE, "a.png", "c.png"]
    shown = view.matrix(names, digits[0][:4], np.ones((4, 4)), 0.8, groups=[0, 1, 0, 2])
    page = Elements(shown)
    assert "Group 1 2 images" in page.text
    assert "Group 2" not in page.text
    assert "2 images are in no group." in page.text
    rows = [attributes for tag, attributes in page.elements if tag == "tr" and attributes]
    assert [(row["data-place"], row["data-group"], row["data-name"]) for row in rows] == [
        (str(place), group, name) for place, (group, name) in enumerate(zip("0102", names, strict=True))
    ]
    alone = view.matrix(names[:2], digits[0][:2], np.ones((2, 2)), 0.8, groups=[0, 1])
    assert "No two of them are in one group." in Elements(alone).text
