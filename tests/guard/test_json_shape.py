"""JSON of too many parts is told from what the page sends, without parsing it, and quickly whatever it is."""

import contextlib
import json
import time

import pytest

from siamese.guard.json_shape import DEEPEST, MOST_PARTS, check_shape

FILE = {"path": "/tmp/siamese/" + "0" * 64 + "/a, [b] {c}.png", "meta": {"_type": "gradio.FileData"}, "url": "http://a/b"}


@pytest.mark.parametrize(
    "value",
    [
        None, [], {}, "[" * 100_000, '"' * 1000, "\\" * 1001, ["{[,]}" * 1000] * 100, 10**400, [[FILE] * 32],
        [[None] * 10_000] * 2, [1] * 9_000,
        {"data": [[FILE] * 32, "data:image/png;base64," + "A" * 400_000], "event_data": {"pair": "3"}},
    ],
)  # fmt: skip
def test_what_the_page_and_programs_send_passes(value):
    for text in (json.dumps(value), json.dumps(value, indent=4, ensure_ascii=False)):
        check_shape(text.encode())


@pytest.mark.parametrize(
    "body",
    [
        b"[]," * 300_000, b"[" * 1_000_000, b'{"a":' * 100_000, b"[1," * 100, b'"a",' * 300_000, b"{}" * 500_000,
        b'["\\\\",[' + b"[" * 1000, b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), b"1," * (MOST_PARTS + 1),
    ],
)  # fmt: skip
def test_what_would_take_long_to_parse_is_refused_in_a_sentence(body):
    with pytest.raises(ValueError, match="which is what is allowed"):
        check_shape(body)


def test_parts_are_counted():
    assert [check_shape(body) for body in (b"", b"1", b"[]", b'{"a": [1, 2]}', b'["[,]"]')] == [0, 0, 2, 6, 3]


@pytest.mark.parametrize("unit", [b'"', b"\\", b'\\"', b'"\\', b"[", b"]", b"\xff", b" ", b'"a\\"', b"\n", b'",'])
def test_no_body_takes_long_to_look_through(unit):
    """A second is a thousand times what it takes, and a thousandth of what it would take if the time were quadratic."""
    started = time.perf_counter()
    for body in (unit * (1_000_000 // len(unit)), b'"' + unit * (1_000_000 // len(unit)), b'["' + unit * 400_000):
        with contextlib.suppress(ValueError):
            check_shape(body)
    assert time.perf_counter() - started < 1
