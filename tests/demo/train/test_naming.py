"""A model is called as its visitor wants, by a name that is safe anywhere, or as before."""

from types import SimpleNamespace

import pytest
from page_elements import HOSTILE_NAMES

from siamese.demo.train.naming import Wishes


@pytest.fixture
def space():
    class Space(SimpleNamespace):
        __hash__ = object.__hash__

    return Space()


def test_a_model_has_the_name_that_was_wished_for_until_another_is(space):
    wishes = Wishes()
    assert wishes.name_of(space, "my-model-1.zip", ()) == "my-model-1.zip"
    assert wishes.take(space, "  Cats   and dogs ") == ""
    assert wishes.name_of(space, "my-model-1.zip", ()) == "Cats and dogs.zip"
    assert wishes.name_of(space, "my-model-2.zip", ()) == "Cats and dogs (2).zip"  # another model
    assert wishes.name_of(space, "my-model-3.zip", ["Cats and dogs (3).zip"]) == "Cats and dogs (4).zip"
    assert wishes.take(space, "") == ""
    assert wishes.name_of(space, "my-model-2.zip", ()) == "my-model-2.zip"
    assert wishes.take(None, "too early") == ""


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=ascii)
def test_whatever_a_model_is_called_its_file_lies_where_it_should(name, space):
    wishes = Wishes()
    said = wishes.take(space, name)
    found = wishes.name_of(space, "default.zip", ())
    assert "\n" not in said
    if said:
        assert said.startswith("the name of the model is ")
        assert found == "default.zip"
    assert not set(found) & set("<>\"'/\\:;|&$`{}\x00\n\r\u202e=%~")
    assert not found.startswith(".")
    assert found.endswith(".zip")
    found.encode()
