"""Pictures in text, read strictly."""

import base64

import pytest

from siamese.service.schemas import decoded


@pytest.mark.parametrize("beginning", ["", "data:image/png;base64,", "data:image/svg+xml;charset=utf-8;base64,"])
def test_base64_is_read_with_and_without_the_beginning_of_a_data_url(beginning):
    content = bytes(range(256)) * 3
    assert decoded(beginning + base64.b64encode(content).decode()) == content
    assert decoded(content) == content


@pytest.mark.parametrize("value", ["a", "a b=", "\u00e4\u00e4", "https://x.example/a.png", "file:///a", 3, None, []])
def test_all_else_is_refused(value):
    with pytest.raises(ValueError, match="allowed: base64"):
        decoded(value)
