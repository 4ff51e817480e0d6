"""Whose request it is: X-Forwarded-For counts where a trusted proxy sends it, and is nobody's to make up."""

import asyncio

import pytest

from siamese.guard.forwarded import Forwarded, trusted

IN_A_SPACE = {"SPACE_ID": "user/space"}


def seen_by(environment: dict, peer: str, *headers: tuple[str, str]) -> tuple[str, dict]:
    """The address and the headers that the app gets of a request."""
    seen = {}

    async def app(scope: dict, receive: object, send: object) -> None:
        seen.update(scope)

    scope = {
        "type": "http",
        "client": (peer, 5),
        "headers": [(k.encode(), v.encode()) for k, v in headers],
        "scheme": "http",
    }
    asyncio.run(Forwarded(app, trusted(environment))(scope, None, None))
    return seen["client"][0], {name.decode(): value.decode() for name, value in seen["headers"]}


@pytest.mark.parametrize(
    ("environment", "peer", "chain", "visitor"),
    [
        ({}, "203.0.113.7", "198.51.100.1", "203.0.113.7"),  # made up by the visitor
        ({}, "127.0.0.1", "198.51.100.1", "198.51.100.1"),  # a proxy on this machine
        ({}, "127.0.0.1", "6.6.6.6, 198.51.100.1", "198.51.100.1"),  # which adds to what the visitor has made up
        ({}, "10.16.3.80", "198.51.100.1", "10.16.3.80"),  # of a network at home
        (IN_A_SPACE, "10.16.3.80", "198.51.100.1", "198.51.100.1"),
        (IN_A_SPACE, "10.16.3.80", "6.6.6.6, 198.51.100.1, 10.16.9.9", "198.51.100.1"),
        (IN_A_SPACE, "10.16.3.80", "2001:db8::1", "2001:db8::1"),
        ({"FORWARDED_ALLOW_IPS": "172.17.0.0/16"}, "172.17.0.2", "198.51.100.1", "198.51.100.1"),
        ({"FORWARDED_ALLOW_IPS": "172.17.0.0/16"}, "127.0.0.1", "198.51.100.1", "127.0.0.1"),
        ({"FORWARDED_ALLOW_IPS": "*"}, "203.0.113.7", "198.51.100.1", "198.51.100.1"),
    ],
)
def test_the_visitor_is_who_a_trusted_proxy_says(environment, peer, chain, visitor):
    assert seen_by(environment, peer, ("x-forwarded-for", chain))[0] == visitor


def test_links_of_the_page_are_not_made_of_what_a_visitor_sends():
    headers = [("host", "a"), ("x-forwarded-host", "evil.example"), ("x-forwarded-proto", "https"), ("accept", "b")]
    assert seen_by({}, "203.0.113.7", *headers)[1] == {"host": "a", "accept": "b"}
    assert seen_by({}, "127.0.0.1", *headers)[1] == dict(headers)


@pytest.mark.parametrize(
    ("host", "is_kept"),
    [
        ("demo.example.org", True), ("demo.example.org:8443", True), ("[2001:db8::1]:80", True), ("a, b", True),
        ("a" * 64 + ".org", False), ("a" * 300, False), ("xn--\x00", False), ("", False), ("a b", False), ("\u00e9", False),
    ],
)  # fmt: skip
def test_of_a_trusted_proxy_only_a_host_that_there_can_be_is_kept(host, is_kept):
    """Gradio makes a URL of it, and fails at others."""
    _, headers = seen_by({}, "127.0.0.1", ("x-forwarded-host", host), ("x-forwarded-proto", "https"))
    assert ("x-forwarded-host" in headers) is is_kept
    assert headers["x-forwarded-proto"] == "https"
