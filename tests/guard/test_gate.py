"""What the gate lets pass and what it refuses, before an app that says what it got; over ASGI as servers speak it."""

import asyncio
import itertools
import json
import time

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from siamese.guard import gate
from siamese.guard.gate import MAX_JSON, MAX_TOOL, MOST_AT_ONCE, Gate
from siamese.guard.rates import Rates
from siamese.guard.routes import open_routes, service_routes

JOIN, UPLOAD, TOOL = "/gradio_api/queue/join", "/gradio_api/upload", "/gradio_api/mcp/"
MOST_UPLOADED = 2_000_000
LARGEST = {JOIN: MAX_JSON, UPLOAD: MOST_UPLOADED, TOOL: MAX_TOOL}
VISITOR = ("203.0.113.7", 5)


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """No test waits for a refusal."""
    monkeypatch.setattr(gate, "LATE_SECONDS", 0)


async def length(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


async def stream(request: Request) -> StreamingResponse:
    async def pieces():
        for number in range(3):
            yield f"data: {number}\n\n"
            await asyncio.sleep(0.01)

    return StreamingResponse(pieces(), media_type="text/event-stream")


def app() -> Starlette:
    routes = [Route(path, length, methods=["POST"]) for path in (*LARGEST, "/gradio_api/process_recording")]
    return Starlette(routes=[*routes, Route("/gradio_api/queue/data", stream), Route("/dev", length)])


def client(per_minute: int = 0, prefix: str = "", **options) -> TestClient:
    routes = open_routes(["compare"], with_tools=True)
    return TestClient(Gate(app(), routes, MOST_UPLOADED, Rates(per_minute), prefix), client=VISITOR, **options)


@pytest.mark.parametrize("path", LARGEST)
def test_a_body_is_taken_up_to_its_limit_whether_it_says_its_length_or_not(path):
    most, visitor = LARGEST[path], client()
    for body in (bytes(most), iter([bytes(most // 2)] * 2)):
        assert visitor.post(path, content=body).text == str(most)
    for body in (bytes(most + 1), iter([bytes(most)] * 3)):
        answer = visitor.post(path, content=body)
        assert answer.status_code == 413
        assert f"the request is larger than {most:,} bytes, which is what is allowed" in answer.text


def test_a_request_that_is_to_have_no_body_has_none():
    for options in ({"content": b"x"}, {"content": iter([b"x"])}):
        assert client().request("GET", "/gradio_api/queue/data", **options).status_code == 413


def test_json_of_too_many_parts_is_refused_before_it_is_parsed():
    answer = client().post(JOIN, content=b"[]," * 300_000)
    assert answer.status_code == 413
    assert "parts, which is what is allowed" in answer.json()["detail"]
    assert client().post(UPLOAD, content=b"[]," * 300_000).text == "900000", "files are no JSON"


@pytest.mark.parametrize("path", ["/gradio_api/process_recording", "/gradio_api/dev/reload", "/dev", "/monitoring"])
def test_what_is_not_open_is_not_found(path):
    for method in ("GET", "POST"):
        answer = client().request(method, path)
        assert answer.status_code == 404
        assert "the page is at /" in answer.json()["detail"]


@pytest.mark.parametrize(("method", "path", "allowed"), [("GET", UPLOAD, "POST"), ("TRACE", "/health", "GET, HEAD")])
def test_a_method_that_is_not_for_an_open_address_is_told_which_are(method, path, allowed):
    answer = client().request(method, path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)
    assert answer.json()["detail"] == f"the method '{method}' is not for this address, allowed: {allowed}"


def test_behind_a_proxy_that_keeps_its_prefix_the_same_is_open():
    visitor = client(prefix="/demo/")
    assert visitor.post("/demo" + JOIN, content=b"{}").status_code == 404, "of the app: this one knows no prefix"
    assert visitor.post("/demo" + JOIN, content=b"{}").text == "Not Found"
    assert "the page is at /" in visitor.post("/demo/gradio_api/process_recording").text
    assert "the page is at /" in visitor.post("/other" + JOIN).text
    assert visitor.post(JOIN, content=b"{}").text == "2"


def test_an_address_that_asks_too_often_is_told_when_to_come_back():
    visitor = client(per_minute=60)
    answers = [visitor.post(JOIN, content=b"{}") for _ in range(30)]
    assert [answer.status_code for answer in answers[:19]] == [200] * 19  # and a little for the bytes of their bodies
    assert answers[-1].status_code == 429
    assert answers[-1].headers["Retry-After"] == "1"
    assert "Connection" not in answers[-1].headers
    assert visitor.post(JOIN, content=bytes(500_000)).headers["Connection"] == "close"
    assert answers[-1].json()["detail"] == "there are too many requests from your address: try again in 1 s"


@pytest.mark.parametrize("path", [JOIN, "/health"])
def test_who_asks_too_often_is_told_a_moment_later_by_the_gate_and_by_the_app(path, monkeypatch):
    monkeypatch.setattr(gate, "LATE_SECONDS", 0.3)
    busy = Starlette(routes=[Route("/health", lambda request: PlainTextResponse("", 503))])
    visitor = TestClient(Gate(busy, open_routes([]), 1, Rates(1)), client=VISITOR)
    began, statuses = (
        time.monotonic(),
        [visitor.request("GET" if path == "/health" else "POST", path).status_code for _ in "12"],
    )
    assert statuses == ([503, 503] if path == "/health" else [404, 429])
    assert 0.3 * (1 + (path == "/health")) <= time.monotonic() - began < 5


def test_json_of_many_parts_counts_for_more():
    visitor = client(per_minute=60)
    answers = [visitor.post(JOIN, content=b"1," * 9_000).status_code for _ in range(3)]
    assert answers == [200, 200, 429]


def test_bodies_that_are_too_large_count_by_their_length_though_they_are_refused():
    visitor = client(per_minute=60)
    answers = [visitor.post(JOIN, content=bytes(most)) for most in (2_000_000, 2_000_000)]
    assert [answer.status_code for answer in answers] == [413, 429]
    assert answers[1].headers["Connection"] == "close"


def test_a_stream_comes_piece_by_piece():
    """Not when it is over: the page would show nothing of a training."""
    sent = []

    async def talk() -> None:
        scope = {"type": "http", "method": "GET", "path": "/gradio_api/queue/data", "headers": [], "client": VISITOR}
        scope |= {
            "query_string": b"",
            "root_path": "",
            "scheme": "http",
            "server": ("a", 1),
            "asgi": {"spec_version": "2.4"},
        }

        async def receive() -> dict:
            await asyncio.sleep(10)

        async def send(message: dict) -> None:
            sent.append(message)

        await Gate(app(), open_routes([]), 1, Rates(0))(scope, receive, send)

    asyncio.run(talk())
    bodies = [message["body"] for message in sent if message["type"] == "http.response.body"]
    assert bodies[:3] == [b"data: 0\n\n", b"data: 1\n\n", b"data: 2\n\n"]


@pytest.mark.parametrize("is_gone", [True, False])
def test_who_leaves_or_asks_for_a_stream_that_is_not_there_leaves_no_traceback(is_gone):
    async def failing(scope: dict, receive: object, send: object) -> None:
        if is_gone:
            raise ClientDisconnect
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"data: no such session\n\n", "more_body": True})
        raise RuntimeError("Caught handled exception, but response already started.") from HTTPException(404)

    async def talk() -> list[dict]:
        sent = []

        async def send(message: dict) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": "/health", "headers": [], "client": VISITOR}
        await Gate(failing, open_routes([]), 1, Rates(0))(scope, None, send)
        return sent

    sent = asyncio.run(talk())
    assert not is_gone or sent == []
    assert is_gone or sent[-1] == {"type": "http.response.body"}


def test_a_refusal_of_a_listener_is_no_failure_of_the_server():
    async def refusing(request: Request) -> PlainTextResponse:
        return PlainTextResponse("no", 500)

    paths = ("/gradio_api/run/predict", JOIN)
    refused = Starlette(routes=[Route(path, refusing, methods=["POST"]) for path in paths])
    visitor = TestClient(Gate(refused, open_routes([]), 1, Rates(0)), client=VISITOR)
    assert [visitor.post(path, content=b"{}").status_code for path in paths] == [400, 500]


def test_the_page_is_one_whatever_its_address_asks_for():
    async def query(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.url.query)

    page = Starlette(routes=[Route("/", query), Route("/gradio_api/info", query)])
    visitor = TestClient(Gate(page, open_routes([]), 1, Rates(0)), client=VISITOR)
    assert visitor.get("/?page=other&deep_link=x").text == ""
    assert visitor.get("/gradio_api/info?all_endpoints=1").text == "all_endpoints=1"


def served(body_parts: list, pause: float, path: str = JOIN) -> tuple[int, str]:
    """Status and text for a body that comes with a pause before each part."""
    parts, sent = iter(body_parts), []

    async def receive() -> dict:
        await asyncio.sleep(pause)
        part = next(parts, None)
        return {"type": "http.request", "body": part or b"", "more_body": part is not None}

    async def send(message: dict) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": path, "headers": [], "client": VISITOR, "query_string": b""}
    asyncio.run(Gate(app(), open_routes([]), MOST_UPLOADED, Rates(0))(scope, receive, send))
    return sent[0]["status"], sent[1]["body"].decode()


@pytest.mark.parametrize("path", [JOIN, UPLOAD])
def test_a_body_that_comes_too_slowly_ends_and_one_that_is_slow_passes(path, monkeypatch):
    monkeypatch.setattr(gate, "GRACE", 0.1)
    monkeypatch.setattr(gate, "SLOWEST", 1000)
    assert served([bytes(100)] * 20, 0.03, path) == (200, "2000")  # some 3,000 bytes a second
    status, text = served(itertools.repeat(b"x"), 0.03, path)
    assert status == 408
    assert "the request comes too slowly, allowed: 1,000 bytes a second" in text


def test_bodies_of_all_requests_share_one_bound_in_memory(monkeypatch):
    monkeypatch.setattr(gate, "MOST_HELD", 1_500_000)
    visitor = Gate(app(), [*open_routes([]), *service_routes()], MOST_UPLOADED, Rates(0))
    tested = TestClient(visitor, client=VISITOR)
    visitor._held = 1_000_000  # of another that is under way
    for place in (JOIN, "/v1/compare"):
        assert tested.post(place, content=bytes(600_000)).status_code == 503
    answer = tested.post(JOIN, content=bytes(600_000))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert tested.post(JOIN, content=bytes(400_000)).text == "400000"
    assert tested.post(UPLOAD, content=bytes(MOST_UPLOADED)).text == str(MOST_UPLOADED), "these go to the disk"
    assert tested.post(JOIN, content=b"[" * 1000).status_code == 413
    assert tested.post("/v1/compare", content=b"[" * 1000).status_code != 413, "a picture is no JSON"
    assert visitor._held == 1_000_000, "what is over is given back"


def test_an_address_has_only_so_many_requests_under_way():
    async def talk() -> list[int]:
        ended, statuses = asyncio.Event(), []

        async def waiting(scope: dict, receive: object, send: object) -> None:
            await ended.wait()
            await PlainTextResponse("")(scope, receive, send)

        guarded = Gate(waiting, open_routes([]), 1, Rates(0))

        async def ask(address: str) -> None:
            scope = {"type": "http", "method": "GET", "path": "/health", "headers": [], "client": (address, 5)}

            async def send(message: dict) -> None:
                statuses.append(message.get("status"))

            await guarded(scope, None, send)

        tasks = [asyncio.create_task(ask("203.0.113.7")) for _ in range(MOST_AT_ONCE + 3)]
        await asyncio.sleep(0.1)
        refused = [status for status in statuses if status]
        tasks.append(asyncio.create_task(ask("203.0.113.8")))
        await asyncio.sleep(0.1)
        assert refused == [status for status in statuses if status], "another address has its own"
        ended.set()
        await asyncio.gather(*tasks)
        assert not guarded._under_way
        return refused

    assert asyncio.run(talk()) == [429] * 3


def test_what_is_no_request_of_http_passes_where_it_is_the_servers_own():
    passed = []

    async def inner(scope: dict, receive: object, send: object) -> None:
        passed.append(scope["type"])

    for kind in ("lifespan", "websocket"):
        asyncio.run(Gate(inner, [], 1, Rates(0))({"type": kind}, None, None))
    assert passed == ["lifespan"]
    assert json.loads(client().get("/nowhere").text)
