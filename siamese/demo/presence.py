"""Sees which pages are open: a browser holds the framework's heartbeat, a stream that never ends, as long as its page is."""

import re
import threading

from starlette.types import ASGIApp, Receive, Scope, Send

from siamese.visitors.open_pages import OpenPages

HEARTBEAT = re.compile(r"/heartbeat/([A-Za-z0-9_-]{1,64})/?$")


class Presence:
    """Tells `pages` of each heartbeat that begins and ends."""

    def __init__(self, app: ASGIApp, pages: OpenPages) -> None:
        self.app, self.pages = app, pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        found = HEARTBEAT.search(scope["path"]) if scope["type"] == "http" and scope["method"] == "GET" else None
        if not found:
            await self.app(scope, receive, send)
            return
        self.pages.came(found[1], (scope.get("client") or ("",))[0])
        try:
            await self.app(scope, receive, send)
        finally:  # in a thread, since it ends a training, and this may have been cancelled
            threading.Thread(target=self.pages.left, args=(found[1],), daemon=True).start()
