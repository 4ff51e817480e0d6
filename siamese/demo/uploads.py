"""What visitors upload, as the framework keeps it on disk: counted, refused where there is no room, the oldest deleted."""

import asyncio
import logging
import os
import re
import tempfile
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from siamese.hub.errors import DISK_FULL
from siamese.visitors.disk import BLOCK, Disk, NoRoomError, Piece, size_on_disk
from siamese.visitors.limits import MEGABYTE
from siamese.visitors.open_pages import OpenPages

VARIABLE, MEGABYTES, MOST = "SIAMESE_UPLOADS_MEGABYTES", 1000, 1_000_000  # its default and its largest value
HASH = re.compile("[0-9a-f]{64}")  # of its content: the name of the folder of its own in which each upload lies
UNDER_WAY = re.compile("tmp[a-z0-9_]{8}")  # the name of a file while it comes in, and for good where its sender has hung up
LATE_SECONDS = 600  # without a byte more, after which it is not coming in any more
AGE_SECONDS = 3600  # after which an upload is deleted that no open page uses
EMPTY_SECONDS = 2  # a folder may stay empty: its file is on its way
USED_EACH = 40  # uploads of a page that stay while it is open; it shows up to 36
SHARE_OF_ADDRESS = 0.25  # of the disk, that uploads may take which stay for the pages of one address
UPLOAD_PATHS = ("/upload", "/upload/")
FILE, EACH_FILE = b"filename", 2 * BLOCK  # what each file is announced by, and what it takes however small it is
NO_ROOM, NO_DISK = 507, "the server's disk is full: try again later"

logger = logging.getLogger(__name__)


def bound(environment: Mapping[str, str]) -> int:
    """The bytes that all of visitors may take, from the environment. Raises ValueError that says what is allowed."""
    text = environment.get(VARIABLE, "").strip() or str(MEGABYTES)
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:10]) <= MOST):
        raise ValueError(f"{VARIABLE} is {text!r}, allowed: a whole number from 1 to {MOST}")
    return int(text) * MEGABYTE


class Uploads:
    """The uploads of a Disk, which is told of them.

    Uploads are files in folders that bear the name of a hash, and those that are just coming in, or never came in whole:
    these are deleted after LATE_SECONDS. Whatever else lies in the folder is not looked at, and in the folder for temporary
    files of all programs only what has a hash.
    """

    def __init__(self, disk: Disk, pages: OpenPages) -> None:
        self.folder, self._pages, self._most = disk.uploads, pages, disk.most
        self._is_for_all = self.folder.resolve() == Path(tempfile.gettempdir()).resolve()
        self._used: dict[str, OrderedDict[str, None]] = {}  # of each open page the paths, those used last at the end
        self._lock = threading.Lock()
        disk.add(self.pieces)
        pages.when_left(self._forget)

    def use(self, page: str, paths: Iterable[str]) -> None:
        """An open page asks something about these uploads, which stay for it from now on."""
        with self._lock:
            if not self._pages.is_open(page):
                return
            used = self._used.setdefault(page, OrderedDict())
            for path in paths:
                used.pop(path, None)
                used[path] = None
                with suppress(OSError):
                    os.utime(path)  # Gradio goes by the age as well
            while len(used) > USED_EACH:
                used.popitem(last=False)

    def _forget(self, page: str) -> None:
        with self._lock:
            self._used.pop(page, None)

    def _kept(self) -> set[str]:
        """What open pages use, of each address the last that make up its share."""
        with self._lock:
            used = [(self._pages.address_of(page), path) for page, paths in self._used.items() for path in reversed(paths)]
        kept, sizes = set(), Counter()
        for address, path in used:
            sizes[address] += size_on_disk(path)
            if sizes[address] <= SHARE_OF_ADDRESS * self._most:
                kept.add(path)
        return kept

    def pieces(self) -> Iterator[Piece]:
        """All uploads; what is old, late or empty is deleted instead."""
        now, kept = time.time(), self._kept()
        with suppress(OSError), os.scandir(self.folder) as entries:
            for entry in entries:
                with suppress(OSError):
                    if HASH.fullmatch(entry.name):
                        if entry.is_dir(follow_symlinks=False):
                            yield from self._inside(Path(entry.path), kept, now)
                    elif UNDER_WAY.fullmatch(entry.name) and not self._is_for_all and entry.is_file(follow_symlinks=False):
                        yield from _piece(Path(entry.path), False, now - LATE_SECONDS)

    def _inside(self, folder: Path, kept: set[str], now: float) -> Iterator[Piece]:
        about, files = folder.stat(), [path for path in folder.iterdir() if path.is_file() and not path.is_symlink()]
        if not files and about.st_mtime < now - EMPTY_SECONDS:
            folder.rmdir()  # OSError where it holds what is no upload
            return
        for path in files:
            is_used = str(path) in kept
            if is_used and path.stat().st_mtime < now - AGE_SECONDS / 2:
                os.utime(path)
            yield from _piece(path, is_used, 0 if is_used else now - AGE_SECONDS, size_on_disk(folder) // len(files))


def _piece(path: Path, is_used: bool, oldest: float, size: int | None = None) -> Iterator[Piece]:
    modified = path.stat().st_mtime_ns
    if modified / 1e9 < oldest and delete(path):
        return
    yield Piece(
        modified / 1e9, size_on_disk(path) if size is None else size, partial(_delete_as_it_was, path, modified), is_used
    )


def _delete_as_it_was(path: Path, modified: int) -> bool:
    """Delete an upload, unless the same file has just been uploaded again."""
    with suppress(OSError):
        return path.stat().st_mtime_ns == modified and delete(path)
    return False


def delete(path: str | Path | None) -> bool:
    """Delete an upload, and its folder unless that holds another; whether it was there."""
    if path is None:
        return False
    path = Path(path)
    try:
        path.unlink()
    except OSError:
        return False
    if HASH.fullmatch(path.parent.name):
        with suppress(OSError):
            path.parent.rmdir()
    return True


class RoomForUploads:
    """Lets uploads pass while there is room for them on the disk; others are told so in a sentence."""

    def __init__(self, app: ASGIApp, disk: Disk) -> None:
        self.app, self.disk = app, disk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http" or not scope["path"].endswith(UPLOAD_PATHS):
            await self.app(scope, receive, send)
            return

        tail, taken = b"", 0

        async def counted() -> Message:
            nonlocal tail, taken
            message = await receive()
            body = message.get("body", b"")
            seen = tail + body.lower()
            tail = seen[-len(FILE) + 1 :]
            size = len(body) + seen.count(FILE) * EACH_FILE
            if not self.disk.reserve(size):
                await asyncio.to_thread(self.disk.take, size)
            taken += size
            return message

        try:
            await self.app(scope, counted, send)
        except NoRoomError as error:
            await PlainTextResponse(str(error), NO_ROOM)(scope, receive, send)
        except OSError as error:
            if error.errno not in DISK_FULL:
                raise
            logger.error("an upload failed: %s", error)
            await PlainTextResponse(NO_DISK, NO_ROOM)(scope, receive, send)
        finally:
            self.disk.settle(taken)
