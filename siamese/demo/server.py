"""The demo as a server: which models it loads, what it refuses to take in, and how it is launched."""

import contextlib
import ctypes
import logging
import os
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

try:
    import spaces  # there on Spaces only
except ImportError:
    spaces = None
import gradio as gr
from PIL import Image
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from siamese.demo.api import ENDPOINTS
from siamese.demo.compression import Compression
from siamese.demo.gradio_patches import NOT_THE_CALLERS, keep_little_of_sessions, serve_with
from siamese.demo.gradio_programs import serve_programs
from siamese.demo.header import header
from siamese.demo.link_preview import PATH, Preview, thumbnail
from siamese.demo.page import STYLES, build_demo, head, tabs_of
from siamese.demo.presence import Presence
from siamese.demo.train import hosted
from siamese.demo.uploads import RoomForUploads, Uploads
from siamese.devices import use_one_thread
from siamese.guard.connections import BoundedProtocol, Connections
from siamese.guard.forwarded import Forwarded, trusted
from siamese.guard.gate import Gate
from siamese.guard.rates import PER_MINUTE, Rates
from siamese.guard.routes import open_routes, service_routes
from siamese.hub.errors import DISK_FULL, PACKAGE, HubError, HubUnavailableError
from siamese.hub.sources import bundled_models, split_revision
from siamese.images.load import MAX_PIXELS, ignore_pillow_warnings
from siamese.service.app import Beside, create_app
from siamese.verifier import Verifier
from siamese.visitors.disk import Disk, NoRoomError
from siamese.visitors.limits import MEGABYTE, TrainingLimits
from siamese.visitors.open_pages import OpenPages
from siamese.visitors.task import Task
from siamese.visitors.workspace import Workspaces

logger = logging.getLogger(__name__)
UNREADABLE = (TypeError, AttributeError, LookupError, ValueError, OSError)  # what Gradio raises at what it cannot read
MAX_FILE_SIZE = 20_000_000  # bytes; more where visitors may train on larger ZIP files
TOGETHER = 200_000_000  # bytes of the files of one upload, as 32 photographs of 6 MB; more where a ZIP file may be larger
M_ARENA_MAX, ARENAS = -8, 2  # glibc's name for the number of heaps, and how many are enough for base.AT_ONCE
M_MMAP_THRESHOLD, LARGE_PIECE = -3, 4 << 20  # bytes; Pillow holds pictures in pieces of 16 MB


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
    serve_programs()
    use_one_thread()


