"""The workspace behind the tab, and what a visitor is told where something cannot be done in it."""

import logging

from siamese.demo import uploads
from siamese.demo.gradio_patches import NOT_THE_CALLERS, refusal
from siamese.hub.errors import DISK_FULL
from siamese.visitors.workspace import Workspace

logger = logging.getLogger(__name__)


def mine(space: Workspace | None) -> Workspace:
    """The workspace of a page. Raises gr.Error where it has none any more."""
    if space is None:
        raise refusal("this page was out of reach for a while, or the server has started anew: reload the page")
    return space


def in_words(error: Exception) -> str:
    """What a visitor is told of an error; one of this machine goes to the log."""
    if not isinstance(error, OSError):
        return str(error)
    logger.error("a request failed", exc_info=error)
    return uploads.NO_DISK if error.errno in DISK_FULL else NOT_THE_CALLERS
