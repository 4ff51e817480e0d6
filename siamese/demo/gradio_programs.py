"""Where Gradio does other than programs need that call the endpoints: its patches, each with why.

All are needed with Gradio 6.31. For each, tests/demo/test_gradio_programs.py shows that Gradio alone still has the fault,
and fails once that is mended.
"""

import asyncio
import functools
import json
import os
import re
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, NamedTuple

import gradio as gr
from gradio import processing_utils, routes, utils
from gradio_client.utils import is_http_url_like

generate_snippets = routes.generate_code_snippets
# In bash, unlike zsh, what ends a pipe is a shell of its own, and what it has read is gone with it.
READ = re.compile(r"curl -X POST (?P<post>.*?) \\\n  \| read EVENT_ID; (?P<get>.*)", re.DOTALL)


QUICK, STEPS_BACK = 0.1, 10  # s of work for a program, and how much nicer a thread is that takes more


class Described(NamedTuple):
    """What a program is told of an argument or a result."""

    schema: dict[str, Any]  # a JSON schema, with a description
    example: Any = None


def serve_programs() -> None:
    """Have the page about the endpoints show snippets that run, and the tools for assistants (MCP) answer in JSON."""
    routes.generate_code_snippets = code_snippets
    try:
        from gradio import mcp
    except ImportError:  # an extra of Gradio's, see siamese.demo.command
        return
    mcp.GradioMCPServer.postprocess_output_data = answer_in_json


def code_snippets(*arguments: Any, **settings: Any) -> dict[str, str]:
    """Gradio's own, by language, of which the one for a shell gives nothing in bash."""
    snippets = generate_snippets(*arguments, **settings)
    return snippets | {"bash": READ.sub(r"EVENT_ID=$(curl -X POST \g<post>)\n\g<get>", snippets["bash"])}


def answer_in_json(tools: Any, data: list, root_url: str) -> list:
    """What a tool answers, as JSON; Gradio's own is the text of a Python object."""
    return [tools.types.TextContent(type="text", text=json.dumps(value)) for value in data]


def programs_at_once() -> int:
    """How many requests of programs are worked at, whatever the endpoint: one processor is left to the page."""
    return max(1, (os.cpu_count() or 1) - 1)


def behind_the_page(function: Callable) -> Callable:
    """The same, but what takes long then takes only the processors that visitors of the page leave; on Linux alone.

    Such a thread cannot step forward again, so each call has one of its own.
    """

    @functools.wraps(function)
    def called(*arguments: Any, **named: Any) -> Any:
        with ThreadPoolExecutor(1, "program") as own:
            thread = own.submit(threading.get_native_id).result()
            work = own.submit(function, *arguments, **named)
            if wait([work], QUICK).not_done and sys.platform == "linux":  # where a thread has a priority of its own
                os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + STEPS_BACK)
            return work.result()

    return called


def serve_endpoint(blocks: gr.Blocks, function: Callable, arguments: Mapping[str, Described]) -> None:
    """Serve `function` as the endpoint of its name. To be called within `blocks`.

    Gradio calls arguments "1st" and "2nd", describes none, and shows "..." for their values.
    """
    described = "".join(f"\n    {name}: {argument.schema['description']}" for name, argument in arguments.items())
    function.__doc__ = f"{function.__doc__}\nParameters:{described}"  # where Gradio's tools have it from
    gr.api(
        behind_the_page(function),
        api_name=function.__name__,
        concurrency_limit=programs_at_once(),
        concurrency_id="programs",
    )
    served = next(each for each in blocks.fns.values() if each.api_name == function.__name__)
    for component, (name, argument) in zip(served.inputs, arguments.items(), strict=True):
        component.label, component._api_info = name, argument.schema
        component.example_payload = component.example_value = lambda example=argument.example: example
    served.outputs[0].label = "answer"


async def as_files(value: Any) -> Any:
    """Pictures that came as text, an address or base64 in a data URL, as the files that Gradio takes; all else as it is.

    Raises ValueError for what is no base64.
    """
    if isinstance(value, list):
        return [await as_files(each) for each in value]
    if not isinstance(value, str):
        return value
    path = value
    if value.startswith("data:"):
        folder = utils.get_upload_folder()  # in which files are deleted when they are many
        path = await asyncio.to_thread(processing_utils.save_base64_to_cache, value, folder)
    elif not is_http_url_like(value):
        return value
    return {"path": path, "meta": {"_type": "gradio.FileData"}}
