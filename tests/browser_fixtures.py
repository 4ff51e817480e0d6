"""A browser for tests: Chromium, the demo opened in it, and what visitors do there with mouse, touch and files."""

import base64
import io
import math
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from app_fixtures import ROOT, App, running_app, write_pictures
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from siamese import Verifier
from siamese.demo.elements import picture

ONE = [(0.38, 0.3), (0.52, 0.15), (0.52, 0.85)]  # of the paper's side
ZERO = [(0.5 + 0.22 * math.sin(turn), 0.5 - 0.33 * math.cos(turn)) for turn in np.linspace(0, 2 * math.pi, 9)]
PETALS = [(0.38 * math.cos(5 * turn), turn) for turn in np.linspace(0, math.pi, 60)]  # radius and angle of five
ROSE = [(0.5 + radius * math.cos(turn), 0.5 + radius * math.sin(turn)) for radius, turn in PETALS]  # unlike all digits
HOUSE = [(0.2, 0.85), (0.2, 0.45), (0.5, 0.15), (0.8, 0.45), (0.8, 0.85), (0.2, 0.85)]
BOTH_BRUSHES = '.sketch button[aria-label="Brush"].highlight'
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
PATIENCE = 30_000  # ms: Chromium without a graphics card takes a second for what takes none elsewhere


