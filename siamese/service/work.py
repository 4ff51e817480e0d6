"""The model's work for requests: so many at a time, so many waiting, the others are told to come back."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from starlette.exceptions import HTTPException

MOST_WAITING = 200  # requests that wait for their turn
Result = TypeVar("Result")


class Pool:
    """Threads for the model: as many as there are processors, as each computes with one."""

    def __init__(self, threads: int | None = None, most_waiting: int = MOST_WAITING) -> None:
        self._threads = threads or os.cpu_count() or 1
        self._executor = ThreadPoolExecutor(self._threads, "model")
        self._most, self._under_way = self._threads + most_waiting, 0

    async def run(self, function: Callable[..., Result], *arguments: object) -> Result:
        """What the function returns. Raises HTTPException where too many wait."""
        if self._under_way >= self._most:
            raise HTTPException(503, "the server is busy with other requests: try again", {"Retry-After": "1"})
        self._under_way += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)
        finally:
            self._under_way -= 1
