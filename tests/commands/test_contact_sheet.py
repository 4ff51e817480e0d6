"""The page of pictures: whatever names of files hold is text on it, and it loads nothing."""

import base64
import io
from html.parser import HTMLParser

import pytest
from PIL import Image

from siamese.commands import contact_sheet
from siamese.commands.contact_sheet import Section, write_sheet

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)> & \udcff.png'


class Page(HTMLParser):
    """The tags and the text of a page, as a browser takes them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data

    def of(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def picture(digits, tmp_path):
    Image.fromarray(digits[0][0]).convert("LA").save(tmp_path / "digit.png")
    return tmp_path / "digit.png"


def test_pictures_are_in_the_page_with_their_captions_and_marks(picture, tmp_path):
    place = tmp_path / "new" / "page.html"
    write_sheet(place, "Two", [Section("first", [(picture, "one", True)]), Section("second", [(picture, "other", False)])])
    page = Page(place.read_text())
    assert [each.get("class") for each in page.of("li")] == ["marked", None]
    for each in page.of("img"):
        kind, _, data = each["src"].partition(",")
        assert kind == "data:image/jpeg;base64"
        with Image.open(io.BytesIO(base64.b64decode(data))) as image:
            assert image.size == (28, 28)
    for word in ("Two", "first", "one", "second", "other"):
        assert word in page.text
    assert not page.of("script")
    assert not page.of("link")


def test_names_are_text_whatever_they_hold(picture, tmp_path):
    place = tmp_path / "page.html"
    write_sheet(place, HOSTILE, [Section(HOSTILE, [(picture.with_name(HOSTILE.replace("/", "_")), HOSTILE, False)])])
    page = Page(place.read_text(encoding="utf-8"))
    assert not page.of("script")
    assert page.of("img") == [{"src": "data:,", "alt": page.of("img")[0]["alt"], "loading": "lazy"}]
    assert page.text.count("<script>alert(1)</script>") == 4
    assert "\\xff.png" in page.text


def test_a_page_has_so_many_pictures_and_says_how_many_more_there_are(picture, tmp_path, monkeypatch):
    monkeypatch.setattr(contact_sheet, "MOST_PICTURES", 3)
    place = tmp_path / "page.html"
    write_sheet(place, "many", [Section("a", [(picture, "", False)] * 2), Section("b", [(picture, "", False)] * 4)])
    page = Page(place.read_text())
    assert len(page.of("img")) == 3
    assert "3 more pictures are not shown" in page.text
