"""The first minute, and what is passed on: a verdict before anything is done, always in sight, in links and addresses."""

import base64
import io
import re
from types import SimpleNamespace

import numpy as np
import pytest
from browser_fixtures import BOTH_BRUSHES, ONE, PHONE, ROSE, ZERO, chromium_path, draw, draw_by_touch, expect_state, press
from PIL import Image
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.slow

SIZES = ((1440, 900), (768, 1024), (390, 844), (844, 390), (720, 450))  # the last: a desk at 200%
SHOWN = ("word", "confidence", "distance", "threshold")


def told(page: Page) -> list[str]:
    return [page.locator(f"#verdict .{name}").inner_text() for name in SHOWN]


def test_a_verdict_is_there_before_anything_is_done_and_always_in_sight(page):
    opening = page.locator("#opening .word")
    expect(opening).to_have_text("Same")
    expect(page.locator(".sketch > svg.drawn")).to_have_count(2)
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        for place in ("top", "bottom"):
            page.evaluate(f"scrollTo(0, {0 if place == 'top' else 'document.body.scrollHeight'})")
            if width < 1100 or place == "top":
                expect(opening).to_be_in_viewport(ratio=1)
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[-1][0]
    expect_state(page, "waiting")

    page.set_viewport_size({"width": 1440, "height": 900})
    page.evaluate("scrollTo(0, 0)")
    expect(page.locator("#examples button").last).to_be_in_viewport(ratio=1)
    draw(page, "first", ONE)
    expect(page.locator("#opening .word, .sketch > svg")).to_have_count(0)
    page.set_viewport_size({"width": 390, "height": 844})
    left, right = (page.locator(f"#sketch-{name}").bounding_box() for name in ("first", "second"))
    assert left["y"] == right["y"]
    assert left["x"] + left["width"] < right["x"]
    page.locator("#examples button").last.click()
    expect(page.locator("#verdict .word")).to_have_text("Different")
    expect(page.locator("#verdict .word")).to_be_in_viewport(ratio=1)
    expect(page.locator("#examples button").last).to_contain_text("Truth: same; the network is fooled")


MOVES = """window.moved = 0;
new PerformanceObserver((list) => { for (const {value} of list.getEntries()) window.moved += value; })
  .observe({type: "layout-shift", buffered: true});"""


@pytest.mark.exhaustive
def test_nothing_moves_aside_when_a_scroll_bar_comes(browser, app):
    """Which takes room in a browser with a window, so one is asked for that shows them."""
    path = chromium_path(SimpleNamespace(chromium=browser.browser_type))
    shown = browser.browser_type.launch(executable_path=path, ignore_default_args=["--hide-scrollbars"])
    page = shown.new_page(viewport={"width": 1350, "height": 940})
    page.add_init_script(MOVES)
    page.goto(app.url)
    width = page.evaluate("document.body.getBoundingClientRect().width")
    expect(page.locator(BOTH_BRUSHES)).to_have_count(2)
    assert page.evaluate("document.body.getBoundingClientRect().width") == width < 1350
    assert page.evaluate("moved") < 0.1  # what Lighthouse calls good
    shown.close()


@pytest.mark.exhaustive
def test_tabs_have_addresses_back_goes_back_and_a_reload_keeps_what_was_drawn(page):
    draw(page, "first", ONE)
    draw(page, "second", ROSE)
    expect(page.locator("#verdict .word")).to_have_text("Different")
    before = told(page)
    page.get_by_role("tab", name="Many").click()
    expect(page).to_have_url(re.compile(r"#many$"))
    page.get_by_role("tab", name="How it works").click()
    expect(page).to_have_url(re.compile(r"#about$"))
    page.go_back()
    expect(page.locator("#files")).to_be_visible()
    page.reload()
    expect(page.locator("#files")).to_be_visible()
    page.go_back()
    expect(page.locator("#sketch-first")).to_be_visible()
    expect(page.locator(BOTH_BRUSHES)).to_have_count(2)
    expect(page.locator("#verdict .word")).to_have_text("Different")
    assert told(page) == before
    expect(page.locator("#opening .word")).to_have_count(0)
    press(page, "Clear both")
    expect(page.locator("#verdict .message")).to_have_text("Draw or upload two images.")
    page.wait_for_function("!Object.keys(sessionStorage).some((key) => key.startsWith('siamese-'))")


