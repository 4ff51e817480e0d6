"""A newcomer with a phone, or with the keyboard alone: what is said is in sight, and whatever is there can be reached."""

import itertools
import re
import time
from collections.abc import Callable

import pytest
from browser_fixtures import BOTH_BRUSHES, ONE, PHONE, ROSE, draw_by_touch, places, press
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.slow

ASIDE = PHONE | {"viewport": {"width": 844, "height": 390}}
PHONES = [pytest.param(PHONE, id="phone"), pytest.param(ASIDE, id="aside", marks=pytest.mark.exhaustive)]
TRAINED = 300_000  # ms
LEAST = 24  # px of what a finger is to hit
# Controls below that, but those that are hit by what is around them: a label, the frame of a choice, another button.
SMALL = """(least) => [...document.querySelectorAll("main :is(button, a, summary, input, textarea)")].filter((control) => {
  const around = control.closest("label, .wrap-inner, .icon-button") ?? control;
  const {width, height} = around.getBoundingClientRect();
  const isShown = control.checkVisibility({visibilityProperty: true, opacityProperty: true}) && width > 1 && height > 1;
  return isShown && Math.min(width, height) < least;
}).map((control) => control.outerHTML.slice(0, 160))"""
# Where the focus is, and whether that is seen: on itself, or on the label or the frame around it.
FOCUS = """() => {
  const control = document.activeElement, around = control.closest("label, .wrap") ?? control;
  const outlines = [control, around].map((each) => getComputedStyle(each)).filter((style) => style.outlineStyle === "solid");
  return [control.getAttribute("aria-label") || control.textContent.trim() || control.value || control.tagName,
    outlines.some((style) => parseFloat(style.outlineWidth) >= 2)];
}"""


def contrast(*colours: str) -> float:
    """Of two colours as CSS tells them, by WCAG."""
    lights = []
    for colour in colours:
        shares = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
        lights.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return (max(lights) + 0.05) / (min(lights) + 0.05)


@pytest.fixture
def visit(open_page, app) -> Callable[[str], Page]:
    """Opens a tab by its address."""

    def open_tab(name: str) -> Page:
        return open_page(
            app, f"{app.url}#{name}", (f'#modes > .tab-wrapper [aria-controls="{name}"][aria-selected="true"]', 1)
        )

    return open_tab


@pytest.mark.parametrize("options", PHONES)
def test_what_is_said_out_of_sight_is_shown_on_the_edge(visit, tmp_path):
    page = visit("recognise")
    echo, note = page.locator(".echo"), page.locator("#teaching-note .note")
    page.get_by_role("button", name="Teach the digits").tap()
    expect(note).to_have_text("Added two examples of each of three digits.")
    page.locator("#gallery").scroll_into_view_if_needed()
    (tmp_path / "wrong.safetensors").write_text("no gallery")
    page.locator("#gallery input[type=file]").set_input_files(tmp_path / "wrong.safetensors")
    expect(note).to_contain_text("is no gallery of taught classes")
    expect(note).not_to_be_in_viewport()
    expect(echo).to_have_text(note.inner_text())
    expect(echo).to_be_in_viewport(ratio=1)
    (_, top, _, height), (_, edge, _, _) = places(page, ".echo", "#answer .headline")
    assert top + height <= edge
    page.wait_for_timeout(7000)
    expect(echo).to_be_visible()  # what went wrong does not go by itself
    note.evaluate("(note) => note.scrollIntoView({block: 'center'})")
    expect(echo).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


@pytest.mark.parametrize("options", PHONES)
def test_the_camera_is_in_sight_and_asks_for_a_name_before_it_records(visit):
    page = visit("train")
    page.get_by_label("Classes by hand").check()
    page.get_by_role("button", name="Use the camera").tap()
    record, status = page.get_by_role("button", name="Hold to record"), page.locator("#camera-class [role=status]")
    expect(record).to_be_in_viewport(ratio=1)
    record.press("Enter")
    expect(status).to_have_text("Name the class first, above: the pictures go into it.")
    expect(page.locator("#made")).to_contain_text("No class yet. Name one and add pictures to it")
    page.locator("#class-name input, #class-name textarea").first.fill("paper")
    record.press("Enter")
    expect(page.locator("#made .note")).to_have_text("Added 1 picture to paper.")
    (_, _, wide, _), (_, _, whole, _) = places(page, "#made .thumbnails", "#made .by-hand li")
    assert wide > 0.9 * whole  # the button that removes all leaves no gap beside them
    press(page, "Check all")
    expect(page.locator("#data-note .problem")).to_contain_text("paper")  # one picture is not enough
    expect(page.locator("#start")).to_be_disabled()


