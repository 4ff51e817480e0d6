"""What else visitors find: other models, what drives a verdict, many images, and classes of their own."""

import json
import re
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from app_fixtures import App, running_app
from browser_fixtures import (
    HOUSE,
    ONE,
    PHONE,
    ROSE,
    draw,
    draw_by_touch,
    expect_verdict_on,
    on_paper,
    places,
    press,
    upload,
)  # fmt: skip
from PIL import Image
from playwright.sync_api import Page, expect

from siamese.demo.compare.comparison import compare
from siamese.demo.compare.tab import EXAMPLES
from siamese.demo.compare.understand import drivers

pytestmark = pytest.mark.slow


# ---- Models ----


@pytest.fixture(scope="module")
def two_models(browser, trained_folder, tmp_path_factory) -> Iterator[App]:
    """The demo with a model of one's own beside the bundled ones."""
    with running_app(tmp_path_factory.mktemp("two"), SIAMESE_MODEL=str(trained_folder)) as running:
        yield running


def test_the_visitor_chooses_among_ones_own_and_the_bundled_models(two_models, open_page, verifier, bundled, digits):
    page = open_page(two_models)
    pair = [digits[0][index] for index in EXAMPLES[0][:2]]
    choices = page.locator("#model input")
    expect(choices.first).to_be_checked()
    expect(page.locator("#header .model")).to_contain_text("Model model ·")
    expect(page.locator("#header .model")).to_contain_text("trained on 1,800 images of 10 classes (mnist-sample)")
    page.locator("#examples button").first.click()
    expect_verdict_on(page, verifier, pair)
    page.get_by_label("digits (bundled)").check()
    expect(page.locator("#header .model")).to_contain_text("Model digits (bundled) ·")
    expect_verdict_on(page, bundled, pair)
    page.get_by_label("model", exact=True).check()
    expect_verdict_on(page, verifier, pair)


# ---- Understanding ----


def test_the_map_and_the_drivers_follow_the_pair_and_nothing_moves(page, digits, bundled):
    before = places(page, "#examples", "#judge", "#understand")
    expect(page.locator("#plane .mark")).to_have_count(0)
    page.locator("#examples button").first.click()
    expect(page.locator("#plane .mark")).to_have_count(2)
    box, shown = page.get_by_label("Show it on the images"), page.locator("#drivers img")
    for number in (0, 1):  # on a wide screen they are there once they are in sight, and not before
        page.locator("#examples button").nth(number).click()
        expect(shown).to_have_count(0)
        page.locator("#drivers").scroll_into_view_if_needed()
        expect(shown).to_have_count(2)
        expect(box).to_be_checked()
        pair = compare(bundled, [digits[0][index] for index in EXAMPLES[number][:2]])
        expected = re.findall(r'src="([^"]+)"', drivers(pair.seen, pair.drivers()))
        assert shown.evaluate_all("images => images.map((image) => image.src)") == expected
    box.uncheck()
    expect(shown).to_have_count(0)
    page.wait_for_timeout(1500)
    expect(box).not_to_be_checked()  # it is not for the page to know better
    box.check()
    expect(shown).to_have_count(2)
    box.uncheck()
    assert places(page, "#examples", "#judge", "#understand") == before


def test_verdict_and_map_follow_a_stroke_where_the_pen_halts(page):
    draw(page, "first", ONE)
    draw(page, "second", ONE)
    expect(page.locator("#plane .mark")).to_have_count(2)
    place, turn = page.locator("#plane .mark").nth(1), page.locator("#verdict .panel")
    before, at, asked = place.get_attribute("transform"), turn.get_attribute("data-turn"), []
    page.on("request", lambda request: asked.append(request.url) if "run/predict" in request.url else None)
    points = on_paper(page, "second", [(0.25, 0.3), (0.5, 0.25), (0.7, 0.3), (0.75, 0.5)])
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point)
    expect(place).not_to_have_attribute("transform", before)
    expect(turn).not_to_have_attribute("data-turn", at)
    page.wait_for_timeout(500)
    halted, count = place.get_attribute("transform"), len(asked)
    page.wait_for_timeout(500)
    assert len(asked) == count, "what stands still is asked about once"
    page.mouse.move(*on_paper(page, "second", [(0.3, 0.75)])[0])
    page.mouse.up()
    expect(place).not_to_have_attribute("transform", halted)
    page.wait_for_timeout(500)
    count = len(asked)
    page.mouse.move(*points[0])
    page.wait_for_timeout(500)
    assert len(asked) == count, "no stroke, no question"


def test_the_same_call_is_copied_with_the_threshold_of_the_page(page, app):
    page.get_by_label("0.1% false accepts").check()
    page.get_by_role("button", name="The same in a program").click()
    expect(page.locator("#snippets code").first).to_contain_text("threshold=")
    press(page, "Copy: This page, as a service")
    expect(page.locator("#snippets button").nth(2)).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert f'Client("{app.url}", ' in copied
    assert copied == page.locator("#snippets code").nth(2).inner_text()