def png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def hostile_fragments(digit: np.ndarray) -> list[str]:
    """What stands after the "#" of addresses that want more than to show a pair, or are broken."""
    whole = png(digit)

    def link(a: bytes | str = whole, b: bytes | str = whole, more: str = "") -> str:
        texts = (each if isinstance(each, str) else base64.b64encode(each).decode().replace("+", "%2B") for each in (a, b))
        return "compare?a={}&b={}".format(*texts) + more

    size = (40_000).to_bytes(4, "big")
    script = "<script>window.ran=1</script>"
    return [
        script, "<img src=x onerror=window.ran=1>", "javascript:window.ran=1", "__proto__", "../../etc/passwd", "%E0%A4%A",
        "compare<svg onload=window.ran=1>?a=1", "x" * 100_000, "compare?" + script, "compare?{}", "compare?%",
        'compare?{"a": "<img src=x onerror=window.ran=1>"}', "compare?a=1", "compare?__proto__=1&constructor=2",
        link(more="&a=AAAA"), link(more="&onload=window.ran=1"), link(more="&point=7"), link(more="&point=-1"),
        link(more="&threshold=NaN"), link(more="&threshold=-1"), link(more="&threshold=1e999"), link(more="&threshold=0"),
        link(a="not base64!"), link(b="A"), link(a=b"GIF89a" + bytes(40)), link(a=script.encode() * 3), link(b=whole[:-30]),
        link(b=whole[:16] + size + size + whole[24:]), link(a=whole[:40] + bytes(len(whole) - 40)),
        link(a=png(np.zeros((129, 129), np.uint8))), link(a="A" * 70_000),
        link(b=b'<svg xmlns="http://www.w3.org/2000/svg" onload="window.ran=1"/>'),
        link(more="&model=" + script), link(a="data:text/html," + script),
    ]  # fmt: skip


def test_a_link_reopens_the_verdict_to_the_digit_and_a_hostile_one_is_a_sentence(open_page, app, digits):
    page = open_page(app)
    expect(page.get_by_role("button", name="Copy link")).to_be_disabled()
    draw(page, "first", ZERO)
    draw(page, "second", [(x, 0.9 * y) for x, y in ZERO])
    expect(page.locator("#verdict .word")).to_have_text("Same")
    page.get_by_label("0.1% false accepts").check()
    curve_end = page.locator("#point input").nth(2)
    expect(curve_end).to_be_checked()
    press(page, "Copy link")
    expect(page.get_by_role("button", name="Copied", exact=True)).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    assert len(link) < 2500  # messengers cut what is much longer
    assert link.startswith(f"{app.url}/#compare?")
    page.wait_for_timeout(300)
    before = told(page)
    page.context.close()

    other = open_page(app, link)
    expect(other.locator("#verdict .seen img")).to_have_count(2)
    expect(other.locator("#verdict .threshold")).to_have_text(before[3])
    assert told(other) == before

    note = other.locator("#said .note")
    fragments = hostile_fragments(digits[0][0])
    assert len(fragments) >= 30
    for fragment in fragments:
        other.evaluate("(fragment) => { siamese.compare.say(''); location.hash = fragment; }", fragment)
        expect(note).to_have_text(re.compile(r"^(This link cannot|There is nothing|The link is to) .{10,300}\.$"))
        assert other.evaluate("document.querySelectorAll('#said .note *').length") == 0
    assert other.evaluate("window.ran") is None
    expect(other.locator("#verdict .seen img")).to_have_count(2)


