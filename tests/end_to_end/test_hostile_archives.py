"""Hostile archives through the running demo: refused with a sentence, at little cost, and the disk is as it was before."""

import html
import http.client
import os
import re
import stat
import struct
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit

import numpy as np
import pytest
from app_fixtures import App, Visitor, as_file, running_app, upload
from hostile_files import (
    GOOD,
    HOSTILE,
    archive_of,
    chunk,
    claimed_png,
    million_names,
    noise,
    patched,
    png,
    raw_name,
    special,
)

pytestmark = pytest.mark.slow

TICKS = os.sysconf("SC_CLK_TCK")
LIMITS = {"SIAMESE_TRAIN_MEGABYTES": "1", "SIAMESE_TRAIN_IMAGES": "50", "SIAMESE_TRAIN_CLASSES": "5"}
# Of the processor, in the server and in the process that looks at images, more than harmless ones take: most of that is to
# import what splits them, two seconds here and four there. Of a clock, others have a share too.
SECONDS = 4


def classes(count: int, images: int, name: str = "class {}/{}.png") -> bytes:
    return archive_of(*((name.format(label, n), png(images * label + n)) for label in range(count) for n in range(images)))


def two_names() -> bytes:
    """An archive that calls its file one thing in the list of contents and another where the file is."""
    content = archive_of(("a/0.png", png(0)), ("a/1.png", png(1)))
    return content.replace(b"a/0.png", b"../.png", 1)


def large_format_size() -> bytes:
    """A file that is said, in the fields for such, to have a terabyte."""
    content = archive_of(("a/0.png", noise(2000)))
    start = content.index(b"PK\1\2")
    entry, end = content[start : content.rindex(b"PK\5\6")], content[content.rindex(b"PK\5\6") :]
    extra = struct.pack("<HHQ", 1, 8, 1 << 40)
    entry = entry[:24] + b"\xff\xff\xff\xff" + entry[28:30] + struct.pack("<H", len(extra)) + entry[32:] + extra
    return content[:start] + entry + end[:12] + struct.pack("<LL", len(entry), start) + end[20:]


def no_text() -> bytes:
    """A name that is said to be UTF-8 and is not."""
    return patched(raw_name(b"a/\xff\xfe.png"), 8, b"\0\x08")


