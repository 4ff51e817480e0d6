"""The demo where it has little: no home, a full disk, another server beside it, a proxy before it with a path of its own."""

import contextlib
import itertools
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import uvicorn
from app_fixtures import ROOT, App, Visitor, running_app, upload
from PIL import Image
from playwright.sync_api import Page, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Mount, Route

pytestmark = pytest.mark.slow


@pytest.fixture
def visit(browser) -> Iterator:
    """Opens a page, with all that went wrong in the browser."""
    contexts = []

    def open_page(url: str) -> tuple[Page, list[str]]:
        context = browser.new_context()
        contexts.append(context)
        context.set_default_timeout(60_000)
        expect.set_options(timeout=60_000)
        page, wrong = context.new_page(), []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("response", lambda answer: wrong.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None)
        page.goto(url)
        expect(page.locator("#verdict")).to_be_visible()
        return page, wrong

    yield open_page
    for context in contexts:
        context.close()


def bring(page: Page, side: str, file: Path) -> None:
    page.locator(f"#{side}-side").get_by_role("tab", name="Upload").click()
    page.locator(f"#upload-{side} input[type=file]").set_input_files(file)


def train(page: Page) -> None:
    page.get_by_role("tab", name="Train").click()
    expect(page.locator("#start")).to_be_enabled()
    page.locator("#epochs input[type=number]").fill("1")
    page.keyboard.press("Tab")
    page.locator("#start").click()


# ---- Behind a proxy ----


@contextlib.contextmanager
def proxy_of(port: int, prefix: str) -> Iterator[str]:
    """A proxy that answers for a server below a path of its own, as nginx with `location /demo/ { proxy_pass ...; }`."""
    client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=None)

    async def forward(request: Request) -> StreamingResponse:
        path = f"{request.path_params['path']}?{request.url.query}".rstrip("?")
        headers = [(name, value) for name, value in request.headers.raw if name != b"connection"]
        body = request.stream() if request.method == "POST" else None  # else it would come in pieces, as from no proxy
        asked = client.build_request(request.method, f"/{path}", headers=headers, content=body)
        answer = await client.send(asked, stream=True)
        kept = {name: value for name, value in answer.headers.items() if name not in ("connection", "transfer-encoding")}

        async def content():
            try:
                async for part in answer.aiter_raw():
                    yield part
            finally:
                await answer.aclose()

        return StreamingResponse(content(), answer.status_code, kept)

    route = Route("/{path:path}", forward, methods=["GET", "POST", "HEAD"])
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(Starlette(routes=[Mount(prefix, routes=[route])]), log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}{prefix}/"
        server.should_exit = server.force_exit = True
        thread.join(20)


@pytest.mark.exhaustive
def test_below_a_path_of_a_proxy_all_of_the_page_works(visit, tmp_path, digits):
    Image.fromarray(digits[0][0]).save(tmp_path / "digit.png")
    with (
        running_app(tmp_path, TMPDIR=str(tmp_path), GRADIO_ROOT_PATH="/demo") as app,
        proxy_of(int(app.url.rpartition(":")[2]), "/demo") as url,
    ):
        page, wrong = visit(url)
        for side in ("first", "second"):
            bring(page, side, tmp_path / "digit.png")
        expect(page.locator("#verdict .distance")).to_have_text("0.000")
        train(page)
        expect(page.locator("#result .report")).to_be_visible()
        with page.expect_download() as download:
            page.locator("#download").click()
        assert download.value.suggested_filename == "my-model-1.zip"
        assert [each for each in wrong if "favicon.ico" not in each] == []  # which browsers look for at the top
        page.close()
        (workspaces,) = tmp_path.glob("siamese-uploads-*/workspaces")
        deadline = time.monotonic() + 20
        while list(workspaces.iterdir()):  # its end is heard of through the proxy too
            assert time.monotonic() < deadline
            time.sleep(0.1)


# ---- A full disk ----


