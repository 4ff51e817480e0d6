"""What stands between the network and the demo's framework: a limit on requests, and an answer for monitors."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

UPLOAD_PATHS = ("/upload", "/upload/")  # these go to disk piece by piece, and have a limit of their own for each file


class BodyLimit:
    """Refuses requests with larger bodies than `most` bytes, uploads of files aside: the framework holds them in memory."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self.app, self.most = app, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].endswith(UPLOAD_PATHS):
            await self.app(scope, receive, send)
            return
        refusal = f"the request is larger than {self.most:,} bytes, which is what is allowed"
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if length.isdigit() and int(length) > self.most:
            await PlainTextResponse(refusal, 413)(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self.most:  # sent in chunks, with no length beforehand
                raise HTTPException(413, refusal)
            return message

        await self.app(scope, counted, send)


def health(request: Request) -> JSONResponse:
    """Whether the server answers; for load balancers and monitors, which need not load the page."""
    return JSONResponse({"status": "ok"})
