"""Each patch of Gradio does what it is for, and Gradio without it still has the fault: else the patch can go."""

import asyncio
import contextlib
import errno
import importlib
import inspect
import logging
import sys
from pathlib import Path

import gradio as gr
import httpx
import numpy as np
import pytest
import uvicorn
from gradio import http_server, networking, state_holder
from gradio.data_classes import ImageData, ListFiles
from gradio_client import Client
from PIL import Image, UnidentifiedImageError

from siamese.demo.api import _batch
from siamese.demo.gradio_patches import (
    Demo,
    GradioServer,
    Session,
    UploadedFiles,
    UploadedImage,
    WithoutStub,
    keep_little_of_sessions,
    refusal,
    serve_with,
)  # fmt: skip
from siamese.demo.train.tab import mine

NOT_UPLOADED = {"path": "/etc/passwd"}


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """Where components that are made in the test put files."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache"


@pytest.mark.parametrize(("bases", "is_written"), [("gr.Image, metaclass=WithoutStub", False), ("gr.Image", True)])
def test_a_component_brings_no_stub_into_the_folder_of_its_module(bases, is_written, tmp_path, monkeypatch):
    path = tmp_path / "own.py"
    start = "import gradio as gr\n\nfrom siamese.demo.gradio_patches import WithoutStub\n\n\n"
    path.write_text(f"{start}class Own({bases}):\n    is_template = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own", raising=False)
    importlib.import_module("own")
    assert path.with_suffix(".pyi").exists() == is_written


def test_an_uploaded_image_is_handed_over_as_it_came(cache, tmp_path):
    text, clear = tmp_path / "text.png", tmp_path / "clear.png"
    text.write_text("this is text")
    Image.new("RGBA", (8, 8)).save(clear)
    for path in (text, clear):
        assert UploadedImage().preprocess(gr.FileData(path=str(path))) == str(path)
    with pytest.raises(UnidentifiedImageError):  # Gradio: an error of Pillow's
        gr.Image(type="filepath").preprocess(ImageData(path=str(text), orig_name="text.png"))
    black = gr.Image(type="numpy").preprocess(ImageData(path=str(clear), orig_name="clear.png"))
    assert not np.any(black)  # Gradio: what was transparent is black


def test_an_image_that_was_not_uploaded_is_refused():
    with pytest.raises(ValueError, match="meta"):
        UploadedImage.data_model.model_validate(NOT_UPLOADED, context={"validate_meta": True})
    gr.Image.data_model.model_validate(NOT_UPLOADED, context={"validate_meta": True})  # Gradio: takes it


@pytest.mark.parametrize(("component", "left"), [(UploadedFiles, 0), (gr.File, 2)])
def test_uploaded_files_leave_nothing_behind(component, left, cache, tmp_path):
    paths = [tmp_path / name for name in ("a.png", "b.png")]
    for path in paths:
        path.write_text("x")
    files = component(file_count="multiple")
    payload = ListFiles(root=[gr.FileData(path=str(path)) for path in paths])
    assert [str(path) for path in files.preprocess(payload)] == [str(path) for path in paths]
    assert len(list(cache.iterdir())) == left


def test_files_that_are_gone_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"gone\.png is no longer here"):
        UploadedFiles().preprocess(gr.FileData(path=str(tmp_path / "gone.png")))
    assert UploadedFiles().preprocess(None) is None


def test_a_session_holds_no_copy_of_the_page(monkeypatch):
    with gr.Blocks() as blocks:
        gr.HTML("page" * 1000)
    assert Session(blocks).config_values == {}
    (plain,) = Session.__bases__
    assert "page" * 1000 in str(plain(blocks).config_values)  # Gradio: all of it
    monkeypatch.setattr(state_holder, "SessionState", plain)
    keep_little_of_sessions()
    assert state_holder.SessionState is Session


@pytest.mark.parametrize("blocks", [Demo, gr.Blocks])
def test_what_is_refused_is_said_in_a_sentence_to_whoever_sent_it(blocks):
    with blocks() as demo:
        upload = UploadedImage()
        upload.change(lambda path: None, upload, None)
    (listener,) = demo.fns.values()
    refused = demo.preprocess_data(listener, [NOT_UPLOADED], None)
    with pytest.raises(Exception, match=r".") as caught:
        asyncio.run(refused)
    assert isinstance(caught.value, gr.Error) == (blocks is Demo)  # Gradio: another error, of which it says nothing
    if blocks is Demo:
        assert "was not uploaded" in str(caught.value)


def test_a_page_that_sends_too_little_is_told_to_reload():
    """As one that was opened before the server was renewed."""
    for blocks in (Demo(), gr.Blocks()):
        with blocks:
            gr.Button().click(lambda *_: None, [gr.State(), gr.Textbox()], None, api_visibility="private")
        with pytest.raises((gr.Error, ValueError)) as caught:
            asyncio.run(blocks.preprocess_data(blocks.fns[0], [None], None))
        assert ("reload the page" in str(caught.value)) == isinstance(blocks, Demo)  # Gradio: advice for who wrote it


def test_a_disk_that_is_full_while_a_value_is_taken_in_is_no_fault_of_the_callers(monkeypatch):
    """As where a picture comes as base64."""

    async def full(inputs: list) -> list:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("siamese.demo.gradio_patches.as_files", full)
    with Demo() as demo:
        gr.Button().click(lambda: None)
    (listener,) = demo.fns.values()
    with pytest.raises(gr.Error, match="the server's disk is full"):
        asyncio.run(demo.preprocess_data(listener, [], None))


def answer_to(component: gr.components.Component, value: object) -> str:
    """What the caller of a listener with this input is told."""
    with Demo() as demo:
        component.render()
        component.change(lambda value: None, component, None)
    (listener,) = demo.fns.values()
    with pytest.raises(gr.Error) as caught:
        asyncio.run(demo.preprocess_data(listener, [value], None))
    return caught.value.message


class Mistaken(gr.Textbox, metaclass=WithoutStub):
    """A component with a mistake in it."""

    is_template = True

    def preprocess(self, payload: str | None) -> str:
        return payload + 1


def test_a_mistake_of_this_program_is_logged_and_not_said_to_be_the_callers(caplog):
    said = answer_to(Mistaken(render=False), "x")
    assert said.startswith("this went wrong here, not by your fault")
    assert "was not uploaded" not in said
    (record,) = [record for record in caplog.records if record.exc_info]
    assert "return payload + 1" in logging.Formatter().format(record)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (TypeError("a secret"), "this went wrong here, not by your fault"),
        (ValueError("a secret"), "this went wrong here, not by your fault"),
        (OSError(errno.ENOSPC, "a secret"), "the server's disk is full"),
    ],
)
@pytest.mark.parametrize("blocks", [Demo, gr.Blocks])
def test_what_a_handler_did_not_expect_is_logged_and_said_in_a_sentence(blocks, error, expected, caplog):
    def handler() -> None:
        raise error

    with blocks() as demo:
        demo.load(handler)
    (listener,) = demo.fns.values()
    with pytest.raises(Exception, match=r".") as caught:
        asyncio.run(demo.call_function(listener, []))
    assert isinstance(caught.value, gr.Error) == (blocks is Demo)  # Gradio: another error, of which it says nothing
    if blocks is Demo:
        assert caught.value.message.startswith(expected)
        assert caught.value.print_exception is False
        (record,) = [record for record in caplog.records if record.exc_info]
        assert "raise error" in logging.Formatter().format(record)


def test_what_gradio_says_itself_of_a_value_is_handed_on(caplog):
    assert "is not in the list of choices" in answer_to(gr.Radio(["a", "b"], render=False), "c")
    assert "not of the kind" in answer_to(gr.Slider(render=False), [])
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize(("is_forgotten", "kept"), [(True, 0), (False, 1)])
def test_nothing_is_kept_of_a_call(is_forgotten, kept):
    def call(request: gr.Request) -> int:
        if is_forgotten:
            demo.forget_call(request)
        return 5

    with Demo() as demo:
        gr.api(call, api_name="call")
    _, url, _ = demo.launch(prevent_thread_lock=True, quiet=True, ssr_mode=False)
    try:
        assert Client(url, verbose=False).predict(api_name="/call") == 5
        assert len(demo.state_holder.session_data) == len(demo.state_holder.time_last_used) == kept
    finally:
        demo.close()


def test_a_server_that_is_slow_to_show_its_page_still_starts(monkeypatch):
    def too_slow(*_: object, **__: object) -> None:
        raise httpx.ReadTimeout("3 s are over")

    monkeypatch.setattr(networking.httpx, "head", too_slow)
    for blocks, starts in ((Demo(), True), (gr.Blocks(), False)):  # Gradio: no server
        with blocks:
            gr.Markdown("page")
        with contextlib.nullcontext() if starts else pytest.raises(ValueError, match="localhost is not accessible"):
            blocks.launch(prevent_thread_lock=True, quiet=True, ssr_mode=False)
        blocks.close()


def test_the_state_of_a_page_is_forgotten_with_it():
    closed = []
    with Demo() as demo:
        state = gr.State("mine", delete_callback=closed.append)
    demo.state_holder = state_holder.StateHolder()
    demo.state_holder.set_blocks(demo)
    demo.state_holder["page"][state._id] = "mine"
    demo.state_holder.delete_all_expired_state()
    assert closed == []  # Gradio: after an hour
    request = gr.Request()
    request.session_hash = "page"
    demo.forget_visitor(request)
    assert closed == ["mine"]
    assert not demo.state_holder.session_data
    assert not demo.state_holder.time_last_used


def test_a_refusal_reads_as_its_sentence_wherever_it_is_caught():
    assert str(gr.Error("no file")) == "'no file'"
    assert str(refusal("no file")) == "no file"
    with pytest.raises(ValueError, match=r"^images\[0\] is not a picture; "):
        _batch(None, ["x"])
    with pytest.raises(ValueError, match=r"^images\[1\] is not a picture; "):
        _batch(None, [{"path": "a", "meta": {"_type": "gradio.FileData"}}, None])
    with pytest.raises(ValueError, match=r"^this page was out of reach"):
        mine(None)


@pytest.mark.parametrize("blocks", [Demo, gr.Blocks])
def test_what_the_page_does_by_itself_is_refused_in_a_sentence(blocks, caplog):
    with blocks() as demo:
        demo.load(None, js="() => 1")
    (listener,) = demo.fns.values()
    with pytest.raises(gr.Error if blocks is Demo else IndexError, match=r"nothing to be computed|no backend"):
        asyncio.run(demo.call_function(listener, []))
    assert not caplog.records


def test_a_server_is_launched_with_what_launch_has_no_arguments_for(monkeypatch):
    """Fails once `launch` passes such settings on to uvicorn."""
    assert not {"http", "forwarded_allow_ips", "limit_concurrency"} & set(inspect.signature(gr.Blocks.launch).parameters)
    monkeypatch.setattr(http_server, "Server", GradioServer)
    for _ in range(2):  # the second launch is not wrapped twice
        serve_with(lambda app: ("wrapped", app), timeout_keep_alive=7, proxy_headers=False)
    server = http_server.Server(uvicorn.Config("the app"))
    assert server.config.app == ("wrapped", "the app")
    assert server.running_app == "the app"
    assert (server.config.timeout_keep_alive, server.config.proxy_headers) == (7, False)
