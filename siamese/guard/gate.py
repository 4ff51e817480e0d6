"""The gate in front of the framework: refuses, in a sentence and before it costs anything, what is not to pass."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Sequence

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from siamese.config import shorten
from siamese.guard.json_shape import MOST_PARTS, check_shape
from siamese.guard.rates import Rates, counted_as
from siamese.guard.routes import Kind, Route, kind_of, methods_of

MAX_JSON = 1_000_000  # bytes: two drawings, the most that the page sends, have some 30,000
MAX_TOOL = 8_000_000  # bytes: two pictures of 3 MB as text
MAX_PICTURES = 100_000_000  # bytes of all pictures of a request
GRACE, SLOWEST = 20, 5_000  # s and bytes a second: after these seconds a body has to have come at least this fast
WEIGHTS = {Kind.FILE: 0.1}  # of a request in the count of an address; the others have 1
WEIGHT_OF_PART = 1 / 1000  # more for each part of its JSON, and for each byte of a body
WEIGHT_OF_BYTE = {Kind.JSON: 1 / 100_000, Kind.TOOL: 1 / 100_000, Kind.UPLOAD: 1 / 1_000_000, Kind.PICTURES: 1 / 1_000_000}
MOST_AT_ONCE = 200  # requests of one address under way; an open page has two or three
HINT = "the page is at /, and what is for programs at /docs"
LATE = (429, 503)  # answers to who asks too often, which come a moment later: a flood that waits for them is slow
LATE_SECONDS = 1
SMALL = 64_000  # bytes of a body that has come before an answer is sent
MOST_HELD = 200_000_000  # bytes of bodies in memory, of all requests under way
IN_MEMORY = (Kind.JSON, Kind.TOOL, Kind.PICTURES)  # whose bodies are counted there


class Gate:
    """Lets pass what is open, small enough, quick enough and not too often; all else gets a status and a sentence.

    `most_uploaded`: bytes of one upload. `rates`: of requests by address. `prefix`: of paths, where a proxy keeps it.
    `hint`: where to look instead of what is not there.
    """

    def __init__(
        self, app: ASGIApp, routes: Sequence[Route], most_uploaded: int, rates: Rates, prefix: str = "", hint: str = HINT
    ) -> None:
        self._hint = hint
        self._app, self._routes, self._rates, self._prefix = app, routes, rates, prefix.rstrip("/")
        self._most = {Kind.JSON: MAX_JSON, Kind.TOOL: MAX_TOOL, Kind.UPLOAD: most_uploaded, Kind.PICTURES: MAX_PICTURES}
        self._under_way: Counter[str | None] = Counter()
        self._held = 0  # bytes of bodies in memory

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        if scope["type"] != "http":
            return
        address, held = counted_as((scope.get("client") or ("",))[0]), 0
        self._under_way[address] += 1
        try:
            kind = self._kind(scope, address)
            receive = self._bounded(scope, receive, kind, address)
            if kind in IN_MEMORY and scope["method"] == "POST":
                receive, held = await self._gathered(receive, address, is_json=kind is not Kind.PICTURES)
        except HTTPException as refused:
            headers = dict(refused.headers or {})
            if refused.status_code == 429 and _length(scope) > SMALL:  # to take it in and drop it would be work, too
                headers["Connection"] = "close"
            if refused.status_code in LATE:
                await asyncio.sleep(LATE_SECONDS)
            said = dict.fromkeys(("detail", "error"), refused.detail)  # programs look at the one, the page at the other
            answer = JSONResponse(said, refused.status_code, headers)
            await answer(scope, receive, send)
        else:
            await self._serve(scope | ({"query_string": b""} if kind is Kind.PAGE else {}), receive, send)
        finally:
            self._held -= held
            self._under_way[address] -= 1
            if not self._under_way[address]:
                del self._under_way[address]

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the app answer, without a traceback in the log for what is no fault of it."""

        async def answered(message: Message) -> None:
            if message.get("status") == 500 and scope["path"].endswith("/run/predict"):
                message = message | {"status": 400}  # Gradio has 500 for each refusal; what is a failure is logged
            if message.get("status") in LATE:
                await asyncio.sleep(LATE_SECONDS)
            await send(message)

        try:
            await self._app(scope, receive, answered)
        except ClientDisconnect:  # in the middle of an upload
            pass
        except RuntimeError as error:
            if not isinstance(error.__cause__, HTTPException):
                raise
            # A stream for which nobody has asked: it says so in words of its own, after which Gradio raises an error.
            await send({"type": "http.response.body"})

    def _kind(self, scope: Scope, address: str | None) -> Kind:
        """What the request is. Raises HTTPException for what is not open, or for an address that asks too often."""
        path = scope["path"]
        if self._prefix and path.startswith(f"{self._prefix}/"):
            path = path[len(self._prefix) :]
        kind = kind_of(scope["method"], path, self._routes)
        self._check_rate(address, WEIGHTS.get(kind, 1))
        if address is not None and self._under_way[address] > MOST_AT_ONCE:
            raise _too_many(f"more than {MOST_AT_ONCE} requests from your address at the same time", 1)
        if kind is None and (methods := ", ".join(methods_of(path, self._routes))):
            said = f"the method {shorten(scope['method'])} is not for this address, allowed: {methods}"
            raise HTTPException(405, said, {"Allow": methods})
        if kind is None:
            raise HTTPException(404, f"there is nothing here: {self._hint}")
        return kind

    def _check_rate(self, address: str | None, weight: float) -> None:
        """Raise HTTPException for an address that asks too often."""
        if seconds := self._rates.seconds_to_wait(address, weight):
            raise _too_many("too many requests from your address", math.ceil(seconds))

    def _bounded(self, scope: Scope, receive: Receive, kind: Kind, address: str | None) -> Receive:
        """`receive`, which raises HTTPException for a body that is too large or comes too slowly; at once if it says so."""
        most = self._most.get(kind, 0) if scope["method"] == "POST" else 0
        if _length(scope) > most or (not most and b"transfer-encoding" in dict(scope["headers"])):
            # It is taken in all the same, so that the answer is read; who sends many is refused without that.
            self._rates.add(address, _length(scope) * WEIGHT_OF_BYTE.get(kind, WEIGHT_OF_BYTE[Kind.JSON]))
            raise _too_large(most)
        if not most:
            return receive
        taken, started, is_whole = 0, time.monotonic(), False

        async def bounded() -> Message:
            nonlocal taken, is_whole
            if is_whole:  # from now on it says when the visitor leaves
                return await receive()
            left = started + GRACE + taken / SLOWEST - time.monotonic()
            try:
                message = await asyncio.wait_for(receive(), max(0, left))
            except TimeoutError:
                said = f"the request comes too slowly, allowed: {SLOWEST:,} bytes a second after the first {GRACE} s"
                raise HTTPException(408, said, {"Connection": "close"}) from None
            taken += len(message.get("body", b""))
            self._rates.add(address, len(message.get("body", b"")) * WEIGHT_OF_BYTE[kind])
            is_whole = not message.get("more_body")
            if taken > most:
                raise _too_large(most)
            return message

        return bounded

    async def _gathered(self, receive: Receive, address: str | None, is_json: bool) -> tuple[Receive, int]:
        """What gives the app a body at once, and the bytes that it has.

        Raises HTTPException for one of too many parts, and where others hold all the memory that there is for bodies.
        """
        body, message = bytearray(), {"more_body": True}
        try:
            while message.get("more_body"):
                message = await receive()
                body += message.get("body", b"")
                self._held += len(message.get("body", b""))
                if self._held > MOST_HELD:
                    raise HTTPException(503, "the server is busy with other requests: try again", {"Retry-After": "2"})
            if is_json:  # else the app tells what kind it is
                self._rates.add(address, check_shape(body) * WEIGHT_OF_PART)
        except BaseException as error:
            self._held -= len(body)
            if isinstance(error, ValueError):
                self._rates.add(address, MOST_PARTS * WEIGHT_OF_PART)
                raise HTTPException(413, str(error)) from error
            raise
        whole = [{"type": "http.request", "body": bytes(body)}] if message["type"] == "http.request" else [message]

        async def given() -> Message:
            return whole.pop() if whole else await receive()

        return given, len(body)


def _length(scope: Scope) -> int:
    """Bytes of the body, as the server has read from the headers; 0 where they do not say it."""
    return int(dict(scope["headers"]).get(b"content-length", b"0")[:20])


def _too_many(what: str, seconds: int) -> HTTPException:
    return HTTPException(429, f"there are {what}: try again in {seconds} s", {"Retry-After": str(seconds)})


def _too_large(most: int) -> HTTPException:
    return HTTPException(413, f"the request is larger than {most:,} bytes, which is what is allowed")