# Those of test_archives on the way that a visitor's go, and what only that way knows of.
KINDS: dict[str, tuple[Callable[[], bytes], str]] = HOSTILE | {
    "bomb": (lambda: archive_of(("a/0.png", b"\0" * 990_000)), "unpacks to more than 100 times"),
    "many bombs": (lambda: archive_of(*((f"a/{n}.png", b"\0" * 90_000) for n in range(48))), "unpacks to 4,320,000 bytes"),
    "large file": (lambda: archive_of(("a/0.png", b"\0" * 1_100_000)), "has 1,100,000 bytes, allowed: at most 1,000,000"),
    "large archive": (lambda: archive_of(("a/0.png", noise(1_100_000))), "allowed: at most 1,000,000"),
    "many tiny files": (lambda: archive_of(*((f"a/{n}.png", b"1") for n in range(9000))), "too many files"),
    "many classes": (lambda: classes(6, 2), "that makes 6 classes, allowed: at most 5"),
    "many images": (lambda: classes(3, 17), "that makes 51 images, allowed: at most 50"),
    "one class": (lambda: classes(1, 20), "20 usable images in 1 class"),
    "text as images": (lambda: archive_of(*((f"{n % 3}/{n}.png", b"no image") for n in range(30))), "none of the 30 files"),
    "archives as images": (
        lambda: archive_of(*((f"{n % 3}/{n}.png", archive_of(*GOOD)) for n in range(9))), "none of the 9 files",
    ),
    "claims of a gigabyte of pixels": (
        lambda: archive_of(*((f"{n % 3}/{n}.png", claimed_png(32_000, 32_000)) for n in range(30))), "none of a sample",
    ),
    "a gigabyte of pixels": (
        lambda: archive_of(("a/0.png", claimed_png(30_000, 30_000, bytes(900_000_000))), method=zipfile.ZIP_STORED),
        "none of a sample",
    ),
    "cut images": (
        lambda: archive_of(*((f"{n % 3}/{n}.png", png(n)[:60]) for n in range(30))), "none of a sample",
    ),
    "texts of an image that unpack to much": (
        lambda: archive_of(*(
            (f"{n % 3}/{n}.png", png(n)[:33] + chunk(b"zTXt", b"a\0\0" + b"\x78\x9c" + bytes(9000)) + png(n)[33:80])
            for n in range(9))),
        "none of a sample",
    ),
    "queue": (lambda: archive_of((special("a/0.png", stat.S_IFIFO), b"")), "something that is no file"),
    "two names": (two_names, "damaged: .*differ"),
    "a million names": (lambda: million_names(10_000), "too many files"),
    "a terabyte": (large_format_size, "has 1,099,511,627,776 bytes"),
    "network share": (lambda: archive_of(("//host/share/0.png", b"1")), "a path that is not allowed"),
    "no text": (no_text, "damaged: a name in it is no text|a path that is not allowed"),
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("app")


@pytest.fixture(scope="module")
def app(folder) -> Iterator[App]:
    with running_app(folder, TMPDIR=str(folder), **LIMITS) as running:
        yield running
        assert "Traceback" not in running.log.read_text()


@pytest.fixture(scope="module")
def visitor(app) -> Iterator[Visitor]:
    """Someone who has a workspace, with nothing in it."""
    opened = Visitor(app)
    bring(opened, b"")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def usual(visitor) -> float:
    """Seconds of the processor for a few harmless images."""
    worked = processor_seconds(visitor.app.process.pid)
    bring(visitor, classes(2, 2))
    taken = sum(np.subtract(processor_seconds(visitor.app.process.pid), worked))
    bring(visitor, b"")
    return taken


def bring(visitor: Visitor, content: bytes) -> list:
    """What the page shows of an archive that was uploaded: an empty upload, the report, a line, the button Start."""
    answer = visitor.send("archive", "upload", as_file(upload(visitor.app, "pictures.zip", content)), None)
    assert "data" in answer, answer
    return answer["data"][:4]


def on_disk(folder: Path) -> dict[str, int]:
    """All files and folders, with their sizes, but what is not a visitor's."""
    paths = [path for path in folder.rglob("*") if path.name != "app.log"]
    return {str(path.relative_to(folder)): path.stat().st_size if path.is_file() else 0 for path in paths}


def processor_seconds(process: int) -> tuple[float, float]:
    """That a process has taken, and that those have which it has started and waited for."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()
    own, own_system, others, others_system = map(int, fields[11:15])
    return (own + own_system) / TICKS, (others + others_system) / TICKS


def test_no_two_kinds_are_the_same():
    assert len({make() for make, _ in KINDS.values()}) == len(KINDS)


@pytest.mark.parametrize("name", KINDS)
def test_a_hostile_archive_is_refused_and_the_disk_is_as_before(name, visitor, usual, folder):
    make, words = KINDS[name]
    content, before, server = make(), on_disk(folder), visitor.app.process.pid
    began, worked = time.monotonic(), processor_seconds(server)
    _, report, line, start = bring(visitor, content)
    took, (own, others) = time.monotonic() - began, np.subtract(processor_seconds(server), worked)
    print(f"HOSTILE {name}: {len(content):,} bytes, {took:.2f} s, {own:.2f} + {others:.2f} s of the processor: {line}")
    assert report == ""
    assert '<p class="note problem" role="status">' in line
    assert not start["interactive"]
    assert re.search(words, html.unescape(line)), line
    assert own + others < usual + SECONDS
    assert on_disk(folder) == before


def test_what_is_no_archive_at_all_is_refused(visitor, folder):
    before = on_disk(folder)
    assert "there is no file" in visitor.send("archive", "upload", None, None)["data"][2]
    text = as_file(upload(visitor.app, "a.txt", b"x"))
    assert "the file is not a ZIP archive" in visitor.send("archive", "upload", text, None)["data"][2]
    for path in ("/etc/passwd", str(folder / "app.log"), 5, None):
        assert "was not uploaded" in visitor.send("archive", "upload", as_file(path), None)["error"]
    assert on_disk(folder) == before


def test_of_two_who_bring_the_same_each_is_told_what_became_of_it(visitor, folder):
    """To the server it is one file, which is gone when the first has been served."""
    before, other = on_disk(folder), Visitor(visitor.app)
    archive = HOSTILE["up"][0]()  # once: it holds the time
    brought = as_file(upload(visitor.app, "pictures.zip", archive))
    assert upload(visitor.app, "pictures.zip", archive) == brought["path"]
    assert "a path that is not allowed" in visitor.send("archive", "upload", brought, None)["data"][2]
    assert "is no longer here: choose it again" in other.send("archive", "upload", brought, None)["error"]
    other.close()
    assert on_disk(folder) == before


def test_a_page_that_the_server_does_not_know_is_told_to_reload(app, folder):
    before, page = on_disk(folder), Visitor(app, loaded=False)
    archive = as_file(upload(app, "pictures.zip", classes(3, 5)))
    for name, event, values in (
        ("source", "input", ["zip", None]),
        ("archive", "upload", [archive, None]),
        ("start", "click", [None, "compact", "supcon", 1]),
        ("stop", "click", [None]),
    ):
        answer = page.send(name, event, *values)
        assert "reload the page" in (answer.get("error") or str(answer["data"]))
    page.close()
    assert on_disk(folder) == before


def test_an_upload_beyond_the_limit_of_the_server_is_refused_and_leaves_nothing(visitor, folder):
    before = on_disk(folder)
    with pytest.raises(HTTPError) as refusal:
        upload(visitor.app, "large.zip", bytes(20_000_001))
    assert refusal.value.code == 413
    assert "maximum allowed size of 20000000 bytes" in refusal.value.read().decode()
    assert on_disk(folder) == before

    address = urlsplit(visitor.app.url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
    connection.putrequest("POST", "/gradio_api/upload")
    connection.putheader("Content-Type", "multipart/form-data; boundary=x")
    connection.putheader("Content-Length", str(1 << 30))  # of any number of files, each within the limit
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413
    assert "the request is larger than 201,000,000 bytes" in answer.read().decode()
    connection.close()


def test_after_all_of_them_a_good_archive_is_taken(visitor, folder):
    before = on_disk(folder)
    _, report, line, start = bring(visitor, classes(3, 6))
    assert "<b>3 classes</b> with 6 images each" in report, line
    assert "problem" not in line
    assert start["interactive"]
    assert len([path for path in on_disk(folder) if path.endswith(".png")]) == 18
    bring(visitor, HOSTILE["up"][0]())
    assert len([path for path in on_disk(folder) if path.endswith(".png")]) == 18, "the archive before is gone"
    bring(visitor, KINDS["cut images"][0]())
    assert on_disk(folder) == before
