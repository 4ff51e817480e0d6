"""What stands between the network and the demo's framework: a limit on requests, and an answer for monitors."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

UPLOAD_PATHS = ("/upload", "/upload/")  # these go to disk piece by piece; each file has a limit of its own


class BodyLimit:
    """Refuses requests with larger bodies than `most` bytes, which the framework holds in memory, or `most_uploaded`.

    The latter are files on their way to the disk, any number of them.
    """

    def __init__(self, app: ASGIApp, most: int, most_uploaded: int) -> None:
        self.app, self.most, self.most_uploaded = app, most, most_uploaded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        most = self.most_uploaded if scope["path"].endswith(UPLOAD_PATHS) else self.most
        refusal = f"the request is larger than {most:,} bytes, which is what is allowed"
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if length.isdigit() and int(length) > most:
            await PlainTextResponse(refusal, 413)(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > most:  # sent in chunks, with no length beforehand
                raise HTTPException(413, refusal)
            return message

        await self.app(scope, counted, send)


def health(request: Request) -> JSONResponse:
    """Whether the server answers; for load balancers and monitors, which need not load the page."""
    return JSONResponse({"status": "ok"})
