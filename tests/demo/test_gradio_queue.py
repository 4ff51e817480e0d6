"""The queue is fair, and Gradio's own is not: else this can go."""

import asyncio
from collections import Counter
from types import SimpleNamespace

import gradio as gr
import pytest
from gradio import queueing
from gradio.data_classes import PredictBodyInternal

from siamese.demo.gradio_patches import Demo
from siamese.demo.gradio_queue import HALF_LIFE, MOST_WAITING, Work


def waiting_after(blocks: gr.Blocks, *hosts: str) -> list[str]:
    """Who waits in the queue, in order, after requests from these addresses; the last is what is said to the last."""

    async def ask() -> list[str]:
        for host in hosts:
            request = SimpleNamespace(client=SimpleNamespace(host=host))
            body = PredictBodyInternal(fn_index=0, data=[], session_hash=host)
            last = await blocks._queue.push(body, request, None)
        waiting = next(iter(blocks._queue.event_queue_per_concurrency_id.values())).queue
        return [event.request.client.host for event in waiting], last

    return asyncio.run(ask())


@pytest.mark.parametrize(("kind", "expected"), [(gr.Blocks, "aaabbac"), (Demo, "abcabaa")])
def test_the_queue_takes_turns(kind, expected):
    with kind(analytics_enabled=False) as blocks:
        gr.Button().click(lambda: None)
    assert "".join(waiting_after(blocks.queue(), *"aaabbac")[0]) == expected


def test_of_programs_who_has_had_least_work_done_comes_first():
    with Demo(analytics_enabled=False) as blocks:
        gr.Button().click(lambda: None)
    blocks.queue()._queue.work.add("a", 2)
    blocks._queue.work.add("b", 1)
    assert "".join(waiting_after(blocks, *"aabbc")[0]) == "cbaba"


def test_work_of_a_program_is_counted_and_half_of_it_forgotten_in_time():
    now = 0.0
    work = Work(clock=lambda: now)
    work.add("a", 8)
    now = HALF_LIFE
    work.add("b", 1)
    now = 3 * HALF_LIFE
    assert work.of_all() == {"a": 1, "b": 0.25}
    now = 100 * HALF_LIFE
    assert work.of_all() == {}, "or it would grow with each address"


def test_beside_long_work_one_request_is_begun_of_who_asks_for_little(monkeypatch):
    with Demo(analytics_enabled=False) as blocks:
        gr.Button().click(lambda: None, concurrency_limit=1)
    queue, begun = blocks.queue()._queue, []
    for address, seconds in (("large", 4), ("large too", 3), ("small", 1)):
        queue.work.add(address, seconds)
    waiting_after(blocks, "large", "large", "large too", "small", "small", "new")
    (of_program,) = queue.event_queue_per_concurrency_id.values()
    while found := queue.get_events():
        begun += [event.request.client.host for event in found[0]]
        of_program.current_concurrency += 1
        queue.under_way[begun[-1]] += 1
        if len(begun) == 1:
            assert begun == ["new"]  # of which nobody knows how long it takes
            queue.under_way = Counter(["large"])
    assert begun == ["new", "small"], "and one alone"
    of_program.current_concurrency, queue.under_way = 1, Counter(["small"])
    assert queue.get_events() is None


@pytest.mark.parametrize("visibility", ["public", "private"])
def test_only_the_time_of_programs_is_noted(visibility, monkeypatch):
    """Of the page's own listeners some wait for others."""

    async def slow(*arguments):
        await asyncio.sleep(0.05)

    monkeypatch.setattr(queueing.Queue, "process_events", slow)
    with Demo(analytics_enabled=False) as blocks:
        gr.Button().click(lambda: None, api_visibility=visibility)
    request = SimpleNamespace(client=SimpleNamespace(host="a"))
    event = SimpleNamespace(fn=blocks.fns[0], request=request)
    asyncio.run(blocks.queue()._queue.process_events([event], False, 0.0, event.fn))
    assert (blocks._queue.work.of_all()["a"] >= 0.04) == (visibility == "public")


def test_one_address_has_so_many_places_in_the_queue_and_this_machine_any_number():
    with Demo(analytics_enabled=False) as blocks:
        gr.Button().click(lambda: None)
    blocks.queue(max_size=64)
    waiting, last = waiting_after(blocks, *["203.0.113.7"] * (MOST_WAITING + 1))
    assert len(waiting) == MOST_WAITING
    said = f"there are {MOST_WAITING} requests of your address waiting already: try again later"
    assert last == (False, said, "queue_full")
    assert waiting_after(blocks, *["127.0.0.1"] * 40)[1][0]
