"""The page and answers are compressed for who can read that; streams, files and short answers are sent as they are."""

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from siamese.demo.compression import LEAST, Compression

LONG = "one page, two images: é " * 1000


@pytest.fixture(scope="module")
def server() -> Starlette:
    """Answers whatever it is asked with LONG, and with little where the query says so."""

    async def answer(request) -> PlainTextResponse:
        return PlainTextResponse(LONG[: LEAST - 100] if request.url.query else LONG)

    routes = [Route("/{path:path}", answer, methods=["GET", "POST"])]
    return Starlette(routes=routes, middleware=[Middleware(Compression)])


@pytest.mark.parametrize("root", ["", "/demo"])
@pytest.mark.parametrize("path", ["/", "/config", "/gradio_api/info", "/gradio_api/run/predict"])
def test_texts_are_sent_in_a_tenth_of_the_bytes(path, root, server):
    client = TestClient(server, root_path=root)
    answer = client.post(root + path) if path.endswith("predict") else client.get(root + path)
    assert answer.text == LONG
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert int(answer.headers["content-length"]) < len(LONG) / 10
    plain = client.get(root + path, headers={"Accept-Encoding": "identity"})
    assert (plain.text, plain.headers.get("content-encoding")) == (LONG, None)
    assert client.get(f"{root}{path}?short").headers.get("content-encoding") is None


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/queue/data", "/gradio_api/heartbeat/abc", "/gradio_api/file=/tmp/a.png", "/gradio_api/file=/config",
        "/gradio_api/call/compare/0", "/assets/index.js", "/thumbnail.png", "/v1/embed",
    ],
)  # fmt: skip
def test_streams_and_files_are_sent_as_they_are(path, server):
    answer = TestClient(server).get(path)
    assert (answer.text, answer.headers.get("content-encoding")) == (LONG, None)
