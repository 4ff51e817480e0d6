"""The demo as visitors meet it: in Chromium, with mouse, touch, files, clipboard and camera."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from browser_fixtures import (
    BOTH_BRUSHES,
    ONE,
    PHONE,
    ROSE,
    ZERO,
    camera_frame,
    draw,
    draw_by_touch,
    expect_state,
    expect_verdict_on,
    open_tab,
    places,
    press,
    seen,
    upload,
)  # fmt: skip
from PIL import Image
from playwright.sync_api import expect

from siamese.demo.compare.tab import EXAMPLES
from siamese.demo.compare.view import caution
from siamese.demo.elements import picture
from siamese.demo.inputs import read_drawing

pytestmark = pytest.mark.slow


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


@pytest.mark.exhaustive
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


def test_pictures_come_from_clipboard_and_camera_as_they_are(page, digits, bundled):
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
    expected = bundled.canonical(camera_frame(digits[0][0])).astype(int)
    difference, mirrored = (np.abs(expected - photo).mean() for photo in (seen(page)[1], seen(page)[1][:, ::-1]))
    assert difference < 10 < 20 < mirrored


# ---- Examples, tabs, buttons ----


def test_each_example_is_shown_with_its_verdict(page, digits, bundled):
    draw(page, "first", ONE)  # what was drawn before must not get into the verdict
    expect(page.locator("#verdict .seen img")).to_have_count(1)
    images, labels = digits
    cards = page.locator("#examples button")
    expect(cards).to_have_count(len(EXAMPLES))
    for number, (first, second, level) in enumerate(EXAMPLES):
        cards.nth(number).click()
        expect_verdict_on(page, bundled, [images[first], images[second]])
        is_right = level != "Fooled"
        expect_state(page, "same" if (labels[first] == labels[second]) == is_right else "different")


def test_another_threshold_changes_verdict_confidence_and_rates(page, digits, bundled):
    first, second, _ = EXAMPLES[0]
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


def test_a_stroke_is_one_request_with_both_drawings(page):
    """As an input or a trigger of a listener, Gradio's sketchpad uploads itself at each change of any status."""
    draw(page, "first", ONE)
    draw(page, "second", ZERO)
    expect(page.locator("#verdict .word")).to_have_text("Different")
    page.wait_for_timeout(1000)
    turn, sent = int(page.locator("#verdict .panel").get_attribute("data-turn")), []
    page.on("request", lambda request: sent.append(request))
    draw(page, "second", ONE)
    expect(page.locator("#verdict .panel")).not_to_have_attribute("data-turn", str(turn))
    page.wait_for_timeout(1000)
    asked = [request for request in sent if request.url.endswith("/gradio_api/run/predict")]
    assert asked == sent, "nothing else is sent"
    turns = int(page.locator("#verdict .panel").get_attribute("data-turn")) - turn
    assert len(asked) == turns <= 2, "one, and one more where this machine is so slow that the pen seems to halt"
    for request in asked:
        drawings = [value for value in request.post_data_json["data"] if str(value).startswith("data:image/png;base64,")]
        assert [read_drawing(drawing).size for drawing in drawings] == [(200, 200)] * 2  # half the side: sooner read


def test_an_older_verdict_that_comes_last_does_not_stay(page, digits, bundled):
    """Gradio may send a comparison before the one before is answered."""
    with page.expect_request("**/run/predict*") as first:
        press(page, "Compare")
    expect(page.locator("#verdict [data-turn]")).to_have_count(1)
    pair = [digits[0][index] for index in EXAMPLES[0][:2]]
    page.locator("#examples button").first.click()
    expect_verdict_on(page, bundled, pair)
    expect(page.locator("#verdict [data-turn]")).to_have_count(1)
    older = first.value.post_data  # on nothing drawn
    page.route("**/run/predict*", lambda route: route.continue_(post_data=older), times=1)
    page.evaluate("""() => {
      window.shown = [];
      const note = () => shown.push(document.querySelector("#verdict .panel")?.dataset.state);
      new MutationObserver(note).observe(document.querySelector("#verdict"), {subtree: true, childList: true});
    }""")
    press(page, "Compare")
    page.wait_for_function("shown.includes('waiting') && shown.at(-1) === 'same'")
    expect_verdict_on(page, bundled, pair)


