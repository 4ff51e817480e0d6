"""The model's work for requests: those that wait are done together, so many may wait, the others are told to come back."""

import asyncio
import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from starlette.exceptions import HTTPException

MOST_WAITING = 200  # requests that wait for their turn
TOGETHER, IN_TURN = 16, 2  # pictures that a thread takes at a time, and of these in turn from each request
TOGETHER_BYTES = 200_000  # after which it takes no more: beside a photograph, small pictures would wait for it
Found = TypeVar("Found")


@dataclass(eq=False)
class Asked(Generic[Found]):
    """The pictures of a request, and what was found for those that a thread is done with."""

    pictures: Sequence[bytes]
    answer: asyncio.Future
    taken: int = 0
    found: dict[int, Found] = field(default_factory=dict)


class Pool(Generic[Found]):
    """Threads in which a function looks at pictures: as many as there are processors, as each computes with one.

    A thread that is free takes what waits, from one request after the other, so that a small one need not wait for all of a
    large one. `look` gets some pictures and returns something for each. To be used from one event loop.
    """

    def __init__(
        self, look: Callable[[list[bytes]], list[Found]], threads: int | None = None, most_waiting: int = MOST_WAITING
    ) -> None:
        self._free = threads or os.cpu_count() or 1
        self._look, self._executor = look, ThreadPoolExecutor(self._free, "model")
        self._most, self._under_way = self._free + most_waiting, 0
        self._waiting: deque[Asked[Found]] = deque()

    async def look(self, pictures: Sequence[bytes]) -> list[Found]:
        """What is found for each picture, of which there is at least one. Raises HTTPException where too many wait."""
        if self._under_way >= self._most:
            raise HTTPException(503, "the server is busy with other requests: try again", {"Retry-After": "1"})
        self._under_way += 1
        asked = Asked[Found](pictures, asyncio.get_running_loop().create_future())
        self._waiting.append(asked)
        try:
            self._start()
            await asked.answer
            return [asked.found[place] for place in range(len(pictures))]
        finally:
            self._under_way -= 1

    def _start(self) -> None:
        while self._free and (part := self._next()):
            self._free -= 1
            pictures = [asked.pictures[place] for asked, place in part]
            work = asyncio.get_running_loop().run_in_executor(self._executor, self._look, pictures)
            work.add_done_callback(lambda work, part=part: self._done(part, work))

    def _next(self) -> list[tuple[Asked[Found], int]]:
        """Pictures for a thread: each as its request, and its place there."""
        part: list[tuple[Asked[Found], int]] = []
        size = 0
        while self._waiting and len(part) < TOGETHER and size < TOGETHER_BYTES:
            asked = self._waiting.popleft()
            if asked.answer.done():  # who asked is gone, or got an error
                continue
            end = min(asked.taken + min(IN_TURN, TOGETHER - len(part)), len(asked.pictures))
            part += [(asked, place) for place in range(asked.taken, end)]
            size += sum(len(asked.pictures[place]) for place in range(asked.taken, end))
            asked.taken = end
            if end < len(asked.pictures):
                self._waiting.append(asked)
        return part

    def _done(self, part: list[tuple[Asked[Found], int]], work: asyncio.Future) -> None:
        self._free += 1
        for number, (asked, place) in enumerate(part):
            if asked.answer.done():
                continue
            if error := work.exception():
                asked.answer.set_exception(error)
                continue
            asked.found[place] = work.result()[number]
            if len(asked.found) == len(asked.pictures):
                asked.answer.set_result(None)
        self._start()
