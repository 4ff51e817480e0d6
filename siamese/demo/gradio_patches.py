"""Where Gradio does other than the demo needs: its subclasses and patches, each with why.

All are needed with Gradio 6.31. For each, tests/demo/test_gradio_patches.py shows that Gradio alone still has the fault, and
fails once that is mended. Numbers are issues and pull requests of gradio-app/gradio; where none is named, none is known.
What is worked round in the browser stands in static/inputs.js and static/page.js.
"""

import logging
import os
from abc import ABCMeta
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import uvicorn
from gradio import http_server, state_holder
from gradio.data_classes import ListFiles
from gradio.exceptions import ComponentProcessingError

from siamese.demo.gradio_programs import as_files
from siamese.demo.gradio_queue import FairQueue, Work
from siamese.demo.uploads import NO_DISK, Uploads
from siamese.hub.errors import DISK_FULL, MISTAKES, is_mistake_of_ours

logger = logging.getLogger(__name__)

NOT_THE_CALLERS = "this went wrong here, not by your fault; the server's log says why"
OF_ANOTHER_KIND = "what was sent is not of the kind that is asked for here: reload the page and try again"
GradioServer = http_server.Server
LONGEST_PATH = 4096  # characters


class WithoutStub(type(gr.Image)):
    """Gradio's metaclass, less the .pyi file that it writes beside every module in which a component is defined.

    The same file is the subject of issue 10121.
    """

    def __new__(cls, name: str, bases: tuple, namespace: dict) -> type:
        return ABCMeta.__new__(cls, name, bases, namespace)


class UploadedImage(gr.Image, metaclass=WithoutStub):
    """A gr.Image that hands over the file as it came, so that `siamese.images` alone decides what can be read.

    Gradio's own opens it first: a transparent picture loses its transparency (issues 134 and 10842), and what is no image is
    an error of Pillow's.
    """

    is_template = True  # for the browser it is a plain gr.Image
    data_model = gr.FileData  # unlike gr.Image's own model it refuses paths that did not come through an upload

    def preprocess(self, payload: gr.FileData | None) -> str | None:
        """Path of the uploaded file, or None."""
        return payload.path if payload else None


class UploadedFiles(gr.File, metaclass=WithoutStub):
    """A gr.File that hands over the paths as they are; Gradio's own leaves an empty file behind for each of them.

    Noted in issue 3597, mended for other components in 4256.
    """

    is_template = True

    def preprocess(self, payload: gr.FileData | ListFiles | None) -> str | list[str] | None:
        """Path of the uploaded file or, of several, a list of them; None where there is none.

        Raises ValueError where a file is gone: what two visitors bring at once is one file, and goes with the first of them.
        """
        paths = [file.path for file in payload] if isinstance(payload, ListFiles) else [payload.path] if payload else []
        if gone := [path for path in paths if not Path(path).is_file()]:
            raise ValueError(f"{Path(gone[0]).name} is no longer here")
        return paths if isinstance(payload, ListFiles) else paths[0] if paths else None


class Session(state_holder.SessionState):
    """What Gradio keeps of the last 10,000 callers, less its copy of all that is on the page.

    That takes 6 ms and a quarter of a megabyte for each call of a program, and is for links to a page in some state (10834).
    """

    def __init__(self, blocks: gr.Blocks) -> None:
        super().__init__(SimpleNamespace(default_config=blocks.default_config, blocks={}))


def keep_little_of_sessions() -> None:
    """Have Gradio make a Session of each caller; there is no other way."""
    state_holder.SessionState = Session


def serve_with(wrap: Callable[[Any], Any], **settings: Any) -> None:
    """Have Gradio serve `wrap` of its app, and with settings of uvicorn for which `launch` has no arguments."""

    class Server(GradioServer):
        def __init__(self, config: uvicorn.Config, *arguments: Any, **others: Any) -> None:
            super().__init__(config, *arguments, **others)  # which keeps the app itself
            config.app = wrap(config.app)
            vars(config).update(settings)

    http_server.Server = Server


