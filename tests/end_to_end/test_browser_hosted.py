"""A visitor of a Space logs in at the Hub, and trains there on pictures of their own, in Chromium."""

from collections.abc import Iterator

import pytest
from app_fixtures import App, running_app
from brought import write_classes, zipped
from browser_fixtures import ROOT
from hub_fake.client import environment
from hub_fake.jobs import FullHubServer, Job
from hub_fake.protocol import WRITER
from playwright.sync_api import Page, expect

from siamese.model_folder.files import CONFIG_FILE

pytest.importorskip("authlib", reason="gradio[oauth] is not installed")
from openid_provider import SCOPES, Provider

pytestmark = pytest.mark.slow

DATASET = "datasets/ada/signs-data"


@pytest.fixture(scope="module")
def hub() -> Iterator[FullHubServer]:
    """On which a job says one line, deletes nothing and pushes."""
    hub = FullHubServer()

    def machine(job: Job) -> None:
        job.log("epoch 1/8 <b>loss</b> 0.5\n")
        hub.change("ada/signs", {CONFIG_FILE: b"{}"})
        job.end("COMPLETED")

    hub.machine = machine
    yield hub
    hub.stop()


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    provider = Provider(WRITER)
    yield provider
    provider.close()


@pytest.fixture(scope="module")
def app(hub, provider, tmp_path_factory) -> Iterator[App]:
    """A Space with a login."""
    folder = tmp_path_factory.mktemp("space")
    theirs = {"HF_HUB_OFFLINE": "0", "TMPDIR": str(folder), **provider.environment()}
    with running_app(folder, **environment(hub.endpoint, folder / "home", **theirs)) as running:
        yield running
    log = running.log.read_text()
    assert WRITER not in log
    assert f'File "{ROOT / "siamese"}' not in log  # a Space without the package `spaces` has a traceback of Gradio's
    assert "authlib" not in log


def open_train(page: Page) -> None:
    page.get_by_role("tab", name="Train").click()
    expect(page.locator("#start")).to_be_enabled()


def test_a_visitor_logs_in_agrees_and_is_told_all_until_the_model_is_there(browser, app, hub, provider, digits, tmp_path):
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    expect.set_options(timeout=60_000)
    page.goto(app.url)
    open_train(page)
    provider.refuses = True
    page.get_by_role("button", name="Sign in with Hugging Face").click()
    page.wait_for_event("load")
    open_train(page)
    expect(page.get_by_role("button", name="Sign in with Hugging Face")).to_be_visible()
    page.get_by_role("button", name="Train on a hosted GPU").click()
    expect(page.locator("#hosted-terms")).to_contain_text("Log in at the top of this tab first.")
    expect(page.locator("#hosted-go")).to_be_disabled()

    provider.refuses = False
    page.get_by_role("button", name="Sign in with Hugging Face").click()
    page.wait_for_event("load")
    open_train(page)
    expect(page.get_by_role("button", name="Logout (ada)")).to_be_visible()
    assert provider.asked_for == [SCOPES, SCOPES]
    page.get_by_label("A ZIP of class folders").check()
    archive = zipped(write_classes(tmp_path / "brought", digits), tmp_path / "brought.zip")
    page.locator("#archive input[type=file]").set_input_files(archive)
    page.get_by_role("button", name="Train on a hosted GPU").click()
    page.locator("#model-name input, #model-name textarea").fill("signs")
    terms = page.locator("#hosted-terms")
    expect(terms).to_contain_text("60 images in 3 classes, 62 files")
    expect(terms).to_contain_text("to the private dataset repository ada/signs-data")
    expect(terms).to_contain_text("t4-small costs $0.40 an hour")
    assert [line for line in hub.requests() if not line.startswith("GET")] == []

    go, course = page.locator("#hosted-go"), page.locator("#hosted-course")
    expect(go).to_have_text("Send and train, for at most $0.40")
    hub.fail(402, "POST /api/jobs/ada", error="Pre-paid credits needed")
    go.click()
    expect(course).to_contain_text('The Hub asks for credits (the Hub says "Pre-paid credits needed")')
    expect(course).to_contain_text("Press again to go on: what is there is not sent twice.")
    sent = len(hub.requests(f"PUT /lfs/{DATASET}"))
    page.get_by_label("Delete my pictures from the Hub when done").check()
    expect(go).to_be_enabled()
    go.click()
    expect(course).to_contain_text("Done. The model is in ada/signs")
    expect(course).to_contain_text("Your pictures are deleted from the Hub.")
    expect(course.locator("pre")).to_contain_text("epoch 1/8 <b>loss</b> 0.5")
    assert sent == len(hub.requests(f"PUT /lfs/{DATASET}")) == 60
    assert (len(hub.jobs), hub.jobs[0].spec["secrets"]) == (1, {"HF_TOKEN": WRITER})
    assert set(hub.repositories) == {"ada/signs", "ada/siamese-jobs-lab-demo"}

    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.screenshot(path=tmp_path / "phone.png", full_page=True)
    page.context.close()