def test_the_page_about_the_endpoints_asks_for_nothing_that_is_closed(page):
    refused = []
    page.on("response", lambda answer: refused.append(answer.url) if answer.status >= 400 else None)
    page.get_by_role("button", name="Use via API").click()
    expect(page.get_by_text("image_a").first).to_be_visible()
    page.wait_for_timeout(500)
    assert refused == []


def test_how_it_works_is_drawn(page):
    page.get_by_role("tab", name="How it works").click()
    expect(page.locator("#about svg.network")).to_be_visible()
    expect(page.locator("#about .facts dd").first).to_contain_text("76,354 images")


# ---- Many images ----


def test_many_images_give_a_matrix_and_a_csv(page, pictures, bundled, tmp_path):
    (tmp_path / "text.png").write_text("text")
    page.get_by_role("tab", name="Many").click()
    paths = [pictures[name] for name in ("plain.png", "sketch.png", "photo.jpg")]
    page.locator("#files input[type=file]").set_input_files([*paths, tmp_path / "text.png"])
    expect(page.locator("#many .problems")).to_contain_text("'text.png' is not an image")
    cells = page.locator("#many .matrix tbody td")
    expect(cells).to_have_text([f"{bundled.verify(a, b).distance:.2f}" for a in paths for b in paths])
    with page.expect_download() as download:
        page.get_by_role("link", name="Save as CSV").click()
    lines = Path(download.value.path()).read_text().splitlines()
    assert lines[0] == ",plain.png,sketch.png,photo.jpg"
    assert float(lines[1].split(",")[2]) == pytest.approx(bundled.verify(*paths[:2]).distance, abs=1e-3)


