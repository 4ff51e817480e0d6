"""The one folder in which all lies that visitors bring and the server makes of it, and the bound on what that takes.

It is named by user and process, for this login alone, and gone with the server. A server that is killed leaves it behind:
the next start deletes it, since no living server holds its lock.
"""

import contextlib
import os
import shutil
import signal
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where nothing tells the folder of a living server from another: none is deleted
    fcntl = None

PREFIX = "siamese-uploads-"
TMPDIR = "TMPDIR"
MATPLOTLIB = "MPLCONFIGDIR"  # without a home it takes a temporary folder, and ends with an error where that is gone already
LOCK = "lock"
BLOCK = 4096  # bytes, the least that a file or a folder takes on most disks
HALF_MADE_SECONDS = 60  # for which a folder without a lock may belong to a server that just starts
SWEEP_SECONDS = 5  # between two looks; more where a look takes long
PAUSE = 0.5  # s between two looks for room, where there was none
SHARE_OF_LOOKS = 0.05  # of the time, at most, goes into looking
ROOM = 0.9  # of the bound that is left taken, once it was reached: or each byte more would be a look
FULL = "there is no room for this on the server now, where others' pictures lie: try again in a few minutes"


class NoRoomError(ValueError):
    """All that is allowed on the disk is taken by what visitors are using."""


@dataclass(frozen=True)
class Piece:
    """What can be deleted to make room."""

    used: float  # when last, in seconds since 1970
    size: int  # bytes of the disk
    delete: Callable[[], object]
    is_in_use: bool = False


def size_on_disk(path: str | Path) -> int:
    """Bytes of the blocks that a file, or a folder and all in it, takes; 0 where it is not there. Links are not followed."""
    try:
        about = os.lstat(path)
        inside = [entry.path for entry in os.scandir(path)] if stat.S_ISDIR(about.st_mode) else []
    except OSError:  # deleted meanwhile
        return 0
    return _blocks(about) + sum(map(size_on_disk, inside))


