"""The page as it looks and as assistive technology meets it: every tab, light and dark, by width.

SIAMESE_SCREENSHOTS, where it is set, names the folder that takes a picture of each.
"""

import os
import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from brought import zip_of_digits
from browser_fixtures import BOTH_BRUSHES, ONE, ROSE, ZERO, draw, places, upload
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.slow

TRAINED = 300_000  # ms
WIDTHS = (360, 768, 1440)  # px: a phone, a tablet, a desk
TABS = ("Compare", "Recognise", "Many", "Train", "How it works")
SCHEMES = ("light", "dark")

# What axe-core finds in elements that Gradio makes and that we cannot mend: rule, and what in its HTML tells them.
GRADIO_OWN = {"nested-interactive": 'aria-label="common.upload"'}  # the button of gr.File holds the file input


def fill(page: Page, tab: str, pictures: dict[str, Path], classes: Path) -> None:
    """Open a tab and bring it into the state with most to see."""
    page.get_by_role("tab", name=tab, exact=True).click()
    if tab == "Compare":
        draw(page, "first", ONE)
        draw(page, "second", ROSE)
        expect(page.locator("#verdict .caution")).to_contain_text("unlike")
        page.get_by_label("Show it on the images").check()
        expect(page.locator("#drivers img")).to_have_count(2)
        page.get_by_role("button", name="The same in a program").click()
        expect(page.locator("#snippets code").first).to_be_visible()
    elif tab == "Recognise":
        expect(page.locator(f"#recognise {BOTH_BRUSHES}")).to_have_count(2)
        for name, stroke in (("one", ONE), ("a class with a long name", ZERO)):
            draw(page, "example", stroke)
            page.get_by_label("Name of the class").fill(name)
            page.get_by_role("button", name="Add example").click()
            expect(page.locator("#recognise .note")).to_have_text(f"Added an example of {name}.")
            expect(page.locator("#sketch-example").get_by_role("button", name="Undo")).to_be_disabled()
        draw(page, "query", ONE)
        expect(page.locator("#answer .word")).to_have_text("one")
    elif tab == "Many":
        page.locator("#files input[type=file]").set_input_files(list(pictures.values()))
        expect(page.locator("#many .matrix td.near").first).to_be_visible()
    elif tab == "Train":
        page.get_by_label("A ZIP of class folders").check()
        page.locator("#archive input[type=file]").set_input_files(classes)
        expect(page.locator("#start")).to_be_enabled()
        page.locator("#epochs input[type=number]").fill("1")
        page.keyboard.press("Tab")
        page.locator("#start").click()
        expect(page.locator("#download")).to_be_visible(timeout=TRAINED)


def picture_of(page: Page, name: str) -> None:
    if folder := os.environ.get("SIAMESE_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def sticking_out(page: Page) -> list[str]:
    """Visible elements that reach over the right or left edge of the screen, unless what they are in scrolls or clips."""
    return page.evaluate("""() => {
      const clips = (element) => {
        for (let up = element.parentElement; up && up !== document.body; up = up.parentElement)
          if (getComputedStyle(up).overflowX !== "visible") return true;
        return false;
      };
      return [...document.querySelectorAll("main *")].filter((element) => {
        const {left, right, width, height} = element.getBoundingClientRect();
        return width > 1 && height > 1 && (right > innerWidth + 1 || left < -1) && !clips(element);
      }).map((element) => element.outerHTML.slice(0, 120));
    }""")


def serious_of(page: Page) -> list[str]:
    """What axe-core finds and calls serious or worse, in elements of ours."""
    return [
        f"{violation['id']}: {node['html'][:200]} {node['any'][0]['message'] if node['any'] else ''}"
        for violation in Axe().run(page).response["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
        if not re.search(GRADIO_OWN.get(violation["id"], "$^"), node["html"])
    ]


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_passes_axe_and_fits_every_width_light_and_dark(tab, page, pictures, digits, tmp_path):
    page.set_viewport_size({"width": WIDTHS[-1], "height": 900})
    fill(page, tab, pictures, zip_of_digits(tmp_path / "classes.zip", digits, range(3)))
    backgrounds = set()
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        expect(page.locator("body.dark")).to_have_count(int(scheme == "dark"))
        page.set_viewport_size({"width": WIDTHS[-1], "height": 900})
        # Colours on their way from light to dark are none of either.
        page.wait_for_function("document.getAnimations().every((each) => !(each instanceof CSSTransition))")
        backgrounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        serious = serious_of(page)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            page.evaluate("scrollTo(0, 0)")
            page.wait_for_timeout(300)  # Gradio moves tabs that do not fit into a menu
            picture_of(page, f"{tab.lower().replace(' ', '-')}-{scheme}-{width}")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert sticking_out(page) == []
        assert serious == []
    assert len(backgrounds) == 2


@pytest.mark.parametrize("scheme", [pytest.param("light", marks=pytest.mark.exhaustive), "dark"])
def test_cropping_passes_axe_and_fits_every_width(scheme, page, pictures):
    page.emulate_media(color_scheme=scheme)
    page.locator("#first-side").get_by_role("tab", name="Upload").click()
    upload(page, "first", pictures["photo.jpg"])
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        page.locator("#first-side").get_by_role("button", name="Crop").click()
        page.keyboard.press("ArrowUp")
        expect(page.locator("#first-side .crop [role=group] span")).to_be_visible()
        page.wait_for_function("document.getAnimations().every((each) => !(each instanceof CSSTransition))")
        picture_of(page, f"crop-{scheme}-{width}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert sticking_out(page) == []
        assert serious_of(page) == []


def test_a_verdict_moves_nothing_on_the_page(page, pictures):
    parts = ("#examples", "#judge", "#understand", "#verdict .scale", "#verdict .seen")
    before = places(page, *parts)
    draw(page, "first", ONE)
    draw(page, "second", ZERO)
    expect(page.locator("#verdict .word")).to_have_text("Different")
    assert places(page, *parts) == before
    page.locator(".side").first.get_by_role("tab", name="Upload").click()
    upload(page, "first", pictures["photo.jpg"])
    expect(page.locator("#verdict .seen img")).to_have_count(2)
    assert places(page, *parts) == before
