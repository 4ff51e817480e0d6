"""The page and what it is told, in fewer bytes; Gradio compresses only files whose names end in .js, .css and the like."""

import re

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

TEXTS = re.compile(r"(/(config/?|gradio_api/(info/?|openapi\.json|run/predict))?)?")  # and so no stream, picture or archive
LEAST = 1000  # bytes: less goes in one packet as it is
LEVEL = 4  # of zlib's 9: half the time of the usual 6, for a few percent more bytes


class Compression(GZipMiddleware):
    """Compresses the texts that Gradio does not."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app, LEAST, LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        is_text = scope["type"] == "http" and TEXTS.fullmatch(scope["path"].removeprefix(scope.get("root_path", "")))
        await (super().__call__ if is_text else self.app)(scope, receive, send)
