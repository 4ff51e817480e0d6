"""What other sites show of a link to the page: its title, a sentence and a picture, in place of the framework's own.

Those who ask for it read the head of the page and run no script, so it has to be in what the server sends. So does what is
seen before the framework has set up the page: its title, and what stands under that.
"""

import html
import os
import re
from pathlib import Path

from gradio.route_utils import get_root_url
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

THUMBNAIL, WIDTH, HEIGHT = Path(__file__).parent / "static" / "thumbnail.png", 1200, 630
PATH = "/thumbnail.png"
TITLE = "Same or different?"
SENTENCE = "Draw or upload two images: a siamese network says whether they show the same thing, and how sure it is."
SHOWN = "Two drawn digits, and what the page says of them: same."
OWN_TAGS = re.compile(rb'<meta\s+(property="og:|name="twitter:)[^>]*>')
HEAD, START, BODY = b"</head>", re.compile(rb"<head[^>]*>"), re.compile(rb"<body[^>]*>")
EARLY = Path(__file__).parent / "static" / "early.html"  # goes once the framework shows the same


class Preview:
    """Puts the tags of a preview into the page as it is sent, with the address at which it was asked for.

    `header`: HTML that is shown at once.
    """

    def __init__(self, app: ASGIApp, header: str = "") -> None:
        self.app = app
        self._early = EARLY.read_text(encoding="utf-8").replace("HEADER", header).encode() if header else b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        is_page = scope["type"] == "http" and scope["path"].removeprefix(scope.get("root_path", "")) in ("", "/")
        if not is_page or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        begun: Message | None = None
        body = b""

        async def gathered(message: Message) -> None:
            nonlocal begun, body
            if message["type"] == "http.response.start":
                begun = message
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            headers = MutableHeaders(raw=begun["headers"])
            if headers.get("content-type", "").startswith("text/html"):
                root = get_root_url(Request(scope), "/", os.environ.get("GRADIO_ROOT_PATH") or scope.get("root_path"))
                body = with_preview(body, root, self._early)
                headers["content-length"] = str(len(body))
            await send(begun)
            await send({"type": "http.response.body", "body": body})

        await self.app(scope, receive, gathered)


def with_preview(page: bytes, root: str, early: bytes = b"") -> bytes:
    """The page, whose address is `root` without a slash at its end, with these tags and no others of their kind, and with
    what is shown `early` where its body begins."""
    head, end, rest = page.partition(HEAD)
    head = START.sub(lambda found: found[0] + tags(root).encode(), OWN_TAGS.sub(b"", head), count=1)
    return head + end + BODY.sub(lambda found: found[0] + early, rest, count=1)


def tags(root: str) -> str:
    """Elements for the head of the page."""
    image = f"{root}{PATH}"
    properties = {
        "og:type": "website", "og:title": TITLE, "og:description": SENTENCE, "og:url": f"{root}/", "og:image": image,
        "og:image:width": str(WIDTH), "og:image:height": str(HEIGHT), "og:image:alt": SHOWN,
    }  # fmt: skip
    names = {
        "description": SENTENCE, "twitter:card": "summary_large_image", "twitter:title": TITLE,
        "twitter:description": SENTENCE, "twitter:image": image, "twitter:image:alt": SHOWN,
    }  # fmt: skip
    of_kind = [("property", *each) for each in properties.items()] + [("name", *each) for each in names.items()]
    return f"<title>{html.escape(TITLE)}</title>" + "".join(
        f'<meta {kind}="{name}" content="{html.escape(content)}">' for kind, name, content in of_kind
    )


async def thumbnail(request: Request) -> FileResponse:
    """The picture."""
    return FileResponse(THUMBNAIL, headers={"Cache-Control": "public, max-age=86400"})
