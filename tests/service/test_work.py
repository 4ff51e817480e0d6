"""The model's threads: work is done, and beyond what may wait there is a refusal instead."""

import asyncio
import threading

import pytest
from starlette.exceptions import HTTPException

from siamese.service.work import Pool


def test_what_is_too_much_is_refused_and_there_is_room_again_afterwards():
    pool, go_on = Pool(threads=1, most_waiting=1), threading.Event()

    async def ask() -> None:
        asked = [asyncio.ensure_future(pool.run(go_on.wait, 30)) for _ in range(2)]
        await asyncio.sleep(0.05)
        with pytest.raises(HTTPException) as refused:
            await pool.run(int)
        assert (refused.value.status_code, refused.value.headers) == (503, {"Retry-After": "1"})
        go_on.set()
        assert await asyncio.gather(*asked) == [True, True]
        assert await pool.run(max, 3, 4) == 4
        with pytest.raises(ZeroDivisionError):
            await pool.run(divmod, 1, 0)

    asyncio.run(ask())
