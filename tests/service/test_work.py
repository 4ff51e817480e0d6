"""The model's threads: what waits is looked at together and in turns, and beyond what may wait there is a refusal."""

import asyncio
import threading

import pytest
from starlette.exceptions import HTTPException

from siamese.service import work
from siamese.service.work import Pool


class Looking:
    """Looks at pictures once it may, and remembers which came together."""

    def __init__(self) -> None:
        self.together, self.go_on = [], threading.Event()

    def __call__(self, pictures: list[bytes]) -> list[int]:
        self.together.append(pictures)
        assert self.go_on.wait(30)
        if b"" in pictures:
            raise ZeroDivisionError
        return [len(picture) for picture in pictures]


async def asked(pool: Pool, *requests: list[bytes]) -> list[asyncio.Task]:
    """Tasks that have asked, one after the other."""
    tasks = []
    for request in requests:
        tasks.append(asyncio.ensure_future(pool.look(request)))
        await asyncio.sleep(0)
    return tasks


def test_what_is_too_much_is_refused_and_there_is_room_again_afterwards():
    looking = Looking()
    pool = Pool(looking, threads=1, most_waiting=1)

    async def ask() -> None:
        tasks = await asked(pool, [b"a"], [b"bb", b"c"])
        with pytest.raises(HTTPException) as refused:
            await pool.look([b"d"])
        assert (refused.value.status_code, refused.value.headers) == (503, {"Retry-After": "1"})
        looking.go_on.set()
        assert await asyncio.gather(*tasks) == [[1], [2, 1]]
        assert await pool.look([b"ddd"]) == [3]
        with pytest.raises(ZeroDivisionError):
            await pool.look([b""])
        assert await pool.look([b"ddd"]) == [3]

    asyncio.run(ask())


def test_what_waits_is_looked_at_together_and_a_small_request_does_not_wait_for_all_of_a_large_one():
    looking = Looking()
    pool = Pool(looking, threads=1)
    many, small = [bytes([n]) for n in range(40)], [[b"x", b"y"], [b"z"]]

    async def ask() -> None:
        tasks = await asked(pool, [b"first"], many, *small)
        looking.go_on.set()
        assert await asyncio.gather(*tasks) == [[5], [1] * 40, [1, 1], [1]]

    asyncio.run(ask())
    assert looking.together[0] == [b"first"]
    assert looking.together[1] == [*many[:2], b"x", b"y", b"z", *many[2:13]]
    assert [picture for part in looking.together[2:] for picture in part] == many[13:]
    assert max(map(len, looking.together)) == work.TOGETHER


def test_beside_a_large_picture_no_small_one_waits(monkeypatch):
    monkeypatch.setattr(work, "TOGETHER_BYTES", 10)
    looking = Looking()
    pool = Pool(looking, threads=1)

    async def ask() -> None:
        tasks = await asked(pool, [b"first"], [b"large" * 9], [b"a"], [b"b"])
        looking.go_on.set()
        await asyncio.gather(*tasks)

    asyncio.run(ask())
    assert looking.together == [[b"first"], [b"large" * 9], [b"a", b"b"]]


def test_who_is_gone_is_not_worked_for():
    looking = Looking()
    pool = Pool(looking, threads=1)

    async def ask() -> None:
        first, gone, last = await asked(pool, [b"first"], [b"gone"], [b"last"])
        gone.cancel()
        await asyncio.sleep(0)
        looking.go_on.set()
        assert await asyncio.gather(first, last) == [[5], [4]]

    asyncio.run(ask())
    assert looking.together == [[b"first"], [b"last"]]