def test_a_check_says_at_once_that_it_has_begun(visit):
    page = visit("train")
    page.get_by_label("Classes by hand").check()
    page.locator("#data-note").evaluate("""(place) => {
      window.said = [];
      const listen = () => said.push(place.querySelector(".note")?.textContent);
      new MutationObserver(listen).observe(place, {subtree: true, childList: true});
    }""")
    press(page, "Check all")
    expect(page.locator("#data-note .problem")).to_be_visible()
    assert "Looking at every picture." in page.evaluate("said")


@pytest.mark.parametrize("options", PHONES)
def test_nothing_lies_under_the_verdict_at_the_end_of_the_page(page):
    draw_by_touch(page, "first", ONE)
    draw_by_touch(page, "second", ROSE)
    expect(page.locator("#verdict .word")).to_have_text("Different")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    _, top, _, height = places(page, "footer button:visible >> nth=-1")[0]
    assert top + height <= places(page, "#verdict .headline")[0][1]
    # What Gradio lifts above all else, labels, lies under it as well.
    page.locator("#point").evaluate("(e) => scrollTo(0, scrollY + e.getBoundingClientRect().top - innerHeight + 60)")
    on_top = """() => [...document.querySelectorAll("#verdict .headline, #verdict .headline *")].every((part) => {
      const {left, top, width, height} = part.getBoundingClientRect();
      return document.elementFromPoint(left + width / 2, top + height / 2).closest("#verdict .headline");
    })"""
    assert page.evaluate(on_top)


@pytest.mark.parametrize("options", PHONES)
@pytest.mark.parametrize("tab", ["compare", "recognise", "many", "train"])
def test_a_finger_hits_every_control(tab, visit, pictures):
    page = visit(tab)
    if tab == "compare":
        expect(page.locator(BOTH_BRUSHES)).to_have_count(2)
        press(page, "Pair of the day")
        page.locator("#first-side").get_by_role("tab", name="Upload").tap()
        page.locator("#upload-first input[type=file]").set_input_files(pictures["photo.jpg"])
        expect(page.locator("#first-side").get_by_role("button", name="Crop")).to_be_visible()
    elif tab == "recognise":
        page.get_by_role("button", name="Teach the digits").tap()
        expect(page.get_by_role("link", name="Save what was taught")).to_be_visible()
    elif tab == "many":
        press(page, "Sample images")
        expect(page.locator("#matrix tbody tr")).to_have_count(12)
    else:
        page.get_by_label("Classes by hand").check()
        expect(page.locator("#sketch-class canvas").first).to_be_visible()
    assert page.evaluate(SMALL, LEAST) == []
    overlaps = """() => [...document.querySelectorAll(".block:has(> .upload-container) > label")].filter((label) => {
      const words = document.createRange();
      words.selectNodeContents(label.parentElement.querySelector(".upload-container .wrap"));
      return label.checkVisibility() && label.getBoundingClientRect().bottom > words.getBoundingClientRect().top;
    }).map((label) => label.textContent)"""
    assert page.evaluate(overlaps) == []


def test_what_the_keyboard_takes_away_leaves_it_at_the_next(visit):
    page = visit("recognise")
    press(page, "Teach the digits 2, 5, 8")
    buttons = page.locator("#taught button[data-remove]")
    expect(buttons).to_have_count(3)
    buttons.nth(1).press("Enter")
    expect(buttons).to_have_count(2)
    expect(buttons.nth(1)).to_be_focused()
    for left in (1, 0):
        page.keyboard.press("Enter")
        expect(buttons).to_have_count(left)
        expect(page.locator("#taught :focus, #taught:focus")).to_have_count(1)


@pytest.mark.parametrize("options", [{"viewport": {"width": 1440, "height": 900}}], ids=["desk"])
@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.exhaustive)])
def test_the_keyboard_sees_where_it_is_and_leaves_no_list_open(scheme, visit):
    page = visit("train")
    page.emulate_media(color_scheme=scheme)
    page.get_by_label("Classes by hand").check()
    expect(page.locator("#sketch-class canvas").first).to_be_visible()
    tools = sorted(places(page, "#sketch-class button:visible"))
    assert len(tools) == 6
    assert all(left[0] + left[2] <= right[0] for left, right in itertools.pairwise(tools))
    edge, around = page.locator("#source label:has(input:not(:checked))").first.evaluate(
        "(label) => [getComputedStyle(label.firstElementChild).borderColor, getComputedStyle(label).backgroundColor]"
    )
    assert contrast(edge, around) >= 3  # what WCAG asks of the edge of a control
    page.get_by_role("tab", name="Train").focus()
    met = []
    while "Settings" not in "".join(met):
        page.keyboard.press("Tab")
        name, is_seen = page.evaluate(FOCUS)
        assert is_seen, name
        met.append(name)
        assert len(met) < 60
    for name in ("Use the camera", "Add drawing", "Check all", "Encoder", "Loss", "range slider for Epochs"):
        assert name in met
    expect(page.locator("#train .options:visible")).to_have_count(0)


