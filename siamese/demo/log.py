"""The log of the server, which must not stop it: it may lie on a disk that is full, or go to a terminal that was closed."""

import contextlib
import sys
from collections.abc import Iterator
from typing import Any, TextIO


class LossyLog:
    """A stream that loses what cannot be written. Gradio prints each error, and stops answering where it cannot."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, if possible."""
        with contextlib.suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, if possible."""
        with contextlib.suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def lossy_log() -> Iterator[None]:
    """Within, whatever is printed is lost where it cannot be written."""
    with contextlib.redirect_stdout(LossyLog(sys.stdout)), contextlib.redirect_stderr(LossyLog(sys.stderr)):
        yield
