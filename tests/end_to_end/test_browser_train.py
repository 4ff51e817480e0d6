"""A visitor trains a network from the page, in Chromium: watches it, uses it, takes it home; and others notice little."""

import contextlib
import itertools
import re
import statistics
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from app_fixtures import App, Visitor, running_app
from brought import contents, wait, zip_of_digits
from browser_fixtures import expect_verdict_on, open_tab, upload
from gradio_client import Client, handle_file
from PIL import Image
from playwright.sync_api import Page, expect

from siamese import Verifier
from siamese.data.class_tree import find_classes
from siamese.demo.compare.examples import MOST_OF_CLASS, pairs_among

pytestmark = pytest.mark.slow

PATIENCE = 300_000  # ms


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
    return list(folder.glob("siamese-uploads-*/workspaces/*/*"))


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


def bring(page: Page, archive: Path) -> None:
    page.get_by_label("A ZIP of class folders").check()
    page.locator("#archive input[type=file]").set_input_files(archive)


def trainings(app: App) -> list[int]:
    """The processes in which the server trains."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # gone meanwhile
            parent = int((place / "stat").read_text().rpartition(") ")[2].split()[1])
            if parent == app.process.pid and b"siamese.visitors.worker" in (place / "cmdline").read_bytes():
                found.append(int(place.name))
    return found


def test_the_sample_is_trained_while_others_compare_wait_and_leave(visit, app, folder, digits, tmp_path):
    page, other = visit(), visit()
    expect(page.locator("#data-check")).to_contain_text("3,000 images in all")
    expect(page.locator("#epochs input[type=number]")).to_have_value("24")
    expect(page.locator("#epochs")).to_contain_text("24 epochs suit these images with the compact encoder")
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
    archive = zip_of_digits(tmp_path / "pictures.zip", digits, range(3))
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr("sign 1/broken.png", "no image")
    page = visit()
    page.get_by_label("A ZIP of class folders").check()
    expect(page.locator("#start")).to_be_disabled()
    bring(page, archive)
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


@pytest.mark.exhaustive
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
    expect(page.locator("#made")).to_contain_text("Added 8 pictures to signs.")
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
    page.get_by_role("button", name="Remove drawing.png of lines").click()
    expect(page.locator("#made .by-hand")).to_contain_text("lines 3 pictures")
    expect(page.locator("#start")).to_be_disabled()
    page.get_by_role("button", name="Remove the class signs").click()
    expect(page.locator("#made .thumbnails img")).to_have_count(3)
    page.locator("#class-name input, #class-name textarea").first.fill("filmed")
    page.get_by_role("button", name="Use the camera").click()
    record = page.get_by_role("button", name="Hold to record")
    record.hover()
    page.mouse.down()
    expect(page.locator("#camera-class [role=status]")).to_have_text(re.compile("^[3-9] pictures"))
    page.mouse.up()
    expect(page.locator("#made .by-hand")).to_contain_text(re.compile("filmed ([3-9]|1.) pictures"))
    page.get_by_role("button", name="Forget these").click()
    expect(page.locator("#made")).to_contain_text("No class yet.")
    expect(page.locator("#start")).to_be_disabled()


@pytest.mark.exhaustive
def test_20_people_are_trained_on_and_others_compared_on_the_page_and_at_home(visit, folder, full_mnist_root, tmp_path):
    faces = full_mnist_root / "faces"
    archive = tmp_path / "people.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for person in range(1, 21):
            for picture in (faces / f"s{person}").glob("*.pgm"):
                opened.write(picture, f"s{person}/{picture.name}")
    page = visit()
    bring(page, archive)
    expect(page.locator("#data-check")).to_contain_text("20 classes with 10 images each, 200 images in all")
    expect(page.locator("#data-note")).to_contain_text("on whole classes that it is not shown")
    began = time.monotonic()
    start(page, 2)
    expect(page.locator("#result .report")).to_be_visible()
    seconds = time.monotonic() - began
    home = trained(page, tmp_path / "home.zip")
    (there,) = folder.glob("siamese-uploads-*/workspaces/*/train-*/model")

    others = []
    for person, number in itertools.product(range(21, 29), range(1, 11)):
        others.append(tmp_path / f"{person}-{number}.png")
        Image.open(faces / f"s{person}" / f"{number}.pgm").save(others[-1])
    embeddings = home.embed(others)
    np.testing.assert_array_equal(embeddings, Verifier.from_pretrained(there).embed(others))
    page.get_by_role("tab", name="Compare").click()
    for side in range(2):
        open_tab(page, side, "Upload")
    for pair in ((others[0], others[1]), (others[0], others[10])):
        upload(page, "first", pair[0])
        upload(page, "second", pair[1])
        expect_verdict_on(page, home, list(pair))
        page.get_by_role("button", name="Clear").click()

    a, b = np.triu_indices(len(others), 1)
    distances, is_same = np.linalg.norm(embeddings[a] - embeddings[b], axis=1), a // 10 == b // 10
    right = (
        np.mean(distances[is_same] <= home.verify(*others[:2]).threshold),
        np.mean(distances[~is_same] > home.verify(*others[:2]).threshold),
    )
    print(f"20 people: {seconds:.0f} s; of 8 others: {100 * np.mean(right):.2f}% of pairs right, {right}")
    assert np.mean(right) > 0.75


@pytest.mark.exhaustive
def test_to_stop_is_to_keep_the_best_so_far_and_to_use_it(visit, digits, tmp_path):
    page = visit()
    expect(page.locator("#stop")).to_be_disabled()
    start(page, 30)
    expect(page.locator('#live-map [aria-label*="after epoch 2"]')).to_be_visible()
    began = time.monotonic()
    page.locator("#stop").click()
    expect(page.locator("#result .report")).to_be_visible()
    seconds = time.monotonic() - began
    expect(page.locator("#result .report")).to_contain_text(re.compile(r"\d+ of 30 epochs, epoch \d+ kept"))
    model = trained(page, tmp_path / "home.zip")
    expect(page.locator("#start")).to_be_enabled()
    expect(page.locator("#stop")).to_be_disabled()
    epochs, config = len(model.config.history), model.config
    assert 1 <= config.training.best_epoch <= epochs < config.training.epochs == 30
    best = max(record.balanced_accuracy for record in config.history)
    assert config.history[config.training.best_epoch - 1].balanced_accuracy == best
    print(f"stopped: the report came after {seconds:.1f} s, {config.metrics.balanced_accuracy:.2f}% after {epochs} epochs")
    assert config.metrics.balanced_accuracy > 75
    page.get_by_role("tab", name="Compare").click()
    page.locator("#examples button").first.click()
    expect_verdict_on(page, model, [digits[0][636], digits[0][766]])


@pytest.mark.exhaustive
def test_of_two_visitors_one_leaves_and_the_other_has_all_that_is_hers(visit, app, folder, digits, tmp_path):
    first, second = visit(), visit()
    bring(second, zip_of_digits(tmp_path / "second.zip", digits, range(3)))
    expect(second.locator("#data-check")).to_contain_text("3 classes with 30 images each")
    (hers,) = {path.parent for path in left_behind(folder)}
    start(second, 1)
    model = trained(second, tmp_path / "home.zip")
    bring(first, zip_of_digits(tmp_path / "first.zip", digits, range(4, 8)))
    expect(first.locator("#data-check")).to_contain_text("4 classes with 30 images each")
    first.get_by_label("The bundled digits").check()
    expect(first.locator("#start")).to_be_enabled()
    start(first, 30)
    expect(first.locator("#curves .line").first).to_be_visible()
    start(second, 1)
    expect(second.locator("#progress")).to_contain_text("You are number 1 in the queue")

    # Neither has a way to what is the other's, not even with its path.
    (his,) = {path.parent for path in left_behind(folder)} - {hers}
    assert [len(list(place.glob("uploaded-pictures/*/*.png"))) for place in (his, hers)] == [120, 90]
    for page, place in ((first, hers), (second, his)):
        for path in (place, *contents(place)):
            answer = page.request.get(f"{app.url}/gradio_api/file={path}")
            assert answer.status in (403, 404), path
    expect(second.locator("#model input[value='my-model-1.zip']")).to_have_count(1)
    expect(first.locator("#model input[value='my-model-1.zip']")).to_have_count(0)
    stranger = Visitor(app)
    assert "digits" in str(stranger.send("model", "change", "digits (bundled)", None)["data"])
    for state in (None, {"path": str(hers)}):
        assert stranger.send("model", "change", "my-model-1.zip", state)["error"]
    picture = {"path": str(next(his.rglob("*.png"))), "meta": {"_type": "gradio.FileData"}}
    assert "was not uploaded" in stranger.send("archive", "upload", picture, None)["error"]
    stranger.close()

    (process,), kept = trainings(app), {path: data for path, data in contents(hers).items() if path.name != "log"}
    first.close()
    wait(lambda: process not in trainings(app), 10)
    wait(lambda: not his.exists(), 10)
    assert {path: path.read_bytes() for path in kept} == kept
    second.get_by_role("tab", name="Compare").click()
    second.locator("#examples button").first.click()
    files = [file for each in find_classes(hers / "uploaded-pictures").values() for file in each[:MOST_OF_CLASS]]
    labels = np.repeat(np.arange(3), MOST_OF_CLASS)
    (*pair, _), *_ = pairs_among(model, np.stack([model.canonical(file) for file in files]), labels)
    expect_verdict_on(second, model, [files[place] for place in pair])
    second.get_by_role("tab", name="Train").click()
    expect(second.locator("#model input:checked")).to_have_value("my-model-2.zip")  # her second training had its turn
    assert {path.parent for path in left_behind(folder)} == {hers}
