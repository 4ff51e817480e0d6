"""A heartbeat that is held is an open page, and its end is the page's."""

import asyncio

import pytest
from brought import wait

from siamese.demo.presence import Presence
from siamese.visitors.open_pages import OpenPages


def scope(path: str, method: str = "GET") -> dict:
    return {"type": "http", "method": method, "path": path, "client": ("192.0.2.1", 1)}


@pytest.mark.parametrize("path", ["/gradio_api/heartbeat/abc_1-x", "/demo/gradio_api/heartbeat/abc_1-x"])
@pytest.mark.parametrize("ends", ["well", "cancelled", "broken"])
def test_a_page_is_open_while_its_heartbeat_lasts(path, ends):
    pages, seen = OpenPages(), []

    async def app(*_) -> None:
        seen.append(pages.address_of("abc_1-x"))
        if ends == "broken":
            raise OSError("gone")
        if ends == "cancelled":
            await asyncio.sleep(60)

    async def serve() -> None:
        task = asyncio.create_task(Presence(app, pages)(scope(path), None, None))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(serve())
    assert seen == ["192.0.2.1"]
    wait(lambda: not pages.is_open("abc_1-x"), 5)


@pytest.mark.parametrize(
    "request_", [scope("/gradio_api/queue/data"), scope("/gradio_api/heartbeat/abc", "POST"), {"type": "lifespan"}]
)
def test_nothing_else_is_a_page(request_):
    pages, passed = OpenPages(), []
    pages.came = passed.append

    async def app(*arguments) -> None:
        passed.append(arguments[0])

    asyncio.run(Presence(app, pages)(request_, None, None))
    assert passed == [request_]
