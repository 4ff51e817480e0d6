"""What is other than in Gradio for programs, and that Gradio alone still has each fault."""

import asyncio
import base64
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest
from gradio_client.utils import is_file_obj_with_meta

from siamese.demo.gradio_programs import (
    QUICK,
    STEPS_BACK,
    Described,
    answer_in_json,
    as_files,
    behind_the_page,
    code_snippets,
    generate_snippets,
    serve_endpoint,
)

PARAMETERS = {"parameters": [{"parameter_name": "a", "python_type": {"type": "str"}, "example_input": "x"}]}
TOOLS = SimpleNamespace(types=SimpleNamespace(TextContent=lambda type, text: text))


def priority() -> int:
    """The nice value of this thread."""
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def run_in_bash(snippet: str, folder: Path) -> str:
    """What a snippet asks for last, with a curl that answers as the server does and notes its arguments."""
    curl = folder / "curl"
    curl.write_text('#!/bin/sh\necho "$@" >> "$0.log"\necho \'{"event_id":"12ab"}\'\n')
    curl.chmod(0o755)
    subprocess.run(["bash", "-c", snippet], env={"PATH": f"{folder}:/usr/bin:/bin"}, check=True, timeout=60)
    return (folder / "curl.log").read_text().splitlines()[-1]


def test_the_snippet_for_a_shell_gives_the_answer_in_bash(tmp_path):
    snippets = code_snippets("/compare", PARAMETERS, "http://host", api_prefix="/gradio_api/")
    assert run_in_bash(snippets["bash"], tmp_path).endswith("http://host/gradio_api/call/compare/12ab")
    own = generate_snippets("/compare", PARAMETERS, "http://host", api_prefix="/gradio_api/")
    assert {**snippets, "bash": ""} == {**own, "bash": ""}


def test_the_one_of_gradio_gives_nothing_in_bash(tmp_path):
    own = generate_snippets("/compare", PARAMETERS, "http://host", api_prefix="/gradio_api/")
    assert run_in_bash(own["bash"], tmp_path).endswith("/call/compare/")


def described(serve) -> dict:
    def shorten(text: str, request: gr.Request) -> str:
        """Make it short."""
        return text[:1]

    with gr.Blocks() as blocks:
        serve(blocks, shorten)
    return blocks.get_api_info()["named_endpoints"]["/shorten"] | {"doc": shorten.__doc__}


def test_arguments_have_names_descriptions_and_examples():
    text = Described({"type": "string", "description": "What is too long"}, "long")
    found = described(lambda blocks, function: serve_endpoint(blocks, function, {"text": text}))
    (argument,) = found["parameters"]
    assert (argument["label"], argument["type"], argument["example_input"]) == ("text", text.schema, "long")
    assert not argument["parameter_has_default"]
    assert found["returns"][0]["label"] == "answer"
    assert found["doc"] == "Make it short.\nParameters:\n    text: What is too long"


@pytest.mark.parametrize(("processors", "at_once"), [(None, 1), (1, 1), (2, 1), (8, 7)])
def test_programs_together_leave_a_processor_to_the_page(processors, at_once, monkeypatch):
    def one() -> str:
        """One."""

    monkeypatch.setattr("os.cpu_count", lambda: processors)
    with gr.Blocks() as blocks:
        serve_endpoint(blocks, one, {})
    (served,) = blocks.fns.values()
    assert (served.concurrency_limit, served.concurrency_id) == (at_once, "programs")


def test_those_of_gradio_have_none():
    found = described(lambda blocks, function: gr.api(function, api_name="shorten"))
    (argument,) = found["parameters"]
    assert (argument["label"], argument["example_input"]) == ("1st", "...")


def test_tools_answer_in_json():
    assert answer_in_json(TOOLS, [{"is_same": True, "is_familiar": None}], "") == ['{"is_same": true, "is_familiar": null}']


def test_text_becomes_files(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    content = bytes(range(256))
    given = {"path": "a.png", "meta": {"_type": "gradio.FileData"}}
    values = ["data:image/png;base64," + base64.b64encode(content).decode(), ["https://host/a.png", given], 5, None, "text"]
    first, (second, third), *others = asyncio.run(as_files(values))
    assert is_file_obj_with_meta(first)
    assert is_file_obj_with_meta(second)
    assert Path(first["path"]).read_bytes() == content
    assert Path(first["path"]).is_relative_to(tmp_path)
    assert second["path"] == "https://host/a.png"
    assert third is given
    assert others == [5, None, "text"]


@pytest.mark.parametrize("text", ["data:image/png;base64,A", "data:image/png;base64,AAAAA"])
def test_what_is_no_base64_is_refused(text, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    with pytest.raises(ValueError, match=r"base64|padded"):
        asyncio.run(as_files([text]))


@pytest.mark.skipif(sys.platform != "linux", reason="a thread has no priority of its own here")
def test_what_takes_long_for_a_program_steps_back_and_what_is_quick_does_not():
    def priorities(seconds: float) -> tuple[int, int]:
        """When it begins and ends."""
        before = priority()
        time.sleep(seconds)
        return before, priority()

    own = priority()
    assert behind_the_page(priorities)(0) == (own, own)
    assert behind_the_page(priorities)(seconds=2 * QUICK) == (own, own + STEPS_BACK)
    assert priority() == own


def test_what_a_program_is_refused_with_comes_out_of_its_thread():
    def refuse() -> None:
        raise gr.Error("no")

    with pytest.raises(gr.Error, match="no"):
        behind_the_page(refuse)()