def load_models(source: str | None) -> tuple[Verifier, str, list[Verifier]]:
    """The model at `source`, a notice, and those bundled models that the same page is for.

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
    bundled = [Verifier.from_pretrained(folder) for folder in bundled_models().values()]
    return verifier, notice, [each for each in bundled if tabs_of(each) is tabs_of(verifier)]


def launch(
    verifier: Verifier,
    notice: str = "",
    others: Sequence[Verifier] = (),
    limits: TrainingLimits | None = None,
    per_minute: int = PER_MINUTE,
    *,
    disk: Disk,
    **address: Any,
) -> None:
    """Serve the page until interrupted or terminated.

    `limits`: of trainings; None where visitors may not train. `per_minute`: requests of one address, see
    siamese.guard.rates. `disk`: where all lies that visitors bring. `address`: arguments of Gradio's `launch`:
    server_name, server_port, share, mcp_server.
    """
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2  # for what Gradio opens before we see it: Pillow refuses twice this number
    if spaces is not None:
        spaces.GPU(_needs_a_gpu)
    largest = largest_file(limits)
    with_tools = address.get("mcp_server") or os.environ.get("GRADIO_MCP_SERVER", "").lower() == "true"
    guard(most_uploaded(limits), per_minute, bool(with_tools), create_app(verifier))
    refused = dict.fromkeys(UNREADABLE, not_understood) | of_logins()
    pages = OpenPages()
    training = Workspaces(limits, disk, pages, _on_gpu()) if limits else contextlib.nullcontext()
    with training as workspaces:
        demo = build_demo(verifier, notice, others, workspaces)
        demo.uploads = Uploads(disk, pages)
        disk.keep_trimmed()
        middleware = [Middleware(RoomForUploads, disk=disk), Middleware(Presence, pages=pages)]
        middleware += [Middleware(Compression), Middleware(Preview, header=header(verifier.name, verifier.config))]
        routes = [Route("/health", health), Route(PATH, thumbnail)]
        demo.launch(
            **address, max_file_size=largest, ssr_mode=False, enable_monitoring=False, run_history=False,
            footer_links=["api", "settings"], theme=_theme(), css_paths=STYLES, head=head(), js="() => siamese.start()",
            app_kwargs={"routes": routes, "middleware": middleware, "exception_handlers": refused},
        )  # fmt: skip


def largest_file(limits: TrainingLimits | None) -> int:
    """Bytes of one file that visitors may bring."""
    return max(MAX_FILE_SIZE, limits.megabytes * MEGABYTE if limits else 0)


def most_uploaded(limits: TrainingLimits | None) -> int:
    """Bytes of one upload, which may be of many files, with what is around them."""
    return max(TOGETHER, largest_file(limits)) + MEGABYTE


def guard(most_uploaded: int, per_minute: int, with_tools: bool, service: ASGIApp) -> None:
    """Have the server that is launched next let in what siamese.guard lets pass, and nothing else.

    `most_uploaded`: bytes of one upload. `with_tools`: there is something for assistants (MCP). `service`: what answers
    programs, beside the page.
    """
    routes = [*open_routes(ENDPOINTS, with_login=hosted.is_on(), with_tools=with_tools), *service_routes()]
    prefix = urlsplit(os.environ.get("GRADIO_ROOT_PATH", "")).path
    rates = Rates(per_minute)

    def guarded(app: ASGIApp) -> Forwarded:
        return Forwarded(Gate(Beside(app, service, prefix), routes, most_uploaded, rates, prefix), trusted(os.environ))

    protocol = partial(BoundedProtocol, connections=Connections(guarded(None).trusts))
    serve_with(guarded, http=protocol, proxy_headers=False)


def _theme() -> gr.themes.Base:
    """Neutral, so that colour is left to the verdict; the fonts that the visitor's system has."""
    return gr.themes.Default(primary_hue="slate", neutral_hue="slate", font=("system-ui", "sans-serif")).set(
        button_primary_background_fill="*neutral_800", button_primary_background_fill_hover="*neutral_700",
        button_primary_background_fill_dark="*neutral_100", button_primary_background_fill_hover_dark="*neutral_300",
        button_primary_text_color="white", button_primary_text_color_dark="*neutral_900",
        button_secondary_background_fill="*neutral_100", button_secondary_background_fill_hover="*neutral_200",
        button_secondary_background_fill_dark="*neutral_700", button_secondary_background_fill_hover_dark="*neutral_600",
        button_large_text_size="*text_md", button_large_text_weight="500",
    )  # fmt: skip


def _needs_a_gpu() -> None:
    """ZeroGPU wants one such function. Never called: the processor answers sooner than a GPU is had, and costs no quota."""


def _on_gpu() -> Callable[[Task], Any] | None:
    """What trains on ZeroGPU, for as long as the work needs; None where trainings run in processes of this machine."""
    if spaces is None or not os.environ.get("SPACES_ZERO_GPU"):
        return None
    from siamese.visitors.worker import updates

    return spaces.GPU(updates, duration=Task.gpu_seconds)


def not_understood(request: Request, error: Exception) -> JSONResponse:
    """The answer where Gradio fails at what was sent: it would log a traceback, and say that the server has failed."""
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        return JSONResponse({"detail": "the server's disk is full: try again later"}, 507)
    if isinstance(error, NoRoomError):
        return JSONResponse({"detail": str(error)}, 507)
    if any(PACKAGE in Path(frame.filename).parents for frame in traceback.extract_tb(error.__traceback__)):
        logger.error("a request failed", exc_info=error)
        return JSONResponse({"detail": NOT_THE_CALLERS}, 500)
    logger.info("request refused: %s", error)
    said = "what was sent is not of the kind that is asked for here: what is, is at /gradio_api/info"
    return JSONResponse({"detail": said}, 400)


def of_logins() -> dict:
    """What answers where a login fails: Gradio itself would say that the server has failed."""
    if not hosted.is_on():
        return {}
    from authlib.integrations.base_client.errors import OAuthError  # there on Spaces only
    from httpx import HTTPError

    return {OAuthError: not_logged_in, HTTPError: not_logged_in}


def not_logged_in(request: Request, error: Exception) -> Response:
    """Back to the page where the visitor has not agreed; a sentence where the Hub cannot be reached."""
    logger.info("a login failed: %s", type(error).__name__)
    if getattr(error, "error", None) == "access_denied":
        return RedirectResponse("/")
    return JSONResponse({"detail": "the login to the Hub has failed: go back, and try again"}, 502)


def health(request: Request) -> JSONResponse:
    """Whether the server answers; for load balancers and monitors, which need not load the page."""
    return JSONResponse({"status": "ok"})