def test_samples_and_pictures_of_a_camera_fall_into_groups_and_the_table_is_sorted_by_them(page):
    page.get_by_role("tab", name="Many").click()
    press(page, "Sample images")
    expect(page.locator("#matrix .groups li")).to_have_count(4)
    page.get_by_label("By group").check()
    rows = "rows => rows.map((row) => row.dataset.name[0])"
    assert page.locator("#matrix tbody tr").evaluate_all(rows) == [*"777444000333"]
    cells = "rows => rows.map((row) => [...row.cells].map((cell) => cell.className === 'near'))"
    assert page.locator("#matrix tbody tr").evaluate_all(cells) == [
        [False, *(column // 3 == row // 3 for column in range(12))] for row in range(12)
    ]
    press(page, "Use the camera")
    page.get_by_role("button", name="Hold to record").press("Enter")
    expect(page.locator("#matrix tbody tr")).to_have_count(13)
    assert page.locator("#matrix tbody tr").evaluate_all(rows) == [*"777c444000333"]  # the first digit, on paper
    name = page.locator("#matrix tbody small").get_by_text("camera-13.jpg")
    assert name.evaluate("({scrollWidth, clientWidth, scrollHeight, clientHeight}) => "
                         "scrollWidth <= clientWidth && scrollHeight <= clientHeight")  # fmt: skip


# ---- Recognise ----


def open_recognise(page: Page) -> None:
    page.get_by_role("tab", name="Recognise").click()
    expect(page.locator("#recognise .sketch button[aria-label='Brush'].highlight")).to_have_count(2)


def teach_stroke(page: Page, name: str, stroke: list) -> None:
    draw(page, "example", stroke)
    page.get_by_label("Name of the class").fill(name)
    press(page, "Add example")
    expect(page.locator("#recognise .note")).to_have_text(f"Added an example of {name}.")
    expect(page.locator("#sketch-example").get_by_role("button", name="Undo")).to_be_disabled()


def classes(page: Page) -> list[str]:
    return page.locator("#answer .ranking tbody th").all_inner_texts()


def test_two_symbols_are_taught_and_recognised_and_a_third_is_none_of_these(page):
    open_recognise(page)
    press(page, "Add example")
    expect(page.locator("#recognise .note")).to_have_text("draw or upload an example first")
    teach_stroke(page, "rose", ROSE)
    teach_stroke(page, "<b>house</b>", HOUSE)
    expect(page.locator("#taught b")).to_have_text(["rose", "<b>house</b>"])
    expect(page.locator("#taught img")).to_have_count(2)

    draw(page, "query", [(x + 0.03, y) for x, y in ROSE])
    expect(page.locator("#answer .word")).to_have_text("rose")
    assert classes(page) == ["rose", "<b>house</b>"]
    near, far = map(float, page.locator("#answer .ranking td:nth-child(2)").all_inner_texts())
    assert near < far
    page.locator("#sketch-query").get_by_role("button", name="Clear canvas").click()
    expect(page.locator("#answer .message")).to_have_text("Draw or upload what is to be recognised.")
    draw(page, "query", ONE)
    expect(page.locator("#answer .word")).to_have_text("None of these")

    page.get_by_role("button", name="Remove rose").click()
    expect(page.locator("#taught b")).to_have_text(["<b>house</b>"])
    expect(page.locator("#answer .ranking tbody th")).to_have_text(["<b>house</b>"])
    press(page, "Forget all")
    expect(page.locator("#taught li")).to_have_count(0)
    expect(page.locator("#answer .message")).to_have_text("Teach a class or two first.")


def test_an_example_can_be_uploaded_and_its_class_is_recognised_from_an_upload(page, pictures):
    open_recognise(page)
    for side in ("example", "query"):
        page.locator(f"#{side}-side").get_by_role("tab", name="Upload").click()
    for side in ("example", "query"):
        upload(page, side, pictures["photo.jpg"])
        expect(page.locator(f"#upload-{side} .image-frame img")).to_be_visible()
        if side == "example":
            page.get_by_label("Name of the class").fill("mine")
            press(page, "Add example")
            expect(page.locator("#recognise .note")).to_contain_text("Added an example of mine.")
            expect(page.locator("#upload-example .image-frame img")).to_have_count(0)  # emptied for the next
    expect(page.locator("#answer .ranking tbody th")).to_have_text(["mine"])
    expect(page.locator("#answer .ranking td").first).to_have_text("0.000")


def ask_again(app: App, body: str) -> str:
    """What the server answers to a request of a page, sent once more from elsewhere."""
    call = urllib.request.Request(f"{app.url}/gradio_api/run/predict", body.encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(call, timeout=30) as answer:
        return json.loads(answer.read())["data"][0]


def test_what_one_visitor_teaches_no_other_sees_and_it_ends_with_the_page(open_page, app):
    teacher, stranger = open_page(app), open_page(app)
    for page in (teacher, stranger):
        open_recognise(page)
    teach_stroke(teacher, "mine", ROSE)
    draw(stranger, "query", ROSE)
    expect(stranger.locator("#answer .message")).to_have_text("Teach a class or two first.")
    expect(stranger.locator("#taught li")).to_have_count(0)

    with teacher.expect_request("**/run/predict*") as asked:
        draw(teacher, "query", ROSE)
    expect(teacher.locator("#answer .word")).to_have_text("mine")
    assert "mine" in ask_again(app, asked.value.post_data)
    teacher.context.close()
    deadline = time.monotonic() + 20
    while "mine" in (answer := ask_again(app, asked.value.post_data)):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert "Teach a class or two first." in answer


@pytest.mark.parametrize("options", [PHONE], ids=["phone"])
def test_a_phone_teaches_by_touch_and_uploads(page, pictures):
    open_recognise(page)
    draw_by_touch(page, "example", ROSE)
    page.get_by_label("Name of the class").fill("rose")
    page.get_by_label("Name of the class").press("Enter")
    expect(page.locator("#taught b")).to_have_text(["rose"])
    page.locator("#query-side").get_by_role("tab", name="Upload").click()
    upload(page, "query", pictures["photo.jpg"])
    expect(page.locator("#answer .word")).to_have_text("None of these")
    expect(page.locator("#answer .word")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["viewport"]["width"]


@pytest.mark.exhaustive
def test_samples_are_taught_kept_as_a_file_and_taught_again_from_it(page, digits, tmp_path):
    open_recognise(page)
    page.get_by_role("button", name="Teach the digits").click()
    expect(page.locator("#taught img")).to_have_count(6)
    page.get_by_role("button", name="Ask about sample 2").click()
    expect(page.locator("#answer .word")).to_have_text("digit 5")
    with page.expect_download() as download:
        page.get_by_role("link", name="Save what was taught").click()
    download.value.save_as(tmp_path / "taught.safetensors")
    press(page, "Forget all")
    expect(page.locator("#keep a")).to_have_count(0)
    page.locator("#gallery input[type=file]").set_input_files(tmp_path / "taught.safetensors")
    expect(page.locator("#answer .word")).to_have_text("digit 5")
    (tmp_path / "hostile.safetensors").write_text("<script>alert(1)</script>")
    page.locator("#gallery input[type=file]").set_input_files(tmp_path / "hostile.safetensors")
    expect(page.locator("#recognise .note")).to_contain_text("is no gallery of taught classes")
    assert page.locator("#taught b").all_inner_texts() == ["digit 2", "digit 5", "digit 8"]

    two = digits[0][np.flatnonzero(digits[1] == 2)[7]]
    Image.fromarray(two).resize((200, 120)).save(tmp_path / "two.pgm")
    upload(page, "query", tmp_path / "two.pgm")
    expect(page.locator("#answer .word")).to_have_text("digit 2")
    preview = page.locator("#upload-query img.loaded")
    expect(preview).to_be_visible()
    assert preview.evaluate("(image) => [image.naturalWidth, image.naturalHeight]") == [200, 120]
