"""A visitor trains a network from the page, in Chromium: watches it, uses it, takes it home; and others notice little."""

import statistics
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from app_fixtures import App, running_app
from gradio_client import Client, handle_file
from PIL import Image
from playwright.sync_api import Page, expect

from siamese import Verifier

PATIENCE = 180_000  # ms


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("app")


@pytest.fixture(scope="module")
def app(folder) -> Iterator[App]:
    limits = {"SIAMESE_TRAIN_EPOCHS": "30", "SIAMESE_TRAIN_MEGABYTES": "5", "SIAMESE_TRAIN_WAITING": "3"}
    with running_app(folder, TMPDIR=str(folder), **limits) as running:
        yield running
    assert left_behind(folder) == []
    assert "Traceback" not in (folder / "app.log").read_text()


@pytest.fixture
def visit(browser, app) -> Iterator[Callable[[], Page]]:
    """Opens the tab Train as a new visitor."""
    contexts, wrong = [], []

    def open_page() -> Page:
        context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        page = context.new_page()
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(app.url)
        page.get_by_role("tab", name="Train").click()
        expect(page.locator("#start")).to_be_enabled()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


def left_behind(folder: Path) -> list[Path]:
    """What lies in visitors' workspaces."""
    return list(folder.glob("siamese-train-*/*/*"))


def wait(condition: Callable[[], object], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.1)


def start(page: Page, epochs: int) -> None:
    page.locator("#epochs input[type=number]").fill(str(epochs))
    page.keyboard.press("Tab")
    page.locator("#start").click()


def trained(page: Page, path: Path) -> Verifier:
    """The model, downloaded when it is there."""
    expect(page.locator("#download")).to_be_visible()
    with page.expect_download() as download:
        page.locator("#download").click()
    download.value.save_as(path)
    return Verifier.from_pretrained(path)


def test_the_sample_is_trained_while_others_compare_wait_and_leave(visit, app, folder, digits, tmp_path):
    page, other = visit(), visit()
    expect(page.locator("#data-check")).to_contain_text("3,000 images in all")
    start(page, 2)
    expect(page.locator("#curves .line").first).to_be_visible()
    first = page.locator("#curves").inner_html()

    start(other, 2)
    expect(other.locator("#progress")).to_contain_text("You are number 1 in the queue")
    paths = [tmp_path / f"{number}.png" for number in range(2)]
    for number, path in enumerate(paths):
        Image.fromarray(digits[0][number]).save(path)
    client, times = Client(app.url, verbose=False), []
    for _ in range(15):
        started = time.perf_counter()
        client.predict(image_a=handle_file(paths[0]), image_b=handle_file(paths[1]), api_name="/compare")
        times.append(1000 * (time.perf_counter() - started))
    print(f"comparisons while another trains: median {statistics.median(times):.0f} ms")
    assert page.locator("#start").is_disabled(), "the training was over before the comparisons"
    other.close()

    expect(page.locator('#live-map [aria-label*="after epoch 1"]')).to_be_visible()
    assert page.locator("#curves").inner_html() != first
    expect(page.locator("#result .report")).to_be_visible()
    model = trained(page, tmp_path / "home.zip")
    assert left_behind(folder) == [path for path in left_behind(folder) if path.parent == left_behind(folder)[0].parent]
    expect(page.locator("#model input:checked")).to_have_value("my-model-1.zip")
    page.get_by_role("tab", name="Compare").click()
    page.locator("#examples button").first.click()
    verdict = model.verify(digits[0][636], digits[0][766])
    expect(page.locator("#verdict .distance")).to_have_text(f"{verdict.distance:.3f}")
    page.close()
    wait(lambda: left_behind(folder) == [], 5)
    assert list((folder / "uploads").rglob("*.zip")) == []


def test_a_zip_with_a_bad_file_is_checked_and_closing_the_page_ends_its_training(visit, folder, digits, tmp_path):
    archive = tmp_path / "pictures.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for label in range(3):
            for index in np.flatnonzero(digits[1] == label)[:30]:
                Image.fromarray(digits[0][index]).save(tmp_path / "one.png")
                opened.write(tmp_path / "one.png", f"sign {label}/{index}.png")
        opened.writestr("sign 1/broken.png", "no image")
    page = visit()
    page.get_by_label("A ZIP of class folders").check()
    expect(page.locator("#start")).to_be_disabled()
    page.locator("#archive input[type=file]").set_input_files(archive)
    expect(page.locator("#data-check")).to_contain_text("3 classes with 30 images each")
    expect(page.locator("#data-check")).to_contain_text("sign 1/broken.png")
    assert list((folder / "uploads").rglob("*.zip")) == []
    (tmp_path / "bomb.zip").write_bytes(b"PK\5\6" + b"\xff" * 18)
    page.locator("#archive input[type=file]").set_input_files(tmp_path / "bomb.zip")
    expect(page.locator("#data-note .problem")).to_contain_text("too many files")
    expect(page.locator("#start")).to_be_disabled()

    page.get_by_label("The bundled digits").check()
    expect(page.locator("#start")).to_be_enabled()
    start(page, 30)
    expect(page.locator("#curves .line").first).to_be_visible()
    assert left_behind(folder) != []
    page.close()
    wait(lambda: left_behind(folder) == [], 5)


def test_classes_by_hand_come_from_files_and_drawings(visit, digits, tmp_path):
    page = visit()
    page.get_by_label("Classes by hand").check()
    files = []
    for number in range(8):
        files.append(tmp_path / f"{number}.png")
        Image.fromarray(digits[0][number]).save(files[-1])
    page.locator("#class-name input, #class-name textarea").first.fill("signs")
    page.locator("#class-files input[type=file]").set_input_files(files)
    expect(page.locator("#class-files a")).to_have_count(8)
    page.get_by_role("button", name="Add files").click()
    expect(page.locator("#made")).to_contain_text("Added 8 to signs.")
    expect(page.locator("#sketch-class button[aria-label='Brush'].highlight")).to_have_count(1)
    page.locator("#class-name input, #class-name textarea").first.fill("lines")
    for number in range(4):
        box = page.locator("#sketch-class").bounding_box()
        page.mouse.move(box["x"] + 60 + 20 * number, box["y"] + 60)
        page.mouse.down()
        page.mouse.move(box["x"] + 90, box["y"] + 200, steps=4)
        page.mouse.up()
        page.get_by_role("button", name="Add drawing").click()
        expect(page.locator("#made .by-hand")).to_contain_text(f"lines {number + 1}")
    page.get_by_role("button", name="Check all").click()
    expect(page.locator("#data-check")).to_contain_text("2 classes with 4 to 8 images each, 12 images in all")
    expect(page.locator("#start")).to_be_enabled()
    page.get_by_role("button", name="Forget these").click()
    expect(page.locator("#made")).to_contain_text("No class yet.")
    expect(page.locator("#start")).to_be_disabled()
