"""Which of the framework's routes are open: those that the page and programs need. All others are not found."""

import re
from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    """What a request costs, and what it may bring."""

    PAGE = "the page"  # which is one: Gradio fails at the name of another in the query
    FILE = "a file of the page"  # the browser asks for many of them at once
    READ = "an answer without work, or a stream"
    JSON = "a request for work"
    UPLOAD = "files"
    TOOL = "a request of an assistant, whose pictures are inside"
    PICTURES = "a request of a program, whose pictures are inside"


class Route(NamedTuple):
    """One of them."""

    methods: str  # separated by spaces
    path: re.Pattern  # the whole of it, decoded, without the prefix of a proxy
    kind: Kind


API = "/gradio_api"
SESSION = "[A-Za-z0-9_-]{1,64}"  # as browsers and the Python client make them up


def open_routes(endpoints: Sequence[str], with_login: bool = False, with_tools: bool = False) -> list[Route]:
    """All that is open: for `endpoints` by their names, the login to the Hub, and assistants (MCP)."""
    names = "|".join(map(re.escape, endpoints))
    found = [
        ("GET HEAD", "/", Kind.PAGE),
        ("GET", r"/(assets|static|svelte)/.+|/favicon\.ico|/manifest\.json|/robots\.txt|/thumbnail\.png", Kind.FILE),
        ("GET", rf"({API})?/theme\.css", Kind.FILE),
        ("GET HEAD", "/health", Kind.FILE),
        ("GET", f"/config/?|{API}/(info/?|openapi\\.json|app_id|startup-events|queue/status)", Kind.READ),
        ("GET", f"{API}/heartbeat/{SESSION}", Kind.READ),
        ("GET", f"{API}/(queue/data|upload_progress)", Kind.READ),
        ("GET HEAD", f"{API}/file=(?!(?i:https?:))[^\\0]+", Kind.FILE),  # an address would be fetched by the server
        ("POST", f"{API}/(queue/join|run/predict|cancel|reset/?)", Kind.JSON),
        ("POST", f"{API}/call/(v2/)?({names})/?", Kind.JSON),
        ("GET", f"{API}/call/(v2/)?({names})/[0-9a-f]{{32}}", Kind.READ),
        ("POST", f"{API}/upload", Kind.UPLOAD),
    ]
    if with_login:
        found += [("GET", r"/(login/(huggingface|callback)|logout)", Kind.READ)]
    if with_tools:
        found += [("GET HEAD DELETE POST", f"{API}/mcp(/.*)?", Kind.TOOL)]
    return _routes(found)


def service_routes() -> list[Route]:
    """Those of siamese.service, for programs."""
    return _routes([
        ("POST OPTIONS", "/v1/(compare|embed|distances|identify)", Kind.PICTURES),  # OPTIONS: a browser asks whether it may
        ("GET OPTIONS", "/v1/model", Kind.READ),
        ("GET HEAD", "/health", Kind.FILE),
        ("GET", r"/docs|/v1/openapi\.json|/v1/static/[\w.-]+", Kind.FILE),
    ])  # fmt: skip


def _routes(found: list[tuple[str, str, Kind]]) -> list[Route]:
    return [Route(methods, re.compile(path), kind) for methods, path, kind in found]


def kind_of(method: str, path: str, routes: Sequence[Route]) -> Kind | None:
    """What a request is; None where nothing open fits."""
    fitting = (route.kind for route in routes if method in route.methods.split() and route.path.fullmatch(path))
    return next(fitting, None)


def methods_of(path: str, routes: Sequence[Route]) -> list[str]:
    """With which methods a path is open; none where it is not open at all."""
    return sorted({method for route in routes if route.path.fullmatch(path) for method in route.methods.split()})
