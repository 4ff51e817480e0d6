"""The demo as a set of tools for assistants, through the protocol's own client over loopback; and without the package."""

import asyncio
import base64
import importlib.util
import io
import json
from pathlib import Path

import numpy as np
import pytest
from app_fixtures import running_app
from PIL import Image

import app
from siamese import Verifier

pytestmark = pytest.mark.slow


def data_url(image: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def test_without_the_package_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert app.main(["--mcp"]) == 2
    assert capsys.readouterr().err == (
        "app.py: --mcp needs a package that is not installed; try: pip install 'gradio[mcp]'\n"
    )


def test_an_assistant_compares_two_digits_and_is_told_of_its_mistakes(digits, tmp_path: Path):
    pytest.importorskip("mcp", reason="the optional package mcp is not installed")
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    first, second = digits[0][:2]

    async def talk(url: str) -> list:
        async with streamablehttp_client(url) as (reading, writing, _), ClientSession(reading, writing) as session:
            await session.initialize()
            tools = {tool.name: tool for tool in (await session.list_tools()).tools}
            assert "compare" in tools
            arguments = [
                {"image_a": data_url(first), "image_b": data_url(second)},
                {"image_a": "/etc/passwd", "image_b": data_url(second)},
                {"image_a": "http://127.0.0.1:1/secret.png", "image_b": data_url(second)},
                {"image_a": data_url(first)},
            ]
            return [await session.call_tool("compare", each) for each in arguments]

    with running_app(tmp_path, GRADIO_MCP_SERVER="True") as demo:
        right, *wrong = asyncio.run(talk(demo.url + "/gradio_api/mcp/"))
    said = json.loads(right.content[0].text.replace("'", '"').replace("True", "true").replace("False", "false"))
    expected = Verifier.from_pretrained().verify(first, second)
    assert said["is_same"] == expected.is_same
    assert said["distance"] == pytest.approx(expected.distance, abs=1e-4)
    assert all(answer.isError for answer in wrong)
    assert not any("root:" in answer.content[0].text or "Traceback" in answer.content[0].text for answer in wrong)
    assert "Traceback" not in demo.log.read_text()
