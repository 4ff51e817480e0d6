"""The demo as visitors meet it: in Chromium, with mouse, touch, files, clipboard and camera."""

import base64
import io
import math
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from app_fixtures import ROOT, App, running_app, write_pictures
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

import app as app_module
from siamese import Verifier
from siamese.page import picture

ONE = [(0.38, 0.3), (0.52, 0.15), (0.52, 0.85)]  # of the paper's side
ZERO = [(0.5 + 0.22 * math.sin(turn), 0.5 - 0.33 * math.cos(turn)) for turn in np.linspace(0, 2 * math.pi, 9)]
BOTH_BRUSHES = '.sketch button[aria-label="Brush"].highlight'
PATIENCE = 30_000  # ms: Chromium without a graphics card takes a second for what takes none elsewhere


def chromium_path(playwright) -> str | None:
    names = [os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"]
    found = [shutil.which(name) for name in names if name]
    own = playwright.chromium.executable_path
    return next(filter(None, found), own if Path(own).exists() else None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, with a camera that shows a moving test picture."""
    with sync_playwright() as playwright:
        path = chromium_path(playwright)
        if path is None:
            reason = "no Chromium: install it, name it in CHROMIUM, or run `playwright install chromium`"
            pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
        camera = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
        chromium = playwright.chromium.launch(executable_path=path, args=camera)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def app(browser, tmp_path_factory) -> Iterator[App]:
    with running_app(tmp_path_factory.mktemp("app")) as running:
        yield running
        log = running.log.read_text()  # Gradio writes a traceback of its own wherever a visitor leaves during an upload
        assert f'File "{ROOT / "app.py"}"' not in log
        assert f'File "{ROOT / "siamese"}' not in log


@pytest.fixture(scope="module")
def bundled(bundled_folder) -> Verifier:
    return Verifier.from_pretrained(bundled_folder)


@pytest.fixture
def pictures(digits, tmp_path) -> dict[str, Path]:
    return write_pictures(tmp_path, digits[0])


@pytest.fixture
def options() -> dict:
    """How the page is opened; tests replace it through parametrize."""
    return {"viewport": {"width": 1280, "height": 900}}


@pytest.fixture
def page(browser, app, options) -> Iterator[Page]:
    """The demo, just opened, brushes in hand; at the end, nothing went wrong in the browser."""
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write", "camera"], **options)
    context.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    opened, wrong = context.new_page(), []
    opened.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("request", lambda request: wrong.append(request.url) if not local(request.url, app) else None)
    opened.goto(app.url)
    expect(opened.locator(BOTH_BRUSHES)).to_have_count(2)
    yield opened
    context.close()
    assert wrong == []


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
    expect(page.locator("#verdict .confidence")).to_contain_text("% confident")
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


def upload(page: Page, ordinal: str, file: Path) -> None:
    page.locator(f"#upload-{ordinal} input[type=file]").set_input_files(file)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


# ---- Drawing ----


def test_two_drawn_digits_get_a_verdict_and_after_clearing_two_others(page):
    expect_state(page, "waiting")
    draw(page, "first", ONE)
    expect(page.locator("#verdict .message")).to_have_text("Draw or upload a second image.")
    draw(page, "second", ZERO)
    expect(page.locator("#verdict .word")).to_have_text("Different")
    assert float(page.locator("#verdict .distance").inner_text()) > float(page.locator("#verdict .threshold").inner_text())
    assert [image.max() for image in seen(page)] == [255, 255]

    press(page, "Clear both")
    expect(page.locator("#verdict .message")).to_have_text("Draw or upload two images.")
    expect(page.locator("#verdict .seen img")).to_have_count(0)
    expect(page.locator(BOTH_BRUSHES)).to_have_count(2)
    draw(page, "first", ONE)
    draw(page, "second", ONE)
    expect(page.locator("#verdict .word")).to_have_text("Same")
    assert float(page.locator("#verdict .distance").inner_text()) < float(page.locator("#verdict .threshold").inner_text())


def test_each_stroke_changes_the_verdict_and_undo_takes_it_back_to_blank(page):
    draw(page, "second", ONE)
    draw(page, "first", ONE)
    expect(page.locator("#verdict .word")).to_have_text("Same")
    with_one = seen(page)[0]
    draw(page, "first", [(x + 0.1, y) for x, y in ZERO])
    expect(page.locator("#verdict .word")).to_have_text("Different")
    assert not np.array_equal(seen(page)[0], with_one)

    undo = page.locator("#sketch-first").get_by_role("button", name="Undo")
    undo.click()
    expect(page.locator("#verdict .word")).to_have_text("Same")
    undo.click()
    expect(page.locator("#verdict .message")).to_have_text("Draw or upload a first image.")


def test_the_bin_of_one_sketch_leaves_the_other_and_the_brush_in_hand(page):
    draw(page, "first", ONE)
    draw(page, "second", ONE)
    expect(page.locator("#verdict .word")).to_have_text("Same")
    page.locator("#sketch-second").get_by_role("button", name="Clear canvas").click()
    expect(page.locator("#verdict .message")).to_have_text("Draw or upload a second image.")
    expect(page.locator(BOTH_BRUSHES)).to_have_count(2)
    draw(page, "second", ZERO)
    expect(page.locator("#verdict .word")).to_have_text("Different")


# ---- Files, clipboard, camera ----


def test_two_uploaded_files_get_the_verdict_of_the_verifier(page, pictures, bundled):
    open_tab(page, 0, "Upload")
    open_tab(page, 1, "Upload")
    upload(page, "first", pictures["photo.jpg"])
    upload(page, "second", pictures["transparent.png"])
    expect_verdict_on(page, bundled, [pictures["photo.jpg"], pictures["transparent.png"]])
    page.locator("#upload-second").get_by_role("button", name="Remove image").click()
    expect(page.locator("#verdict .message")).to_have_text("Draw or upload a second image.")
    upload(page, "second", pictures["sketch.png"])
    expect_verdict_on(page, bundled, [pictures["photo.jpg"], pictures["sketch.png"]])


def test_a_file_that_is_no_image_gets_a_sentence_and_the_page_goes_on(page, pictures, bundled, tmp_path):
    text, blank = tmp_path / "text.png", tmp_path / "blank.png"
    text.write_text("<b>this is text</b>")
    Image.new("L", (200, 200), 255).save(blank)
    open_tab(page, 0, "Upload")
    open_tab(page, 1, "Upload")
    upload(page, "first", pictures["plain.png"])
    upload(page, "second", text)
    expect(page.locator("#verdict .message")).to_contain_text("Second image: 'text.png' is not an image")
    expect_state(page, "problem")
    upload(page, "second", blank)
    expect(page.locator("#verdict .message")).to_contain_text("Second image: the image is blank")
    upload(page, "second", pictures["sketch.png"])
    expect_verdict_on(page, bundled, [pictures["plain.png"], pictures["sketch.png"]])


def test_pictures_come_from_clipboard_and_camera_too(page):
    open_tab(page, 0, "Upload")
    page.evaluate(
        """async () => {
          const canvas = Object.assign(document.createElement("canvas"), {width: 100, height: 100});
          const context = canvas.getContext("2d");
          context.fillStyle = "white";
          context.fillRect(0, 0, 100, 100);
          context.fillStyle = "black";
          context.fillRect(46, 15, 8, 70);
          const picture = await new Promise((done) => canvas.toBlob(done, "image/png"));
          await navigator.clipboard.write([new ClipboardItem({"image/png": picture})]);
        }"""
    )
    page.locator("#upload-first").get_by_label("Paste from clipboard").click()
    expect(page.locator("#verdict .message")).to_have_text("Draw or upload a second image.")
    (bar,) = seen(page)
    assert bar.any(axis=1).sum() > 3 * bar.any(axis=0).sum()  # upright

    open_tab(page, 1, "Upload")
    page.locator("#upload-second").get_by_label("Capture from camera").click()
    page.locator("#upload-second").get_by_text("Click to Access Webcam").click()
    page.wait_for_function("document.querySelector('#upload-second video')?.currentTime > 0.5")
    page.locator("#upload-second").get_by_label("capture photo").click()
    expect_state(page, "same", "different")


# ---- Examples, tabs, buttons ----


def test_each_example_is_shown_with_its_verdict(page, digits, bundled):
    draw(page, "first", ONE)  # what was drawn before must not get into the verdict
    expect(page.locator("#verdict .seen img")).to_have_count(1)
    images, labels = digits
    cards = page.locator("#examples button")
    expect(cards).to_have_count(len(app_module.EXAMPLES))
    for number, (first, second, _) in enumerate(app_module.EXAMPLES):
        cards.nth(number).click()
        expect_verdict_on(page, bundled, [images[first], images[second]])
        expect_state(page, "same" if labels[first] == labels[second] else "different")


def test_another_threshold_changes_verdict_confidence_and_rates(page, digits, bundled):
    first, second, _ = app_module.EXAMPLES[0]
    page.locator("#examples button").first.click()
    expect_verdict_on(page, bundled, [digits[0][first], digits[0][second]])
    distance = float(page.locator("#verdict .distance").inner_text())
    assert page.locator("#standing .pair").inner_text() == f"{distance:.3f}"
    curve, own = bundled.config.distances, bundled.config.calibration.threshold

    page.get_by_label("0.1% false accepts").check()
    expect(page.locator("#standing .chosen")).to_have_text(f"{curve.threshold_at_far_01:.3f}")
    expect(page.locator("#verdict .threshold")).to_have_text(f"{curve.threshold_at_far_01:.3f}")
    assert float(page.locator("#standing .false-accepts").inner_text().rstrip("%")) == pytest.approx(0.1, abs=0.02)
    box = page.locator("#threshold input[type=number]")
    expect(box).to_have_value(f"{curve.threshold_at_far_01:.3f}".rstrip("0"))

    box.fill("0.001")
    box.press("Enter")
    expect(page.locator("#verdict .word")).to_have_text("Different")
    expect(page.locator("#verdict .threshold")).to_have_text("0.001")
    expect(page.get_by_label("0.1% false accepts")).not_to_be_checked()
    page.get_by_label("Balanced").check()
    expect(page.locator("#verdict .word")).to_have_text("Same")
    expect(page.locator("#verdict .threshold")).to_have_text(f"{own:.3f}")


def test_clear_both_empties_the_closed_tabs_too(page, pictures):
    draw(page, "first", ONE)
    draw(page, "second", ONE)
    expect(page.locator("#verdict .word")).to_have_text("Same")
    for side, ordinal in enumerate(("first", "second")):
        open_tab(page, side, "Upload")
        upload(page, ordinal, pictures["plain.png"])
    expect(page.locator("#verdict .distance")).to_have_text("0.000")
    press(page, "Clear both")
    expect(page.locator("#verdict .message")).to_have_text("Draw or upload two images.")
    for side in (0, 1):
        open_tab(page, side, "Draw")
    expect(page.locator(BOTH_BRUSHES)).to_have_count(2)
    draw(page, "first", ONE)
    expect(page.locator("#verdict .message")).to_have_text("Draw or upload a second image.")


def test_the_verdict_is_on_what_the_open_tabs_show(page, pictures, bundled):
    draw(page, "first", ONE)
    open_tab(page, 1, "Upload")
    upload(page, "second", pictures["plain.png"])
    expect_state(page, "same", "different")
    drawn = seen(page)[0]
    open_tab(page, 0, "Upload")
    expect(page.locator("#verdict .message")).to_have_text("Draw or upload a first image.")
    upload(page, "first", pictures["sketch.png"])
    expect_verdict_on(page, bundled, [pictures["sketch.png"], pictures["plain.png"]])
    open_tab(page, 0, "Draw")
    expect_verdict_on(page, bundled, [drawn, pictures["plain.png"]])


# ---- Classes of the visitor's own ----


def open_recognise(page: Page) -> None:
    page.locator("#stage").get_by_role("tab", name="Recognise").click()
    expect(page.locator("#recognise " + BOTH_BRUSHES)).to_have_count(2)


def test_a_visitor_teaches_a_class_and_has_drawings_recognised(page, browser, app):
    open_recognise(page)
    press(page, "Add example")
    expect(page.locator("#lesson [role=alert]")).to_have_text("Draw or upload an example first.")
    draw(page, "example", ONE)
    page.get_by_label("Name of the class").fill("<b>stick</b>")
    press(page, "Add example")
    expect(page.locator("#lesson li", has_text="<b>stick</b>").locator("img")).to_have_count(1)
    expect(page.locator("#lesson [role=alert]")).to_have_count(0)
    expect(page.locator("#answer .message")).to_have_text("Draw or upload what it should recognise.")

    draw(page, "query", ONE)
    expect(page.locator("#answer .word")).to_have_text("<b>stick</b>")
    expect(page.locator("#answer .ranking .name")).to_have_text(["<b>stick</b>"])
    page.get_by_role("button", name="Forget <b>stick</b>").click()
    expect(page.locator("#answer .message")).to_contain_text("Teach it a class or two")
    expect(page.locator("#lesson li")).to_have_count(0)

    other = browser.new_page()  # another visitor has been taught nothing
    other.goto(app.url)
    open_recognise(other)
    expect(other.locator("#lesson li")).to_have_count(0)
    other.close()


PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.mark.parametrize("options", [PHONE], ids=["phone"])
def test_a_phone_draws_by_touch_and_keeps_the_verdict_in_view(page):
    draw_by_touch(page, "first", ONE)
    draw_by_touch(page, "second", ZERO)
    expect(page.locator("#verdict .word")).to_have_text("Different")
    expect(page.locator("#verdict .word")).to_be_in_viewport()  # it sticks to the lower edge
    expect(page.locator("#verdict .distance")).not_to_be_in_viewport()
    press(page, "Compare")
    expect(page.locator("#verdict .distance")).to_be_in_viewport()


@pytest.mark.parametrize("options", [{"color_scheme": scheme} for scheme in ("light", "dark")], ids=["light", "dark"])
def test_nothing_is_cut_or_overlaps_at_any_width(page):
    parts = page.locator("#header h1, .sketch, #actions button, #verdict .scale, #examples button")
    expect(parts).to_have_count(1 + 2 + 2 + 1 + len(app_module.EXAMPLES))
    for width in (1440, 1024, 768, 390, 320):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        boxes = [parts.nth(index).bounding_box() for index in range(parts.count())]
        for index, box in enumerate(boxes):
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
            for other in boxes[:index]:
                apart_x = other["x"] + other["width"] <= box["x"] or box["x"] + box["width"] <= other["x"]
                apart_y = other["y"] + other["height"] <= box["y"] or box["y"] + box["height"] <= other["y"]
                assert apart_x or apart_y, f"{width} px: {box} and {other}"
