"""Which routes of the framework are open: what the page needs, and nothing that a new version brings along."""

from collections.abc import Iterator

import gradio as gr
import pytest
from gradio.routes import App

from siamese.demo.api import ENDPOINTS
from siamese.guard.routes import Kind, kind_of, open_routes

# All that Gradio 6.31 serves, by what becomes of it here.
OPEN = {
    "/", "/assets/{path:path}", "/static/{path:path}", "/svelte/{path:path}", "/favicon.ico", "/manifest.json",
    "/robots.txt", "/theme.css", "/config", "/config/", "/gradio_api/theme.css", "/gradio_api/info", "/gradio_api/info/",
    "/gradio_api/openapi.json", "/gradio_api/app_id", "/gradio_api/startup-events", "/gradio_api/queue/status",
    "/gradio_api/heartbeat/{session_hash}", "/gradio_api/queue/data", "/gradio_api/upload_progress",
    "/gradio_api/file={path_or_url:path}", "/gradio_api/queue/join", "/gradio_api/cancel", "/gradio_api/reset",
    "/gradio_api/reset/", "/gradio_api/upload",
}  # fmt: skip
OPEN_FOR_SOME_NAMES = {
    "/gradio_api/run/{api_name}", "/gradio_api/call/{api_name}", "/gradio_api/call/{api_name}/",
    "/gradio_api/call/v2/{api_name}", "/gradio_api/call/v2/{api_name}/", "/gradio_api/call/{api_name}/{event_id}",
    "/gradio_api/call/v2/{api_name}/{event_id}",
}  # fmt: skip
CLOSED = {
    "/openapi.json", "/login", "/login/", "/logout", "/pwa_icon", "/pwa_icon/{size}", "/monitoring", "/monitoring/summary",
    "/monitoring/{key}", "/gradio_api/deep_link", "/gradio_api/user", "/gradio_api/user/", "/gradio_api/login_check",
    "/gradio_api/login_check/", "/gradio_api/token", "/gradio_api/token/", "/gradio_api/app_id/", "/gradio_api/dev/reload",
    "/gradio_api/runs", "/gradio_api/runs/", "/gradio_api/proxy={url_path:path}", "/gradio_api/file/{path:path}",
    "/gradio_api/custom_component/{id}/{environment}/{type}/{file_name}", "/gradio_api/stream/{event_id}",
    "/gradio_api/stream/{event_id}/close", "/gradio_api/stream/{session_hash}/{run}/{component_id}/playlist.m3u8",
    "/gradio_api/stream/{session_hash}/{run}/{component_id}/{segment_id}.{ext}",
    "/gradio_api/stream/{session_hash}/{run}/{component_id}/playlist-file", "/gradio_api/run/{api_name}/",
    "/gradio_api/api/{api_name}", "/gradio_api/api/{api_name}/", "/gradio_api/component_server",
    "/gradio_api/component_server/", "/gradio_api/process_recording", "/gradio_api/vibe-edit", "/gradio_api/vibe-edit/",
    "/gradio_api/undo-vibe-edit", "/gradio_api/undo-vibe-edit/", "/gradio_api/vibe-code", "/gradio_api/vibe-code/",
    "/gradio_api/vibe-starter-queries", "/gradio_api/vibe-starter-queries/",
}  # fmt: skip
ROUTES = open_routes(ENDPOINTS)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")


def served(with_login: bool = False) -> Iterator[tuple[str, set[str]]]:
    """The path and methods of each route of Gradio's, with those of the routers that it includes."""
    with gr.Blocks(analytics_enabled=False) as blocks:
        gr.LoginButton() if with_login else gr.Textbox()
    blocks.run_history = False  # as launch is told to

    def walk(routes: list) -> Iterator[tuple[str, set[str]]]:
        for route in routes:
            if hasattr(route, "original_router"):
                yield from walk(route.original_router.routes)
            else:
                yield route.path, set(route.methods)

    yield from walk(App.create_app(blocks).routes)