def chromium_path(playwright) -> str | None:
    names = [os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"]
    found = [shutil.which(name) for name in names if name]
    own = playwright.chromium.executable_path
    return next(filter(None, found), own if Path(own).exists() else None)


def camera_frame(digit: np.ndarray) -> np.ndarray:
    """What a camera sees of a digit, uint8 (28, 28), on a sheet of paper: uint8 (240, 320)."""
    frame = np.full((240, 320), 235, np.uint8)
    frame[30:210, 70:250] = 235 - np.asarray(Image.fromarray(digit).resize((180, 180))) * 0.85
    return frame


@pytest.fixture(scope="module")
def browser(digits, tmp_path_factory) -> Iterator[Browser]:
    """Chromium, with a camera that looks at the first digit on a sheet of paper."""
    frame, video = camera_frame(digits[0][0]), tmp_path_factory.mktemp("camera") / "paper.y4m"
    without_colour = bytes([128]) * (frame.size // 2)
    head = f"YUV4MPEG2 W{frame.shape[1]} H{frame.shape[0]} F10:1 Ip A1:1 C420jpeg\n"
    video.write_bytes(head.encode() + 20 * (b"FRAME\n" + frame.tobytes() + without_colour))
    with sync_playwright() as playwright:
        path = chromium_path(playwright)
        if path is None:
            pytest.skip("no Chromium: install it, name it in CHROMIUM, or run `playwright install chromium`")
        flags = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
        flags.append(f"--use-file-for-fake-video-capture={video}")
        flags.append("--disable-gpu")  # to play a graphics card on a processor costs a third of the time of a page
        chromium = playwright.chromium.launch(executable_path=path, args=flags)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def app(browser, tmp_path_factory) -> Iterator[App]:
    with running_app(tmp_path_factory.mktemp("app")) as running:
        yield running
        log = running.log.read_text()  # Gradio writes a traceback of its own wherever a visitor leaves during an upload
        assert f'File "{ROOT / "app.py"}"' not in log
        assert f'File "{ROOT / "siamese"}' not in log


@pytest.fixture
def pictures(digits, tmp_path) -> dict[str, Path]:
    return write_pictures(tmp_path, digits[0])


@pytest.fixture
def options() -> dict:
    """How the page is opened; tests replace it through parametrize."""
    return {"viewport": {"width": 1280, "height": 900}}


@pytest.fixture
def open_page(browser, options) -> Iterator[Callable[..., Page]]:
    """Opens a demo, or an address of it, as a visitor does, brushes in hand; at the end, nothing went wrong.

    `ready`: what is there once it can be used, and how many of them.
    """
    contexts, wrong = [], []

    def open_app(app: App, address: str = "", ready: tuple[str, int] = (BOTH_BRUSHES, 2)) -> Page:
        context = browser.new_context(permissions=["clipboard-read", "clipboard-write", "camera"], **options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        opened = context.new_page()
        opened.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        opened.on("pageerror", lambda error: wrong.append(str(error)))
        opened.on("request", lambda request: wrong.append(request.url) if not local(request.url, app) else None)
        opened.goto(address or app.url)
        expect(opened.locator(ready[0])).to_have_count(ready[1])
        return opened

    yield open_app
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture
def page(open_page, app) -> Page:
    return open_page(app)


def local(url: str, app: App) -> bool:
    return url.startswith((app.url, "data:", "blob:"))


def on_paper(page: Page, ordinal: str, stroke: list) -> list[tuple[float, float]]:
    """The points of a stroke on the screen."""
    sketch = page.locator(f"#sketch-{ordinal}")
    sketch.scroll_into_view_if_needed()
    box = sketch.bounding_box()
    return [(box["x"] + x * box["width"], box["y"] + y * box["width"]) for x, y in stroke]


def draw(page: Page, ordinal: str, stroke: list) -> None:
    """One stroke with the mouse."""
    start, *others = on_paper(page, ordinal, stroke)
    page.mouse.move(*start)
    page.mouse.down()
    for x, y in others:
        page.mouse.move(x, y)
    page.mouse.up()


def draw_by_touch(page: Page, ordinal: str, stroke: list) -> None:
    """One stroke with a finger."""
    session = page.context.new_cdp_session(page)
    points = on_paper(page, ordinal, stroke)
    for kind, (x, y) in zip(["touchStart"] + ["touchMove"] * (len(points) - 1), points, strict=True):
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def expect_state(page: Page, *states: str) -> None:
    selector = ", ".join(f'#verdict .panel[data-state="{state}"]' for state in states)
    expect(page.locator(selector)).to_have_count(1)


def expect_verdict_on(page: Page, verifier: Verifier, images: list) -> None:
    """The panel shows the verdict of the verifier on two images, in all its parts."""
    verdict = verifier.verify(*images)
    expect(page.locator("#verdict .distance")).to_have_text(f"{verdict.distance:.3f}")
    expect(page.locator("#verdict .threshold")).to_have_text(f"{verdict.threshold:.3f}")
    expect(page.locator("#verdict .word")).to_have_text("Same" if verdict.is_same else "Different")
    expect(page.locator("#verdict .confidence")).to_contain_text(
        "Not sure" if verdict.is_familiar is False else "% confident"
    )
    thumbnails = page.locator("#verdict .seen img")
    expect(thumbnails).to_have_count(2)
    for index, image in enumerate(images):
        (source,) = re.findall(r'src="([^"]+)"', picture(verifier.canonical(image), ""))
        expect(thumbnails.nth(index)).to_have_attribute("src", source)


def seen(page: Page) -> list[np.ndarray]:
    """The thumbnails of what the network sees."""
    sources = page.locator("#verdict .seen img").evaluate_all("images => images.map((image) => image.src)")
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2])))) for source in sources]


def open_tab(page: Page, side: int, name: str) -> None:
    page.locator(".side").nth(side).get_by_role("tab", name=name).click()


def places(page: Page, *selectors: str) -> list[list[float]]:
    """Where elements are on the page, whatever part of it is in view."""
    script = """(elements) => elements.map((element) => {
      const {x, y, width, height} = element.getBoundingClientRect();
      return [x + scrollX, y + scrollY, width, height];
    })"""
    return [place for selector in selectors for place in page.locator(selector).evaluate_all(script)]


def upload(page: Page, ordinal: str, file: Path) -> None:
    page.locator(f"#upload-{ordinal} input[type=file]").set_input_files(file)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()