class Demo(gr.Blocks):
    """gr.Blocks that refuses in a sentence, is fair, and forgets who is gone."""

    uploads: Uploads | None = None  # told of what pages use, so that it is not deleted

    def queue(self, *args: Any, **kwargs: Any) -> "Demo":
        """Gradio's own, with a FairQueue: it names the class of its queue itself."""
        super().queue(*args, **kwargs)
        self._queue.__class__, self._queue.work, self._queue.under_way = FairQueue, Work(), Counter()
        return self

    def launch(self, *args: Any, **kwargs: Any) -> tuple:
        """Gradio's own, which has the running server fetch the page, and ends it if that takes 3 s.

        So long may it take on a small machine, when a visitor is first.
        """
        return super().launch(*args, _frontend=False, **kwargs)

    async def preprocess_data(self, block_fn: Any, inputs: list, *args: Any, **kwargs: Any) -> list:
        """Gradio's own, which checks every path and URL of a request. Raises gr.Error for whatever it refuses.

        Gradio would log a traceback and tell the caller nothing, see issue 6335. What programs send may be text as well.
        """
        try:
            if block_fn.api_visibility == "public":
                inputs = await as_files(inputs)
            return await super().preprocess_data(block_fn, inputs, *args, **kwargs)
        except Exception as error:
            raise self._refused(error) from error

    def validate_inputs(self, block_fn: Any, inputs: list) -> None:
        """Gradio's own. Raises gr.Error in place of its advice to whoever wrote the page."""
        if block_fn.api_visibility != "public" and len(inputs) < len(block_fn.inputs):
            raise refusal(OF_ANOTHER_KIND)
        super().validate_inputs(block_fn, inputs)

    async def call_function(self, block_fn: Any, *args: Any, **kwargs: Any) -> dict:
        """Gradio's own. Raises gr.Error for whatever a handler did not expect, and logs that with its traceback.

        Gradio would tell the page of an error without words.
        """
        if getattr(block_fn, "fn", block_fn) is None:  # the page does these by itself; whoever asks for one is no page
            raise refusal("there is nothing to be computed here: reload the page and try again")
        if self.uploads:
            self.uploads.use(args[2].session_hash, _paths(args[0]))
        try:
            return await super().call_function(block_fn, *args, **kwargs)
        except gr.Error:
            raise
        except Exception as error:
            raise _failed(error) from error

    async def postprocess_data(self, *args: Any, **kwargs: Any) -> list:
        """Gradio's own, which writes pictures to the disk. Raises gr.Error for what goes wrong, as `call_function` does."""
        try:
            return await super().postprocess_data(*args, **kwargs)
        except gr.Error:
            raise
        except Exception as error:
            raise _failed(error) from error

    def _refused(self, error: Exception) -> gr.Error:
        """What the caller is told of an error in what was sent; the log is told of one that is in this program."""
        error = _cause(error)
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            return _failed(error)
        if is_mistake_of_ours(error):
            logger.error("a request failed", exc_info=error)
            return refusal(NOT_THE_CALLERS)
        logger.info("request refused: %s", error)
        if isinstance(error, gr.Error):  # Gradio's own words: no such choice, a file of another kind or too large
            return refusal(error.message)
        if isinstance(error, (*MISTAKES, KeyError)):
            return refusal(OF_ANOTHER_KIND)
        return refusal(
            "a file was not uploaded, cannot be fetched or is no longer here: choose it again, "
            "or in a program pass gradio_client.handle_file(path or URL)"
        )

    def forget_visitor(self, request: gr.Request) -> None:
        """Keep nothing of a page that is closed.

        Gradio itself would keep its state for an hour (7829), and the rest until there are 10,000 others (13756).
        """
        kept = self.state_holder
        kept.delete_state(request.session_hash)
        for place in (kept.session_data, kept.time_last_used):
            place.pop(request.session_hash, None)

    def forget_call(self, request: gr.Request) -> None:
        """Keep nothing of a program's call, which has no state as pages have; Gradio would keep the last 10,000 too."""
        session = self.state_holder.session_data.get(request.session_hash)
        if session and not session.state_data:
            self.forget_visitor(request)


class Refusal(gr.Error):
    """A gr.Error, and so a ValueError, that reads as its sentence; Gradio's own comes in quotes."""

    def __str__(self) -> str:
        return self.message


def _cause(error: Exception) -> Exception:
    """What was raised before Gradio made an error of its own of it."""
    while isinstance(error, ComponentProcessingError) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    return error


def _failed(error: Exception) -> gr.Error:
    """What the caller is told of an error that is not theirs, which goes to the log."""
    logger.error("a request failed", exc_info=error)
    error = _cause(error)
    return refusal(NO_DISK if isinstance(error, OSError) and error.errno in DISK_FULL else NOT_THE_CALLERS)


def _paths(inputs: Sequence[Any]) -> Iterator[str]:
    """The files among the inputs of a handler."""
    for value in inputs:
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, str) and os.path.isabs(each) and len(each) < LONGEST_PATH:
                yield each


def refusal(message: str) -> gr.Error:
    """An error of the caller's, of which no traceback goes to the server's log as Gradio's own do."""
    return Refusal(message, print_exception=False)