def test_the_opening_says_nothing_before_it_is_drawn_and_ends_with_its_model(visit):
    page = visit("compare")
    page.wait_for_selector(".sketch > svg", state="attached")
    early = """() => {
      const shown = document.querySelector("#opening .opening"), panel = shown?.querySelector(".panel");
      return Boolean(panel?.checkVisibility()) && !shown.classList.contains("told");
    }"""
    while not page.locator("#opening .opening.told").count():
        assert not page.evaluate(early)
    expect(page.locator("#opening .word")).to_be_visible()
    page.locator("#model input").last.evaluate("(radio) => radio.click()")  # as a link does, or a training that has ended
    expect(page.locator("#header .model b").first).to_have_text("glyphs (bundled)")
    expect(page.locator("#opening .opening, .sketch > svg")).to_have_count(0)


@pytest.mark.parametrize("options", [PHONE], ids=["phone"])
def test_a_copied_link_moves_nothing(page):
    page.add_style_tag(content="#verdict [data-share] { display: block !important; }")  # as where there is a share sheet
    draw_by_touch(page, "first", ONE)
    draw_by_touch(page, "second", ROSE)
    expect(page.locator("#verdict .word")).to_have_text("Different")
    expect(page.get_by_role("button", name="Share", exact=True)).to_be_visible()
    page.wait_for_timeout(1000)
    before = places(page, "#play")
    page.get_by_role("button", name="Copy link").tap()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert places(page, "#play") == before


def test_of_a_phone_the_camera_is_asked_for_that_looks_away(page):
    page.evaluate("""() => {
      const devices = navigator.mediaDevices, ask = devices.getUserMedia.bind(devices);
      window.asked = [];
      devices.getUserMedia = (what) => { asked.push(what.video); return ask(what); };
    }""")
    page.locator("#first-side").get_by_role("tab", name="Upload").click()
    page.locator("#upload-first").get_by_role("button", name="Capture from camera").click()
    page.locator("#upload-first").get_by_text("Click to Access Webcam").click()
    page.wait_for_function("window.asked.length")
    assert page.evaluate("asked[0].facingMode") == "environment"
    expect(page.locator("#upload-first video")).to_be_visible()


@pytest.mark.exhaustive
def test_all_is_in_one_view_the_model_is_named_and_the_next_step_opens_its_tab(visit):
    page = visit("train")
    expect(page.locator("#start")).to_be_enabled()
    expect.set_options(timeout=TRAINED)
    page.set_viewport_size({"width": 1440, "height": 900})
    ends = "elements => elements.map((element) => element.getBoundingClientRect().bottom)"
    assert max(page.locator("#source, #data-check, #start, #progress").evaluate_all(ends)) <= 900
    page.get_by_label("Name of your model").fill("../signs <b>")
    page.set_viewport_size({"width": 390, "height": 844})
    page.locator("#epochs input[type=number]").fill("1")
    page.keyboard.press("Tab")
    began = time.monotonic()
    page.locator("#start").press("Enter")
    expect(page.locator("#progress .busy")).to_be_visible()
    print(f"the first sign of progress came after {time.monotonic() - began:.2f} s")
    expect(page.locator("#progress .progress")).to_be_in_viewport(ratio=1)
    expect(page.locator("#progress:focus, #progress :focus")).to_have_count(1)  # "Start" is disabled and cannot have it
    expect(page.locator("#steps [data-go]")).to_have_count(3)
    steps, curves = (page.locator(name).bounding_box()["y"] for name in ("#steps", "#curves"))
    assert page.locator("#progress").bounding_box()["y"] < steps < curves
    expect(page.locator("#model input:checked")).to_have_value("_signs _b_.zip")
    page.wait_for_function(
        "document.querySelector('#model label:has(:checked)').getBoundingClientRect().right <= innerWidth"
    )
    with page.expect_download() as download:
        page.locator("#download").click()
    assert download.value.suggested_filename == "_signs _b_.zip"
    page.get_by_role("button", name="Sort many pictures").click()
    expect(page.locator("#many-samples")).to_be_visible()
    expect(page.get_by_role("tab", name="Many")).to_be_focused()
    page.go_back()
    expect(page.locator("#steps")).to_be_visible()
    page.get_by_role("button", name="Compare two pictures").click()
    expect(page.locator("#sketch-first")).to_be_visible()
    expect(page.locator("#opening .opening")).to_have_count(0)  # which is of another model