@pytest.mark.exhaustive
def test_clear_both_empties_the_closed_tabs_too(page, pictures, bundled):
    draw(page, "first", ONE)
    draw(page, "second", ONE)
    expect(page.locator("#verdict .word")).to_have_text("Same")
    uploaded = [pictures["plain.png"], pictures["sketch.png"]]
    for side, ordinal in enumerate(("first", "second")):
        open_tab(page, side, "Upload")
        upload(page, ordinal, uploaded[side])
    expect_verdict_on(page, bundled, uploaded)  # both have arrived: what is still under way is not cleared
    press(page, "Clear both")
    expect(page.locator("#verdict .message")).to_have_text("Draw or upload two images.")
    for side in (0, 1):
        open_tab(page, side, "Draw")
    expect(page.locator(BOTH_BRUSHES)).to_have_count(2)
    draw(page, "first", ONE)
    expect(page.locator("#verdict .message")).to_have_text("Draw or upload a second image.")
    press(page, "Clear both")  # a second time: Gradio's sketchpad takes an empty value that it had before for no change
    expect(page.locator("#verdict .message")).to_have_text("Draw or upload two images.")


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


@pytest.mark.exhaustive
def test_swapped_images_keep_their_distance_and_what_was_drawn_stays(page, pictures):
    draw(page, "first", ONE)
    open_tab(page, 1, "Upload")
    upload(page, "second", pictures["plain.png"])
    expect(page.locator("#verdict .seen img")).to_have_count(2)
    distance, before = page.locator("#verdict .distance").inner_text(), seen(page)
    press(page, "Swap")
    sources = [picture(image, "") for image in reversed(before)]
    for side, source in enumerate(sources):
        expect(page.locator("#verdict .seen img").nth(side)).to_have_attribute("src", re.search('src="(.*)"', source)[1])
    expect(page.locator("#verdict .distance")).to_have_text(distance)
    expect(page.locator("#upload-first img")).to_be_visible()
    open_tab(page, 0, "Draw")
    expect(page.locator("#verdict .seen img").first).to_have_attribute("src", re.search('src="(.*)"', sources[1])[1])


def test_a_verdict_is_saved_as_an_image_to_share(page, digits):
    save = page.get_by_role("button", name="Save as an image")
    expect(save).to_be_disabled()
    page.locator("#examples button").first.click()
    expect(save).to_be_enabled()
    with page.expect_download() as download:
        save.click()
    assert download.value.suggested_filename == "same-or-different.png"
    saved = Image.open(download.value.path()).convert("RGB")
    if folder := os.environ.get("SIAMESE_SCREENSHOTS"):
        saved.save(Path(folder) / "saved.png")
    assert saved.size == (1200, 630)
    for side, image in enumerate(seen(page)):
        shown = saved.crop((60 + 360 * side, 60, 390 + 360 * side, 390)).convert("L")
        expected = Image.fromarray(image).resize((330, 330), Image.Resampling.NEAREST)
        difference = np.abs(np.asarray(shown, int) - np.asarray(expected, int))
        assert difference.mean() < 5  # another rounding of which pixel is nearest
    colours = saved.crop((60, 420, 560, 510)).getcolors(1 << 16)
    assert (0x1D, 0x4E, 0xD8) in [colour for _, colour in colours]  # the word, in the colour of "same"


@pytest.mark.parametrize("options", [PHONE], ids=["phone"])
def test_a_phone_draws_by_touch_and_keeps_the_verdict_in_view(page):
    draw_by_touch(page, "first", ONE)
    draw_by_touch(page, "second", ZERO)
    expect(page.locator("#verdict .word")).to_have_text("Different")
    expect(page.locator("#verdict .word")).to_be_in_viewport()  # it sticks to the lower edge
    expect(page.locator("#verdict .distance")).not_to_be_in_viewport()
    press(page, "Compare")
    expect(page.locator("#verdict .distance")).to_be_in_viewport()


@pytest.mark.exhaustive
def test_nothing_is_cut_or_overlaps_at_any_width(page):
    parts = page.locator("#header h1, .sketch, .actions button, #verdict .scale, #examples button")
    expect(parts).to_have_count(1 + 2 + 3 + 1 + len(EXAMPLES))
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


def test_a_drawing_unlike_all_digits_gets_a_caution_and_nothing_moves(page):
    draw(page, "first", ONE)
    expect(page.locator("#verdict .seen img")).to_have_count(1)
    expect(page.locator("#verdict .caution")).to_have_text("")
    before = places(page, "#verdict .panel", "#examples")
    draw(page, "second", ROSE)
    expect(page.locator("#verdict .caution")).to_have_text(caution([True, False]))
    assert places(page, "#verdict .panel", "#examples") == before
