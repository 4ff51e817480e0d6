"""What other sites show of a link: one tag of a kind, ours, with an address that they can fetch."""

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import gradio as gr
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from siamese.demo.link_preview import HEIGHT, PATH, THUMBNAIL, WIDTH, Preview, thumbnail, with_preview

GRADIOS_OWN = Path(gr.__file__).parent / "templates" / "frontend" / "index.html"


class Tags(HTMLParser):
    """The content of each tag of a preview, by its name."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found, self.count = {}, Counter()
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list) -> None:
        given = dict(attributes)
        name = given.get("property") or given.get("name") or ""
        if tag == "meta" and name.startswith(("og:", "twitter:")):
            self.found[name] = given["content"]
            self.count[name] += 1


def test_gradios_own_page_gets_one_tag_of_a_kind_with_a_whole_address():
    before = GRADIOS_OWN.read_text()
    assert Tags(before).found["og:title"] != "Same or different?"  # else this is no longer needed
    tags = Tags(with_preview(before.encode(), "https://example.org/demo").decode())
    assert set(tags.count.values()) == {1}
    assert tags.found["og:title"] == tags.found["twitter:title"] == "Same or different?"
    assert tags.found["og:image"] == tags.found["twitter:image"] == "https://example.org/demo/thumbnail.png"
    assert tags.found["og:url"] == "https://example.org/demo/"
    assert tags.found["twitter:card"] == "summary_large_image"


def test_an_address_cannot_end_its_tag():
    page = with_preview(b"<html><head></head></html>", 'http://a"><script>alert(1)</script>').decode()
    assert "<script>" not in page


@pytest.mark.parametrize("root", ["", "/demo"])
def test_the_page_alone_is_changed_and_says_how_long_it_is(root):
    page = "<!doctype html><html><head>\n</head><body>é</body></html>"
    routes = [Route("/", lambda request: HTMLResponse(page)), Route("/other", lambda request: HTMLResponse(page))]
    routes += [Route("/text", lambda request: PlainTextResponse("text")), Route(PATH, thumbnail)]
    client = TestClient(Starlette(routes=routes, middleware=[Middleware(Preview)]), root_path=root)
    answer = client.get(f"{root}/", headers={"Host": "example.org"})
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert Tags(answer.text).found["og:image"] == f"http://example.org{root}{PATH}"
    assert answer.text.endswith("<body>é</body></html>")
    assert client.get(f"{root}/other").text == page
    assert client.get(f"{root}/text").text == "text"
    assert client.get(f"{root}{PATH}").content == THUMBNAIL.read_bytes()


def test_the_title_stands_where_the_body_of_gradios_own_page_begins_and_nowhere_else():
    page = "<html><head><script>'<body>'</script></head><body style='x'><p>rest</p></body></html>"
    routes = [Route("/", lambda request: HTMLResponse(page)), Route("/other", lambda request: HTMLResponse(page))]
    client = TestClient(Starlette(routes=routes, middleware=[Middleware(Preview, header="<h1>Same \\1?</h1>")]))
    answer = client.get("/").text
    head, body = answer.split("</head><body style='x'>")
    assert "<h1>" not in head
    assert body.count("<h1>Same \\1?</h1>") == 1
    assert body.endswith("<p>rest</p></body></html>")
    assert client.get("/other").text == page
    assert len(re.findall(rb"<body[^>]*>", GRADIOS_OWN.read_bytes().partition(b"</head>")[2])) == 1


def test_the_picture_has_the_size_that_is_said():
    with Image.open(THUMBNAIL) as picture:
        assert picture.size == (WIDTH, HEIGHT)
    assert re.fullmatch(r"/[a-z]+\.png", PATH)