def filled(path: str, name: str = "x") -> str:
    """A path that a route takes, with values in the places for them."""
    for place in ("{path:path}", "{path_or_url:path}", "{url_path:path}"):
        path = path.replace(place, "a/b.js")
    path = path.replace("{api_name}", name).replace("{event_id}", "0" * 32).replace("{environment}", "client")
    for place in ("{id}", "{type}", "{file_name}", "{key}", "{size}", "{session_hash}", "{run}", "{component_id}"):
        path = path.replace(place, "7")
    return path.replace("{segment_id}.{ext}", "7.ts")


def test_all_routes_of_gradio_are_known_here():
    """A new version may bring more: look what each does, and put it with the open or the closed ones."""
    assert {path for path, _ in served()} == OPEN | OPEN_FOR_SOME_NAMES | CLOSED


def test_a_route_is_open_where_the_page_needs_it_and_closed_otherwise():
    for path, methods in served():
        kinds = [kind_of(method, filled(path), ROUTES) for method in methods]
        assert any(kinds) == (path in OPEN), path


@pytest.mark.parametrize("name", [*ENDPOINTS, "predict"])
def test_endpoints_are_open_by_their_names(name):
    for path in OPEN_FOR_SOME_NAMES:
        method = "GET" if "event_id" in path else "POST"
        is_open = kind_of(method, filled(path, name), ROUTES) is not None
        assert is_open == (name == "predict") if path.startswith("/gradio_api/run") else is_open == (name != "predict")


def test_methods_that_nothing_takes_are_closed():
    for path in OPEN:
        open_to = [method for method in METHODS if kind_of(method, filled(path), ROUTES)]
        assert open_to in (["GET"], ["GET", "HEAD"], ["POST"])


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=http://127.0.0.1/", "/gradio_api/file=HTTPS://a/b", "/gradio_api/heartbeat/" + "a" * 1000,
        "/gradio_api/heartbeat/../x", "//gradio_api/upload", "/gradio_api//upload", "/GRADIO_API/upload", "/upload", "", "*",
        "/gradio_api/call/compare/", "/gradio_api/mcp", "/gradio_api/mcp/", "/login/huggingface", "/assets/", "/health/",
    ],
)  # fmt: skip
def test_what_only_looks_like_an_open_route_is_closed(path):
    assert kind_of("GET", path, ROUTES) is None


def test_a_login_brings_three_routes_more_which_are_open_there_alone(monkeypatch):
    pytest.importorskip("authlib", reason="gradio[oauth] is not installed")
    monkeypatch.setenv("SYSTEM", "spaces")
    monkeypatch.setenv("SPACE_ID", "lab/demo")
    for name in ("OAUTH_CLIENT_ID", "OAUTH_CLIENT_SECRET", "OAUTH_SCOPES", "OPENID_PROVIDER_URL"):
        monkeypatch.setattr(gr.oauth, name, "http://127.0.0.1:1")  # read when it was imported
    found = {path for path, _ in served(with_login=True)}
    login = {"/login/huggingface", "/login/callback", "/logout"}
    assert found == OPEN | OPEN_FOR_SOME_NAMES | CLOSED | login
    with_login = open_routes(ENDPOINTS, with_login=True)
    for path in found:
        without = any(kind_of(method, filled(path), ROUTES) for method in METHODS)
        assert any(kind_of(method, filled(path), with_login) for method in METHODS) == (without or path in login), path
    for path in login:
        assert [method for method in METHODS if kind_of(method, path, with_login)] == ["GET"]


def test_assistants_and_the_login_are_let_in_where_they_are_served():
    with_all = open_routes(ENDPOINTS, with_login=True, with_tools=True)
    for path in ("/login/huggingface", "/login/callback", "/logout"):
        assert kind_of("GET", path, with_all) is Kind.READ
    for path in ("/gradio_api/mcp", "/gradio_api/mcp/", "/gradio_api/mcp/schema", "/gradio_api/mcp/messages/"):
        assert kind_of("POST", path, with_all) is Kind.TOOL
