"""Which columns of a dataset are meant, and what its rows become: on the real features of the library `datasets`."""

import re
import sys

import pytest

from siamese.data.own_images import ANYTHING, HubChoices
from siamese.hub.errors import HubError
from siamese.hub.rows import choose_columns, safe_name, write_rows

datasets = pytest.importorskip("datasets", reason="needs the extra siamese[datasets]")

IMAGE, TEXT, NUMBER, FLAG = datasets.Image(), datasets.Value("string"), datasets.Value("int64"), datasets.Value("bool")
CLASSES = datasets.ClassLabel(names=["oak", "birch"])


@pytest.mark.parametrize(
    ("features", "choices", "images", "label"),
    [
        ({"image": IMAGE, "label": CLASSES}, {}, ("image",), "label"),
        ({"img": IMAGE, "tree": CLASSES, "id": NUMBER, "note": TEXT}, {}, ("img",), "tree"),
        ({"image": IMAGE, "species": TEXT, "note": TEXT}, {}, ("image",), "species"),
        ({"image": IMAGE, "anything": TEXT}, {}, ("image",), "anything"),
        ({"image": IMAGE, "a": CLASSES, "b": CLASSES}, {"label_column": "b"}, ("image",), "b"),
        ({"left": IMAGE, "right": IMAGE, "label": CLASSES}, {"image_column": "right"}, ("right",), "label"),
        ({"left": IMAGE, "right": IMAGE, "same": FLAG, "note": TEXT}, {}, ("left", "right"), "same"),
        ({"image": {"bytes": datasets.Value("binary"), "path": TEXT}, "label": NUMBER}, {}, ("image",), "label"),
    ],
)
def test_columns_are_found_where_there_is_one_choice(features, choices, images, label):
    found = choose_columns("ada/trees", datasets.Features(features), HubChoices(**choices))
    assert (found.images, found.label) == (images, label)


@pytest.mark.parametrize(
    ("features", "choices", "message"),
    [
        ({"text": TEXT}, {}, "ada/trees has no column of images, nor of numbers, only: text"),
        ({"image": IMAGE}, {}, "has no column that names the class of an image, only: image"),
        (
            {"image": IMAGE, "size": datasets.Value("float32")},
            {},
            "has no column that names the class of an image, only: image, size",
        ),
        ({"image": IMAGE, "a": CLASSES, "b": CLASSES, "c": CLASSES}, {}, "name it with --label-column: a, b, c"),
        ({"a": IMAGE, "b": IMAGE, "c": IMAGE}, {}, "several columns of images; name one with --image-column: a, b, c"),
        (
            {"image": IMAGE, "label": CLASSES},
            {"label_column": "genus"},
            "no column 'genus' (--label-column), allowed: image, label",
        ),
        (
            {"image": IMAGE, "label": CLASSES},
            {"image_column": "label"},
            "column label of ada/trees holds no images, allowed: image",
        ),
        (
            {"image": IMAGE, "label": CLASSES},
            {"label_column": "image"},
            "column image of ada/trees names no classes, allowed: label",
        ),
    ],
)
def test_what_is_not_clear_is_asked_for(features, choices, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        choose_columns("ada/trees", datasets.Features(features), HubChoices(**choices))


@pytest.mark.parametrize(
    ("text", "name"), [("a/b", "a_b"), ("..", ""), ("../x", "_x"), (" oak ", "oak"), ("x" * 99, "x" * 60)]
)
def test_names_of_files_are_safe(text, name):
    assert safe_name(text) == name


def test_without_the_library_its_name_is_said(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(HubError, match=re.escape("pip install datasets, which is the extra siamese[datasets]")):
        write_rows("ada/trees", "main", ANYTHING, tmp_path)
    assert not list(tmp_path.iterdir())
