"""The demo as a server: which models it loads, what it refuses to take in, and how it is launched."""

import contextlib
import ctypes
import os
from collections.abc import Callable, Sequence
from typing import Any

try:
    import spaces  # there on Spaces only
except ImportError:
    spaces = None
import gradio as gr
from PIL import Image
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from siamese.demo.gradio_patches import keep_little_of_sessions
from siamese.demo.many.batch import MAX_IMAGES
from siamese.demo.page import STYLES, build_demo, head
from siamese.demo.presence import Presence
from siamese.demo.uploads import RoomForUploads, Uploads
from siamese.devices import use_one_thread
from siamese.hub.errors import HubError, HubUnavailableError
from siamese.hub.sources import bundled_models, split_revision
from siamese.images.load import MAX_PIXELS, ignore_pillow_warnings
from siamese.verifier import Verifier
from siamese.visitors.disk import Disk
from siamese.visitors.limits import MEGABYTE, TrainingLimits
from siamese.visitors.open_pages import OpenPages
from siamese.visitors.task import Task
from siamese.visitors.workspace import Workspaces

MAX_FILE_SIZE = 20_000_000  # bytes; more where visitors may train on larger ZIP files
MAX_BODY = 21_000_000  # bytes of a request that is no upload
M_ARENA_MAX, ARENAS = -8, 2  # glibc's name for the number of heaps, and how many are enough for base.AT_ONCE
M_MMAP_THRESHOLD, LARGE_PIECE = -3, 4 << 20  # bytes; Pillow holds pictures in pieces of 16 MB
UPLOAD_PATHS = ("/upload", "/upload/")  # these go to disk piece by piece; each file has a limit of its own


def prepare_process() -> None:
    """Set up this process to be a server for long. To be called before any model is loaded."""
    # Keep memory from growing with each new worker thread: glibc gives it a heap of its own, and never takes that back.
    with contextlib.suppress(OSError, AttributeError):  # where there is another C library
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(M_ARENA_MAX, ARENAS)
        # And give what a large picture took back at once; left alone, it learns to keep such pieces in each heap.
        libc.mallopt(M_MMAP_THRESHOLD, LARGE_PIECE)
    ignore_pillow_warnings()
    keep_little_of_sessions()
    use_one_thread()


def load_models(source: str | None) -> tuple[Verifier, str, list[Verifier]]:
    """The model at `source`, a notice, and the bundled models.

    The notice says why the model is the bundled one and not the one asked for; empty where it is that one. Raises ValueError
    or OSError where none can be had.
    """
    notice = ""
    try:
        verifier = Verifier.from_pretrained(*split_revision(source))
    except HubError as error:
        # Visitors of a Space can mend nothing, so it stays up whatever is wrong; elsewhere only what may pass is waited out.
        if not (os.environ.get("SPACE_ID") or isinstance(error, HubUnavailableError)):
            raise
        notice = f"The model {source} cannot be had: {error}. This is the bundled one instead."
        verifier = Verifier.from_pretrained()
    return verifier, notice, [Verifier.from_pretrained(folder) for folder in bundled_models().values()]


def launch(
    verifier: Verifier,
    notice: str = "",
    others: Sequence[Verifier] = (),
    limits: TrainingLimits | None = None,
    *,
    disk: Disk,
    **address: Any,
) -> None:
    """Serve the page until interrupted or terminated.

    `limits`: of trainings; None where visitors may not train. `disk`: where all lies that visitors bring.
    `address`: arguments of Gradio's `launch`: server_name, server_port, share, mcp_server.
    """
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2  # for what Gradio opens before we see it: Pillow refuses twice this number
    if spaces is not None:
        spaces.GPU(_needs_a_gpu)
    largest = max(MAX_FILE_SIZE, limits.megabytes * MEGABYTE if limits else 0)
    together = max(MAX_IMAGES * MAX_FILE_SIZE, largest) + MEGABYTE  # of files in one upload, and what is around them
    bounds = Middleware(BodyLimit, most=MAX_BODY, most_uploaded=together)
    pages = OpenPages()
    training = Workspaces(limits, disk, pages, _on_gpu()) if limits else contextlib.nullcontext()
    with training as workspaces:
        demo = build_demo(verifier, notice, others, workspaces)
        demo.uploads = Uploads(disk, pages)
        disk.keep_trimmed()
        middleware = [bounds, Middleware(RoomForUploads, disk=disk), Middleware(Presence, pages=pages)]
        demo.launch(
            **address, max_file_size=largest, ssr_mode=False, enable_monitoring=False, run_history=False,
            footer_links=["api", "settings"], theme=_theme(), css_paths=STYLES, head=head(), js="() => siamese.start()",
            app_kwargs={"routes": [Route("/health", health)], "middleware": middleware},
        )  # fmt: skip


def _theme() -> gr.themes.Base:
    """Neutral, so that colour is left to the verdict; the fonts that the visitor's system has."""
    return gr.themes.Default(primary_hue="slate", neutral_hue="slate", font=("system-ui", "sans-serif")).set(
        button_primary_background_fill="*neutral_800", button_primary_background_fill_hover="*neutral_700",
        button_primary_background_fill_dark="*neutral_100", button_primary_background_fill_hover_dark="*neutral_300",
        button_primary_text_color="white", button_primary_text_color_dark="*neutral_900",
    )  # fmt: skip


def _needs_a_gpu() -> None:
    """ZeroGPU wants one such function. Never called: the processor answers sooner than a GPU is had, and costs no quota."""


def _on_gpu() -> Callable[[Task], Any] | None:
    """What trains on ZeroGPU, for as long as the work needs; None where trainings run in processes of this machine."""
    if spaces is None or not os.environ.get("SPACES_ZERO_GPU"):
        return None
    from siamese.visitors.worker import updates

    return spaces.GPU(updates, duration=Task.gpu_seconds)


class BodyLimit:
    """Refuses requests with larger bodies than `most` bytes, which the framework holds in memory, or `most_uploaded`.

    The latter are files on their way to the disk, any number of them.
    """

    def __init__(self, app: ASGIApp, most: int, most_uploaded: int) -> None:
        self.app, self.most, self.most_uploaded = app, most, most_uploaded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        most = self.most_uploaded if scope["path"].endswith(UPLOAD_PATHS) else self.most
        refusal = f"the request is larger than {most:,} bytes, which is what is allowed"
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if length.isdigit() and int(length) > most:
            await PlainTextResponse(refusal, 413)(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > most:  # sent in chunks, with no length beforehand
                raise HTTPException(413, refusal)
            return message

        await self.app(scope, counted, send)


def health(request: Request) -> JSONResponse:
    """Whether the server answers; for load balancers and monitors, which need not load the page."""
    return JSONResponse({"status": "ok"})