@pytest.mark.exhaustive
def test_two_games_are_played_on_the_papers(page):
    said = page.locator("#said .game p")
    press(page, "Pair of the day")
    expect(said).to_have_text(re.compile(r"^Draw a \d (first and a \d second that it calls the same|on both)"))
    today = said.inner_text()
    press(page, "Pair of the day")
    expect(said).to_have_text(today)
    page.evaluate("siamese.play.game = {wanted: 'different', digits: [1, 1]}")
    draw(page, "first", ONE)
    expect(said).to_have_text("Draw a 1 on both papers, so that it calls them different.")
    draw(page, "second", ONE)
    expect(said).to_have_text(re.compile(r"^The first is \d+% clearly a 1, the second \d+% .+ It is not fooled yet\.$"))
    page.evaluate("siamese.play.game = {wanted: 'same', digits: [1, 1]}")
    draw(page, "second", [(x, y - 0.05) for x, y in ONE])
    expect(said).to_have_text(re.compile(r"You fooled it! Score \d+ of 100\.$"))
    *clear, score = map(int, re.findall(r"(\d+)(?:% clearly| of 100)", said.inner_text()))
    assert 0 < score <= 100
    assert abs(score - 2 * (min(clear) - 50)) <= 1  # both are rounded

    press(page, "Write five")
    press(page, "Keep this one")
    expect(said).to_have_text("There is nothing on the first paper yet: write the sign there.")
    for number in range(5):
        expect(page.locator("#sketch-first").get_by_role("button", name="Undo")).to_be_disabled()
        draw(page, "first", [(x + 0.01 * number, y) for x, y in ZERO])
        press(page, "Keep this one")
    expect(said).to_have_text(re.compile(r"All 10 pairs would be called same: you are consistent\.$"))
    expect(page.get_by_role("button", name="Keep this one")).to_be_hidden()
    expect(page.get_by_role("button", name="Five more")).to_be_visible()
    low, high, mean = map(
        float, re.match(r"Your five are ([\d.]+) to ([\d.]+) apart, ([\d.]+) on", said.inner_text()).groups()
    )
    assert 0 <= low <= mean <= high < 0.3
    press(page, "Five more")
    expect(said).to_have_text("Write a sign on the first paper: number 1 of 5.")
    expect(page.locator("#said .game")).to_be_focused()
    page.get_by_role("button", name="Stop", exact=True).press("Enter")
    expect(said).to_be_hidden()
    expect(page.get_by_role("button", name="Write five")).to_be_focused()
    expect(page.get_by_role("button", name="Write five")).to_be_in_viewport()
    press(page, "Pair of the day")
    page.locator("#said").get_by_role("button", name="Another pair").click()
    expect(said).to_have_text(re.compile(r"^Draw a \d "))


SHARE_SHEET = """
navigator.canShare = ({files}) => files.every((file) => file.type === "image/png");
navigator.share = async ({files, ...told}) => {
  if (window.refusal) throw new DOMException("no", window.refusal);
  const picture = await new Promise((done) => {
    const reader = Object.assign(new FileReader(), {onload: () => done(reader.result)});
    reader.readAsDataURL(files[0]);
  });
  window.shared = {...told, name: files[0].name, picture};
};"""


@pytest.mark.exhaustive
@pytest.mark.parametrize("options", [PHONE], ids=["phone"])
def test_the_share_sheet_of_a_phone_gets_a_sentence_the_link_and_the_picture(page, app):
    page.context.add_init_script(SHARE_SHEET)
    page = page.context.new_page()
    page.goto(app.url)
    expect(page.locator(BOTH_BRUSHES)).to_have_count(2)
    draw_by_touch(page, "first", ONE)
    draw_by_touch(page, "second", ZERO)
    expect(page.locator("#verdict .word")).to_have_text("Different")
    press(page, "Share")
    page.wait_for_function("window.shared")
    shared = page.evaluate("window.shared")
    assert shared["title"] == "Same or different?"
    assert shared["text"] == "Different, says a siamese network. What do you say?"
    assert shared["url"] == page.evaluate("siamese.compare.link(document.querySelector('#verdict .panel'))")
    assert shared["url"].startswith(f"{app.url}/#compare?")
    assert shared["name"] == "same-or-different.png"
    with Image.open(io.BytesIO(base64.b64decode(shared["picture"].partition(",")[2]))) as picture:
        assert (picture.format, picture.size) == ("PNG", (1200, 630))
    for refusal, said in (("AbortError", ""), ("NotAllowedError", "This browser could not share it: copy the link or")):
        page.evaluate("(refusal) => { window.refusal = refusal; }", refusal)
        press(page, "Share")
        page.wait_for_timeout(500)
        expect(page.locator("#said .note")).to_contain_text(said)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
