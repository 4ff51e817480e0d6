"""A bound on the disk that uploads take: the framework deletes them by their age alone."""

import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from siamese.limits import MEGABYTE

VARIABLE, MEGABYTES, MOST = "SIAMESE_UPLOADS_MEGABYTES", 1000, 1_000_000  # its default and its largest value
HASH_LENGTH = 64  # characters: each upload lies in a folder of its own, named by the hash of its content
SWEEP_SECONDS = 5  # between two looks


def bound(environment: Mapping[str, str]) -> int:
    """The bytes that uploads may take, from the environment. Raises ValueError that says what is set and what is allowed."""
    text = environment.get(VARIABLE, "").strip() or str(MEGABYTES)
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:10]) <= MOST):
        raise ValueError(f"{VARIABLE} is {text!r}, allowed: a whole number from 1 to {MOST}")
    return int(text) * MEGABYTE


def trim(folder: str | Path, most_bytes: int) -> int:
    """Delete the oldest uploads in `folder` until the others have at most `most_bytes`; the bytes that are left.

    Uploads are files in folders that bear the name of a hash; whatever else lies there is not looked at.
    """
    found = []
    for path in Path(folder).glob(f"{'[0-9a-f]' * HASH_LENGTH}/*"):
        with suppress(OSError):
            if path.is_file() and not (path.is_symlink() or path.parent.is_symlink()):
                status = path.stat()
                found.append((status.st_mtime_ns, status.st_size, path))
    size = sum(each[1] for each in found)
    for _, bytes_of_file, path in sorted(found):
        if size <= most_bytes:
            break
        with suppress(OSError):
            path.unlink()
            size -= bytes_of_file
            path.parent.rmdir()  # unless it holds another file
    return size


def keep_trimmed(folder: str | Path, most_bytes: int) -> threading.Event:
    """Trim `folder` every SWEEP_SECONDS in a thread of its own, until the event that comes back is set."""
    ended = threading.Event()

    def sweep() -> None:
        while not ended.wait(SWEEP_SECONDS):
            trim(folder, most_bytes)

    threading.Thread(target=sweep, daemon=True).start()
    return ended
