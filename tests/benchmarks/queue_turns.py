"""How long a program that asks for little waits in the demo's queue, while 8 addresses flood it with work that takes long.

python tests/benchmarks/queue_turns.py

The queue alone, without a server: work is a sleep, of 20 ms for the one and 300 ms for the others, one at a time.
"""

import asyncio
import statistics
import sys
import time
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).parents[2]))

import gradio as gr
from gradio import queueing
from gradio.data_classes import PredictBodyInternal

from siamese.demo.gradio_patches import Demo

SHORT, LONG, ATTACKERS, PAUSE = 0.02, 0.3, 8, 0.4  # s
ended: dict[str, asyncio.Event] = {}


async def sleep(self: queueing.Queue, events: list[queueing.Event], *_: object) -> None:
    """In place of what Gradio does with an event."""
    (event,) = events
    await asyncio.sleep(SHORT if event.request.client.host == "visitor" else LONG)
    self.event_queue_per_concurrency_id[event.concurrency_id].current_concurrency -= 1
    self.active_jobs[self.active_jobs.index(events)] = None
    if event._id in ended:
        ended.pop(event._id).set()


async def ask(queue: queueing.Queue, host: str) -> str:
    """A request from an address; its id."""
    request = SimpleNamespace(client=SimpleNamespace(host=host))
    return (await queue.push(PredictBodyInternal(fn_index=0, data=[], session_hash=host), request, None))[1]


async def attack(queue: queueing.Queue, host: str) -> None:
    """20 requests a second."""
    while True:
        await ask(queue, host)
        await asyncio.sleep(0.05)


async def visit(queue: queueing.Queue, seconds: float) -> list[float]:
    """How long each request took."""
    waited, end = [], time.monotonic() + seconds
    while (started := time.monotonic()) < end:
        done = ended[await ask(queue, "visitor")] = asyncio.Event()
        await done.wait()
        waited.append(time.monotonic() - started)
        await asyncio.sleep(PAUSE)
    return waited


async def measure(queue: queueing.Queue) -> None:
    """Print the medians, and the longest wait."""
    queue.active_jobs = [None] * queue.max_thread_count
    tasks = [asyncio.ensure_future(queue.start_processing())]
    quiet = statistics.median(await visit(queue, 5))
    tasks += [asyncio.ensure_future(attack(queue, f"198.51.100.{number}")) for number in range(ATTACKERS)]
    await asyncio.sleep(3)
    waited = await visit(queue, 10)
    median = statistics.median(waited)
    print(
        f"quiet {1000 * quiet:.0f} ms; flood {1000 * median:.0f} ms, {median / quiet:.2f}x quiet, worst {max(waited):.2f} s"
    )
    for task in tasks:
        task.cancel()


def main() -> int:
    """Measure once."""
    queueing.Queue.process_events = sleep
    with Demo(analytics_enabled=False) as blocks:
        gr.Button().click(lambda: None, concurrency_limit=1)
    asyncio.run(measure(blocks.queue(max_size=256)._queue))
    return 0


if __name__ == "__main__":
    sys.exit(main())