def size_to_be(sizes: Iterable[int]) -> int:
    """Bytes of the disk that files of these sizes will take, a folder for each hundred of them included."""
    sizes = list(sizes)
    return sum(-(-size // BLOCK) * BLOCK for size in sizes) + (2 + len(sizes) // 100) * BLOCK


class Disk:
    """The folder `folder`, whose parts are `uploads`, `workspaces` and `temporary`. Safe to use from several threads.

    `most`: bytes that all of it may take, and `uploads` where the operator has put that elsewhere.
    """

    def __init__(self, folder: Path, most: int, uploads: Path | None = None) -> None:
        self.folder, self.most = folder, most
        self.uploads, self.workspaces, self.temporary = (
            uploads or folder / "uploads",
            folder / "workspaces",
            folder / "temporary",
        )
        for part in (self.uploads, self.workspaces, self.temporary):
            part.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.is_closed = False
        self._sources: list[Callable[[], Iterable[Piece]]] = []
        # Bytes at the last look, announced and being written now, and written since.
        self._known, self._under_way, self._since = 0, 0, 0
        self._refused = -PAUSE  # when last
        self._looking, self._counting = threading.Lock(), threading.Lock()

    def add(self, pieces: Callable[[], Iterable[Piece]]) -> None:
        """Count what `pieces` gives, and delete the oldest of it where there is too much."""
        self._sources.append(pieces)

    def take(self, size: int) -> None:
        """So many bytes more are about to be written, until `settle`. Makes room; raises NoRoomError where there is none."""
        if self.reserve(size):
            return
        if time.monotonic() - self._refused > PAUSE:  # or who is refused again and again would have it look all the time
            self.trim(max(0, min(self.most - size, int(ROOM * self.most))))
            if self.reserve(size):
                return
            self._refused = time.monotonic()
        raise NoRoomError(FULL)

    def reserve(self, size: int) -> bool:
        """Take so many bytes, if there is room for them without deleting anything; whether there was."""
        with self._counting:
            if self.is_closed or self._known + self._under_way + self._since + size > self.most:
                return False
            self._under_way += size
            return True

    def settle(self, size: int) -> None:
        """What was announced with `take` or `reserve` is written, or will not be."""
        with self._counting:
            self._under_way -= size
            self._since += size

    def trim(self, most: int | None = None) -> int:
        """Delete the oldest of what nobody uses, until the rest takes at most `most` bytes: the bytes that are left."""
        most = self.most if most is None else most
        with self._looking:
            with self._counting:
                self._since = 0
            pieces = sorted((piece for source in self._sources for piece in source()), key=lambda piece: piece.used)
            left = sum(piece.size for piece in pieces) + size_on_disk(self.temporary)
            left += sum(
                _blocks(os.lstat(part)) for part in (self.uploads, self.workspaces) if part.exists()
            )  # lists of names
            for piece in pieces:
                if left <= most:
                    break
                if not piece.is_in_use and piece.delete():
                    left -= piece.size
            self._known = left
        return left

    def keep_trimmed(self) -> None:
        """Trim again and again, in a thread of its own, until the folder is closed."""

        def sweep() -> None:
            while not self.is_closed:
                started = time.monotonic()
                self.trim()
                time.sleep(max(SWEEP_SECONDS, (time.monotonic() - started) / SHARE_OF_LOOKS))

        threading.Thread(target=sweep, daemon=True).start()

    def close(self) -> None:
        """Delete the folder. What requests that are still answered put there meanwhile goes too."""
        self.is_closed = True
        for _ in range(20):
            shutil.rmtree(self.folder, ignore_errors=True)
            if not self.folder.exists():
                return
            time.sleep(0.1)


@contextlib.contextmanager
def opened(most: int, uploads: str | None = None) -> Iterator[Disk]:
    """A new Disk, until the end of the block; the folder for temporary files of this process lies in it.

    First, folders that killed servers of this user have left are deleted. `uploads`: a folder for uploads elsewhere. Raises
    OSError where there is no place for it. Within the block SIGTERM and SIGHUP end the program as Ctrl-C does, so that it
    leaves nothing.
    """
    base, before = tempfile.gettempdir(), (tempfile.tempdir, {name: os.environ.get(name) for name in (TMPDIR, MATPLOTLIB)})
    delete_left_behind(Path(base))
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{_user()}-{os.getpid()}-"))
    disk = None
    with _locked(folder), _ended_by_signals():
        try:
            disk = Disk(folder, most, Path(uploads) if uploads else None)
            tempfile.tempdir = os.environ[TMPDIR] = str(disk.temporary)
            if not os.access(os.path.expanduser("~"), os.W_OK):
                os.environ.setdefault(MATPLOTLIB, str(disk.temporary))
            yield disk
        finally:
            _ignore_signals()
            tempfile.tempdir = before[0]
            for name, value in before[1].items():
                os.environ.pop(name, None) if value is None else os.environ.update({name: value})
            disk.close() if disk else shutil.rmtree(folder, ignore_errors=True)


def delete_left_behind(base: Path) -> None:
    """Delete what servers of this user that are no more have left in `base`."""
    if fcntl is None:
        return
    for folder in base.glob(f"{PREFIX}{_user()}-*"):
        with contextlib.suppress(OSError):
            about = folder.lstat()
            if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid():
                continue
            try:
                lock = os.open(folder / LOCK, os.O_RDWR | os.O_NOFOLLOW)
            except FileNotFoundError:
                if time.time() - about.st_mtime > HALF_MADE_SECONDS:
                    shutil.rmtree(folder, ignore_errors=True)
                continue
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # OSError where a living server holds it
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder. It gets its name once held, or another start would take the folder for left behind."""
    if fcntl is None:
        yield
        return
    new = folder / f"{LOCK}.new"
    with new.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        new.rename(folder / LOCK)
        yield


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # where Python lets nobody handle signals
        yield
        return
    before = {}
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number and signal.getsignal(number) is not signal.SIG_IGN:  # as nohup asks
            before[number] = signal.signal(number, lambda *_: sys.exit(0))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore_signals() -> None:
    """A second one must not end the deletion half-way."""
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGTERM", "SIGHUP"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), signal.SIG_IGN)


def _user() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0


def _blocks(about: os.stat_result) -> int:
    """Bytes of the disk that a file takes, whatever its size."""
    return about.st_blocks * 512 if hasattr(about, "st_blocks") else -(-about.st_size // BLOCK) * BLOCK
