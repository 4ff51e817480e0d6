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


def ask(url: str, *calls: tuple[str, dict]) -> tuple[list, list]:
    """The tools, and what they answer to calls, by the protocol's own client."""
    mcp = pytest.importorskip("mcp", reason="the optional package mcp is not installed")
    from mcp.client.streamable_http import streamablehttp_client

    async def talk() -> tuple[list, list]:
        async with streamablehttp_client(url) as (reading, writing, _), mcp.ClientSession(reading, writing) as session:
            await session.initialize()
            tools = (await session.list_tools()).tools
            return tools, [await session.call_tool(*call) for call in calls]

    return asyncio.run(talk())


def test_an_assistant_is_told_of_all_tools_and_their_mistakes_and_is_answered_in_json(digits, tmp_path: Path):
    first, second = digits[0][:2]
    a, b = data_url(first), data_url(second)
    with running_app(tmp_path, GRADIO_MCP_SERVER="True") as demo:
        tools, answers = ask(
            demo.url + "/gradio_api/mcp/",
            ("compare", {"image_a": a, "image_b": b}),
            ("embed", {"images": [a, b]}),
            ("distances", {"images": [a, b, a]}),
            ("compare", {"image_a": "/etc/passwd", "image_b": b}),
            ("compare", {"image_a": "http://127.0.0.1:1/secret.png", "image_b": b}),
            ("compare", {"image_a": a}),
            ("embed", {"images": []}),
        )
    assert [tool.name for tool in tools] == ["compare", "embed", "distances"]
    assert all(tool.description for tool in tools)
    assert all("base64" in each["description"] for tool in tools for each in tool.inputSchema["properties"].values())
    compared, embedded, distances = (json.loads(answer.content[0].text) for answer in answers[:3])
    verifier = Verifier.from_pretrained()
    expected, embeddings = verifier.verify(first, second), verifier.embed([first, second])
    assert compared.pop("model") == verifier.name
    assert compared.pop("remark") == expected.remark
    numbers = {key: value for key, value in expected.to_dict().items() if key != "remark"}
    assert compared == pytest.approx(numbers, abs=1e-4)
    np.testing.assert_allclose(embedded["embeddings"], embeddings, atol=1e-5)
    np.testing.assert_allclose(distances["distances"][0], [0, expected.distance, 0], atol=1e-4)
    wrong = answers[3:]
    assert all(answer.isError for answer in wrong)
    assert not any("root:" in answer.content[0].text or "Traceback" in answer.content[0].text for answer in wrong)
    assert "Traceback" not in demo.log.read_text()
