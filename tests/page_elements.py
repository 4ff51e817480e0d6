"""What tests of the page's HTML share: its elements, and a verdict to show."""

import base64
import io
from html.parser import HTMLParser

import numpy as np
from PIL import Image

from siamese.verifier import Verdict

HOSTILE = "<script>alert('\"')</script>&amp;"
# What strangers call things: markup, paths, script, controls, letters that run the other way, halves of letters.
HOSTILE_NAMES = [
    HOSTILE, "<img src=x onerror=alert(1)>", "\"onmouseover=alert(1) x=\"", "' onclick='alert(1)", "javascript:alert(1)",
    "../../etc/passwd", "..\\..\\boot.ini", "/etc/passwd", "C:\\x", "a/../../b", ".", "..", "...", "~root", "$(touch x)",
    "`id`", "a;rm -rf .", "| cat", "&& id", "%00", "a\x00b", "a\nb", "\r\nSet-Cookie: a=b", "\u202egnp.exe", "\ud800",
    "\ufeff", "{{7*7}}", "${7*7}", "__proto__", "constructor", "CON", "nul", "-rf", "--model", "x" * 41, " " * 9, "=1+1",
    "\N{PILE OF POO}", "</b></li><script>alert(1)</script>",
]  # fmt: skip
VOID = ("img",)


class Elements(HTMLParser):
    """Every element of a text with its attributes, and all of its text; closing tags must match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements, self.text, self.open = [], "", []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list) -> None:
        self.elements.append((tag, dict(attributes)))
        self.open += [] if tag in VOID else [tag]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def of_class(self, name: str) -> list[dict]:
        """The attributes of all elements of a class."""
        return [attributes for _, attributes in self.elements if name in attributes.get("class", "").split()]


def verdict_at(distance: float, probability: float, threshold: float = 0.8) -> Verdict:
    return Verdict(distance <= threshold, probability, max(probability, 1 - probability), distance, threshold)


def pixels_of(source: str) -> np.ndarray:
    start, _, data = source.partition(",")
    assert start == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
