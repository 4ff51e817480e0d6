"""What all workspaces of a server share: its limits, its queue, its disk, and who may have how much of that."""

import secrets
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol, Self

from siamese.visitors.disk import Disk, NoRoomError, Piece
from siamese.visitors.limits import MEGABYTE, TrainingLimits
from siamese.visitors.open_pages import OpenPages
from siamese.visitors.queue import TrainingQueue
from siamese.visitors.task import Task, Update

SWEEP_SECONDS = 10  # between two looks for guests that are away
SHARE_OF_ADDRESS = 0.5  # of the disk, that the guests of one address may take


class Guest(Protocol):
    """What a visitor has: see siamese.visitors.workspace.Workspace."""

    address: str | None

    def is_open(self) -> bool: ...
    def is_in_use(self) -> bool: ...
    def idle_seconds(self) -> float: ...
    def size(self) -> int: ...
    def make_room(self) -> bool: ...
    def empty(self) -> None: ...
    def close(self) -> None: ...


class Host:
    """Has guests on a `disk`, and leaves nothing of them behind: `close`, or the end of a `with` block.

    `pages`: those that are open; only for such is anything done. `on_gpu` trains elsewhere than in a process here.
    """

    def __init__(
        self,
        limits: TrainingLimits,
        disk: Disk,
        pages: OpenPages | None = None,
        on_gpu: Callable[[Task], Iterator[Update]] | None = None,
    ) -> None:
        self.limits, self.disk, self.pages = limits, disk, pages or OpenPages()
        self.queue = TrainingQueue(limits.waiting, on_gpu)
        self._by_page: weakref.WeakValueDictionary[str, Guest] = weakref.WeakValueDictionary()
        self._guests: set[Guest] = set()  # those that have a folder
        self.unpacking = threading.Lock()  # one archive at a time: the rest of the processor is for answers
        self._lock = threading.Lock()
        self._ended = threading.Event()
        disk.add(self.pieces)
        self.pages.when_left(self._close_with)
        self._sweeper = threading.Thread(target=self._sweep, daemon=True)

    def welcome(self, guest: Guest, page: str | None) -> None:
        """Close this guest when that page is closed."""
        if page is not None:
            self._by_page[page] = guest

    def close(self) -> None:
        """End all trainings, and delete all that visitors have brought or made."""
        self._ended.set()
        for guest in list(self._guests):
            guest.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def new_folder(self, guest: Guest) -> Path:
        """An empty folder for a guest."""
        with self._lock:
            if not self._sweeper.is_alive() and not self._ended.is_set():
                self._sweeper.start()
            folder = self.disk.workspaces / secrets.token_urlsafe(16)
            folder.mkdir(mode=0o700)
            self._guests.add(guest)
            return folder

    def forget(self, guest: Guest) -> None:
        """A guest has no folder any more."""
        with self._lock:
            self._guests.discard(guest)

    def take(self, guest: Guest, size: int) -> None:
        """So many bytes more are about to be written to a guest.

        Raises NoRoomError where the disk has no room, or the guests of one address would have more than their share.
        """
        share = int(SHARE_OF_ADDRESS * self.disk.most)
        if guest.address is not None:
            theirs = sum(other.size() for other in list(self._guests) if other.address == guest.address)
            if theirs + size > share:
                raise NoRoomError(
                    f"that makes {(theirs + size) / MEGABYTE:,.1f} MB of all pages at your address, allowed: at most "
                    f"{share / MEGABYTE:,.1f}: close one, or bring less"
                )
        self.disk.take(size)

    def pieces(self) -> list[Piece]:
        """What can be deleted to make room."""
        return [
            Piece(time.time() - guest.idle_seconds(), guest.size(), guest.make_room, guest.is_in_use())
            for guest in list(self._guests)
        ]

    def _close_with(self, page: str) -> None:
        guest = self._by_page.pop(page, None)
        if guest:
            guest.close()

    def _sweep(self) -> None:
        while not self._ended.wait(SWEEP_SECONDS):
            for guest in list(self._guests):
                if guest.idle_seconds() > 60 * self.limits.minutes:
                    guest.empty()
                elif not guest.is_open():
                    guest.close()
