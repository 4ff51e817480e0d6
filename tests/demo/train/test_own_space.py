"""Where something cannot be done, the visitor hears a sentence, and of this machine's errors no more than that."""

import errno

import gradio as gr
import pytest

from siamese.demo import uploads
from siamese.demo.gradio_patches import NOT_THE_CALLERS
from siamese.demo.train.own_space import in_words, mine


def test_a_page_without_a_workspace_is_told_to_reload():
    with pytest.raises(gr.Error, match="reload the page"):
        mine(None)
    assert mine(space := object()) is space


def test_what_is_not_the_visitors_is_not_told():
    assert in_words(ValueError("draw something first")) == "draw something first"
    assert in_words(OSError(errno.ENOSPC, "No space left", "/srv/x")) == uploads.NO_DISK
    assert in_words(OSError(errno.EACCES, "Permission denied", "/srv/x")) == NOT_THE_CALLERS