@contextlib.contextmanager
def full_disk(app: App, most: int = 50) -> Iterator[None]:
    """Within, no file of a running server gets larger."""
    before = resource.prlimit(app.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(app.process.pid, resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.prlimit(app.process.pid, resource.RLIMIT_FSIZE, before)


@pytest.mark.exhaustive
def test_a_full_disk_is_said_on_the_page_which_works_again_when_there_is_room(visit, tmp_path, digits):
    digit = tmp_path / "digit.png"
    Image.fromarray(digits[0][0]).save(digit)
    with running_app(tmp_path, TMPDIR=str(tmp_path)) as app:
        page, _ = visit(app.url)
        toast = page.locator(".toast-body")
        with full_disk(app):
            bring(page, "first", digit)
            expect(toast.last).to_contain_text("the server's disk is full: try again later")
            page.reload()
            page.locator("#examples button").first.click()
            expect(toast.last).to_contain_text("the server's disk is full: try again later")
            train(page)
            expect(page.locator("#progress .problem")).to_contain_text("the server's disk is full")
        expect(page.locator("#start")).to_be_enabled()
        page.locator("#start").click()
        expect(page.locator("#result .report")).to_be_visible()
        page.get_by_role("tab", name="Compare").click()
        for side in ("first", "second"):
            bring(page, side, digit)
        expect(page.locator("#verdict .distance")).to_have_text(re.compile(r"^0\.000$"))


# ---- Beside others ----


@pytest.mark.exhaustive
def test_two_servers_side_by_side_share_nothing(tmp_path):
    folders = [tmp_path / name for name in ("a", "b")]
    for folder in folders:
        folder.mkdir()
    environment = {"TMPDIR": str(tmp_path), "GRADIO_TEMP_DIR": ""}
    with running_app(folders[0], **environment) as first:
        kept = upload(first, "a.png", b"first")
        with running_app(folders[1], **environment) as second:
            taken = upload(second, "a.png", b"first")
            assert Path(taken).parents[2] != Path(kept).parents[2]
        assert not Path(taken).exists()
        assert Path(kept).read_bytes() == b"first"
        Visitor(first).close()
    assert list(tmp_path.glob("siamese-*")) == []


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT", "SIGKILL"])
@pytest.mark.exhaustive
def test_however_a_server_ends_no_picture_stays_beyond_the_next_start(name, tmp_path):
    environment = {"TMPDIR": str(tmp_path), "GRADIO_TEMP_DIR": "", "SIAMESE_TRAIN": "off"}
    with running_app(tmp_path, **environment) as app:
        assert Path(upload(app, "private.png", b"private")).exists()
        app.process.send_signal(getattr(signal, name))
        app.process.wait(20)
    assert len(list(tmp_path.rglob("private.png"))) == (name == "SIGKILL")
    if name == "SIGKILL":
        with running_app(tmp_path, **environment):
            assert list(tmp_path.rglob("private.png")) == []


# ---- Without a place ----


def test_where_nothing_can_be_written_one_sentence_says_so(tmp_path):
    program = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)); sys.argv = ['app.py']\n"
    program += "import runpy; runpy.run_path('app.py', run_name='__main__')"
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.count("\n") == 1
    assert ended.stderr.startswith("app.py: there is no place for what visitors bring: ")
    assert "TMPDIR" in ended.stderr


@pytest.mark.parametrize("is_dir", [True, pytest.param(False, marks=pytest.mark.exhaustive)])
def test_what_others_have_in_the_folder_for_temporary_files_stops_nothing(is_dir, tmp_path):
    theirs = tmp_path / "gradio"
    theirs.mkdir() if is_dir else theirs.write_text("of an older Gradio")
    theirs.chmod(0)
    with running_app(tmp_path, TMPDIR=str(tmp_path), GRADIO_TEMP_DIR="", SIAMESE_TRAIN="off") as app:
        assert Path(upload(app, "a.png", b"1")).exists()
    theirs.chmod(0o700)
    assert theirs.exists()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root, to become another user")
def test_a_user_without_a_name_and_a_home_serves_and_trains(tmp_path, visit):
    for folder in itertools.chain([Path(sys.executable).resolve()], ROOT.parents, Path(sys.executable).resolve().parents):
        if not folder.stat().st_mode & 0o001:
            pytest.skip(f"another user cannot enter {folder}")
    place = tmp_path / "place"
    place.mkdir()
    os.chown(place, 12345, 12345)
    for folder in tmp_path.parents:
        if not folder.stat().st_mode & 0o001:
            pytest.skip(f"another user cannot enter {folder}")
    command = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", "env", "-u", "HOME", "-u", "USER"]
    with running_app(tmp_path, [*command, sys.executable, ROOT / "app.py"], TMPDIR=str(place), GRADIO_TEMP_DIR="") as app:
        page, _ = visit(app.url)
        train(page)
        expect(page.locator("#result .report")).to_be_visible()
