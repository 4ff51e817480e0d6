"""A bound on the disk that uploads take: the framework deletes them by their age alone."""

import contextlib
import os
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from siamese.visitors.limits import MEGABYTE

VARIABLE, MEGABYTES, MOST = "SIAMESE_UPLOADS_MEGABYTES", 1000, 1_000_000  # its default and its largest value
HASH_LENGTH = 64  # characters: each upload lies in a folder of its own, named by the hash of its content
UNDER_WAY = f"tmp{'[a-z0-9_]' * 8}"  # the name of a file while it comes in, and for good where its sender has hung up
LATE_SECONDS = 600  # without a byte more, after which it is not coming in any more
SWEEP_SECONDS = 5  # between two looks


def bound(environment: Mapping[str, str]) -> int:
    """The bytes that uploads may take, from the environment. Raises ValueError that says what is set and what is allowed."""
    text = environment.get(VARIABLE, "").strip() or str(MEGABYTES)
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:10]) <= MOST):
        raise ValueError(f"{VARIABLE} is {text!r}, allowed: a whole number from 1 to {MOST}")
    return int(text) * MEGABYTE


def trim(folder: str | Path, most_bytes: int) -> int:
    """Delete the oldest uploads in `folder` until the others have at most `most_bytes`; the bytes that are left.

    Uploads are files in folders that bear the name of a hash, and those that are just coming in, or never came in whole:
    these are deleted after LATE_SECONDS in any case. Whatever else lies there is not looked at, and in the folder for
    temporary files of all programs only what has a hash.
    """
    folder, found, late = Path(folder), [], time.time() - LATE_SECONDS
    is_for_all = folder.resolve() == Path(tempfile.gettempdir()).resolve()
    under_way = [] if is_for_all else folder.glob(UNDER_WAY)
    for path in (*folder.glob(f"{'[0-9a-f]' * HASH_LENGTH}/*"), *under_way):
        with suppress(OSError):
            if path.is_file() and not (path.is_symlink() or path.parent.is_symlink()):
                status = path.stat()
                if path.parent == folder and status.st_mtime < late:
                    path.unlink()
                else:
                    found.append((status.st_mtime_ns, status.st_size, path))
    size = sum(each[1] for each in found)
    for modified, bytes_of_file, path in sorted(found):
        if size <= most_bytes:
            break
        with suppress(OSError):
            if path.stat().st_mtime_ns == modified:  # or the same file has just been uploaded again
                size -= bytes_of_file if delete(path) else 0
    return size


def delete(path: str | Path | None) -> bool:
    """Delete an upload, and its folder unless that holds another; whether it was there."""
    if path is None:
        return False
    path = Path(path)
    try:
        path.unlink()
    except OSError:
        return False
    if len(path.parent.name) == HASH_LENGTH:
        with suppress(OSError):
            path.parent.rmdir()
    return True


def keep_trimmed(folder: str | Path, most_bytes: int) -> threading.Event:
    """Trim `folder` every SWEEP_SECONDS in a thread of its own, until the event that comes back is set."""
    ended = threading.Event()

    def sweep() -> None:
        while not ended.wait(SWEEP_SECONDS):
            trim(folder, most_bytes)

    threading.Thread(target=sweep, daemon=True).start()
    return ended


@contextlib.contextmanager
def own_folder(most_bytes: int) -> Iterator[None]:
    """A folder for what visitors upload, kept below a size, that no other demo on this machine shares; gone with the server.

    Its place is the variable GRADIO_TEMP_DIR while the block runs. Gradio's own is one for all, in which the end of one demo
    deletes pictures of another.
    """
    with contextlib.ExitStack() as until_the_end:
        if not os.environ.get("GRADIO_TEMP_DIR"):
            new = tempfile.TemporaryDirectory(prefix="siamese-uploads-", ignore_cleanup_errors=True)
            os.environ["GRADIO_TEMP_DIR"] = until_the_end.enter_context(new)
            until_the_end.callback(os.environ.pop, "GRADIO_TEMP_DIR", None)
        until_the_end.callback(keep_trimmed(os.environ["GRADIO_TEMP_DIR"], most_bytes).set)
        yield
