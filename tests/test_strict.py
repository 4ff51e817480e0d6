"""Reading strictly: siamese.config is read so, see tests/test_config.py; here, what else asks for it."""

from dataclasses import dataclass

import pytest

from siamese.strict import check_choice, check_range, from_dict, parse_json


@dataclass(frozen=True)
class Point:
    """Something to read."""

    place: tuple[int, ...] | None
    name: str = ""


def test_tuples_and_nothing_come_back():
    assert from_dict(Point, {"place": [1, 2], "name": "a"}, "it") == Point((1, 2), "a")
    assert from_dict(Point, {"place": None, "name": ""}, "it") == Point(None)


def test_a_name_that_occurs_twice_is_refused():
    with pytest.raises(ValueError, match="the name 'a' occurs twice"):
        parse_json('{"a": 1, "a": 2}')


def test_what_is_out_of_range_is_named_with_what_is_allowed():
    with pytest.raises(ValueError, match="size is 3, allowed: 1 to 2"):
        check_range("size", 3, 1, 2)
    with pytest.raises(ValueError, match="kind is 'c', allowed: a, b"):
        check_choice("kind", "c", ("a", "b"))
