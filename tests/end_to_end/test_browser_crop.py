"""A visitor crops what was uploaded: by mouse, touch and keys, from a file and from the camera."""

import io
import re
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from browser_fixtures import PHONE, expect_verdict_on, open_tab, press, upload
from PIL import Image
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.slow

A_PART = re.compile("/cropped.png$")  # an address of one
PART = (0.05, 0.15, 0.47, 0.9)  # of the picture: what is kept, around the first of the two digits


@pytest.fixture
def two(digits, tmp_path) -> Path:
    """Two digits beside each other on grey paper, of more pixels than a part is sent in."""
    sheet = np.full((1800, 3000), 235, np.uint8)
    for place in (0, 1):
        digit = np.asarray(Image.fromarray(digits[0][place]).resize((1200, 1200)))
        sheet[300:1500, 150 + 1350 * place : 1350 + 1350 * place] = 235 - 0.85 * digit
    Image.fromarray(sheet).save(tmp_path / "two.png")
    return tmp_path / "two.png"


def sheet_over(page: Page, ordinal: str) -> Locator:
    """The sheet to choose a part on, opened."""
    side = page.locator(f"#{ordinal}-side")
    side.get_by_role("button", name="Crop").click()
    sheet = side.get_by_role("group", name="Drag around what to keep")
    expect(sheet).to_be_visible()
    return sheet


def corners(sheet: Locator) -> list[tuple[float, float]]:
    """Where on the screen a part begins and ends."""
    box = sheet.bounding_box()
    return [(box["x"] + PART[k] * box["width"], box["y"] + PART[k + 1] * box["height"]) for k in (0, 2)]


def drag(page: Page, sheet: Locator) -> None:
    start, end = corners(sheet)
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(start[0] + 9, start[1] + 9)
    page.mouse.move(*end)
    page.mouse.up()


def drag_by_touch(page: Page, sheet: Locator) -> None:
    session, (start, end) = page.context.new_cdp_session(page), corners(sheet)
    middle = [(a + b) / 2 for a, b in zip(start, end, strict=True)]
    for kind, places in (("touchStart", [start]), ("touchMove", [middle]), ("touchMove", [end]), ("touchEnd", [])):
        points = [{"x": x, "y": y} for x, y in places]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def uploaded(page: Page, ordinal: str) -> Image.Image:
    """The picture that the server has."""
    with urllib.request.urlopen(
        page.locator(f"#upload-{ordinal} .image-frame img").get_attribute("src"), timeout=30
    ) as answer:
        return Image.open(io.BytesIO(answer.read())).convert("L")


def expect_part(page: Page, original: Path) -> None:
    """The first upload is the part of the picture that was dragged around, and gets the verdict of one digit."""
    expect(page.locator("#upload-first .image-frame img")).to_have_attribute("src", A_PART)
    with Image.open(original) as whole:
        box = [round(share * side) for share, side in zip(PART, whole.size * 2, strict=True)]
        expected = whole.convert("L").crop(box)
    part = uploaded(page, "first")
    assert max(part.size) <= 1024
    assert part.width / part.height == pytest.approx(expected.width / expected.height, rel=0.03)
    difference = np.asarray(part, float) - np.asarray(expected.resize(part.size), float)
    assert np.abs(difference).mean() < 5


@pytest.mark.parametrize(("options", "by"), [({}, drag), (PHONE, drag_by_touch)], ids=["mouse", "phone"])
def test_a_picture_of_two_digits_is_cropped_to_one_and_back(page, by, two, pictures, bundled):
    for side, (ordinal, file) in enumerate((("first", two), ("second", pictures["photo.jpg"]))):
        open_tab(page, side, "Upload")
        expect(page.locator(f"#{ordinal}-side").get_by_role("button", name="Crop")).to_be_hidden()
        upload(page, ordinal, file)
    expect(page.locator("#verdict .caution")).to_contain_text("seems to hold several drawings")
    by(page, sheet_over(page, "first"))
    expect_part(page, two)
    expect(page.locator("#verdict .caution")).to_have_text("")
    expect_verdict_on(page, bundled, [uploaded(page, "first"), pictures["photo.jpg"]])
    press(page, "Whole picture")
    expect(page.locator("#verdict .caution")).to_contain_text("seems to hold several drawings")
    assert uploaded(page, "first").size == (3000, 1800)
    expect(page.get_by_role("button", name="Whole picture")).to_have_count(0)


def test_keys_choose_a_part_and_escape_or_a_slip_keeps_all(page, two):
    open_tab(page, 0, "Upload")
    upload(page, "first", two)
    before = page.locator("#upload-first .image-frame img").get_attribute("src")
    sheet = sheet_over(page, "first")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Escape")
    expect(sheet).to_have_count(0)
    x, y = corners(sheet := sheet_over(page, "first"))[0]
    page.mouse.click(x, y)
    expect(sheet).to_be_visible()
    assert page.locator("#upload-first .image-frame img").get_attribute("src") == before
    for key in ["ArrowLeft"] * 40 + ["ArrowUp"] * 40 + ["Shift+ArrowDown"] * 40:
        page.keyboard.press(key)
    page.keyboard.press("Enter")  # half the width and all of the height, at the left
    expect(page.locator("#upload-first .image-frame img")).to_have_attribute("src", A_PART)
    part, whole = uploaded(page, "first"), Image.open(two)
    expected = whole.crop((0, 0, 1500, 1800)).resize(part.size)
    assert np.abs(np.asarray(part, float) - np.asarray(expected, float)).mean() < 5
    expect(page.locator("#verdict .seen img")).to_have_count(1)
    expect(page.locator("#verdict .caution")).to_have_text("")


@pytest.mark.exhaustive
def test_what_the_camera_took_is_cropped_and_brought_back(page):
    open_tab(page, 0, "Upload")
    box = page.locator("#upload-first")
    box.get_by_label("Capture from camera").click()
    box.get_by_text("Click to Access Webcam").click()
    page.wait_for_function("document.querySelector('#upload-first video')?.currentTime > 0.5")
    box.get_by_label("capture photo").click()
    expect(page.locator("#first-side").get_by_role("button", name="Crop")).to_be_visible()
    size = uploaded(page, "first").size
    drag(page, sheet_over(page, "first"))
    expect(page.locator("#upload-first .image-frame img")).to_have_attribute("src", A_PART)
    press(page, "Whole picture")
    expect(page.locator("#upload-first .image-frame img")).not_to_have_attribute("src", A_PART)
    assert uploaded(page, "first").size == size
