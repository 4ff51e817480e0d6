"""Where Gradio's queue does other than the demo needs: who comes first, and how many of one address.

Needed with Gradio 6.31; tests/demo/test_gradio_queue.py shows that Gradio's own still takes no turns.
"""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from gradio import queueing

from siamese.guard.rates import counted_as

MOST_WAITING = 16  # requests of one address in the queue
HALF_LIFE, FORGOTTEN = 10, 0.0001  # s


class Work:
    """Seconds of work that were done for each address lately: of each second, half is forgotten after HALF_LIFE."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._done, self._then, self._clock = Counter(), clock(), clock
        self.lasted: dict[str, float] = {}  # the last of each address, s

    def of_all(self) -> Counter[str]:
        """Now."""
        now = self._clock()
        kept = 0.5 ** ((now - self._then) / HALF_LIFE)
        left = {address: seconds * kept for address, seconds in self._done.items()}
        self._done = Counter({address: seconds for address, seconds in left.items() if seconds > FORGOTTEN})
        self.lasted = {address: seconds for address, seconds in self.lasted.items() if address in self._done}
        self._then = now
        return self._done

    def add(self, address: str, seconds: float) -> None:
        """Count so many more."""
        self.of_all()[address] += seconds
        self.lasted[address] = seconds


class FairQueue(queueing.Queue):
    """Gradio's queue, less its order: who asks a hundred times would be answered a hundred times before the next visitor.

    Here all addresses have their first request answered before the second of any, and each has MOST_WAITING. Of programs,
    the one comes first whose address has had least work done lately: a small picture need not wait for many large ones. Nor
    for the one that is worked at: beside it, a request is begun of a program whose last took less than half as long.
    """

    work: Work
    under_way: Counter[str]  # requests of programs, by address

    def get_events(self) -> tuple[list[queueing.Event], bool, str] | None:
        """Gradio's own: what is to be begun, whether it is a batch, and of which queue; None where there is nothing."""
        if found := super().get_events():
            return found
        for name, queue in self.event_queue_per_concurrency_id.items():
            if queue.current_concurrency == queue.concurrency_limit:
                for event in queue.queue:
                    if self._is_quick(event):
                        queue.queue.remove(event)
                        return [event], False, name
        return None

    def _is_quick(self, event: queueing.Event) -> bool:
        """Whether it is of a program whose last request took less than half of what each of those under way may take."""
        if event.fn.api_visibility != "public" or not (lasted := self.work.lasted.get(_host(event.request))):
            return False
        return all(2 * lasted < self.work.lasted.get(host, math.inf) for host in self.under_way)

    async def process_events(self, events: list[queueing.Event], *arguments: Any, **others: Any) -> None:
        """Gradio's own; for whom it was, and how long it took, is noted."""
        if events[0].fn.api_visibility != "public":  # most of the time may be spent in waiting
            await super().process_events(events, *arguments, **others)
            return
        began, host = time.monotonic(), _host(events[0].request)
        self.under_way[host] += 1
        try:
            await super().process_events(events, *arguments, **others)
        finally:
            self.under_way[host] -= 1
            self.under_way += Counter()  # which leaves out those with none
            self.work.add(host, time.monotonic() - began)

    async def push(self, body: Any, request: Any, username: str | None) -> tuple:
        """Gradio's own: whether it was taken, its id or why not, and of which kind that is."""
        if body.fn_index not in self.blocks.fns:  # at which Gradio would fail
            return False, f"there is no listener {body.fn_index} here: reload the page and try again", "error"
        address = counted_as(_host(request))
        same = sum(_host(event.request) == _host(request) for event in self._waiting())
        if address is not None and same >= MOST_WAITING:
            return False, f"there are {same} requests of your address waiting already: try again later", "queue_full"
        done = await super().push(body, request, username)
        if done[0] and (event := self.event_ids_to_events.get(done[1])):
            self._in_turn(event)
        return done

    def _waiting(self) -> Iterator[queueing.Event]:
        for each in self.event_queue_per_concurrency_id.values():
            yield from each.queue

    def _in_turn(self, event: queueing.Event) -> None:
        """Put the last of a queue before those that come from an address with more in front of them."""
        waiting = self.event_queue_per_concurrency_id[event.concurrency_id].queue
        if not waiting or waiting[-1] is not event:
            return
        waiting.pop()
        own, turns, done = _host(event.request), Counter(), self.work.of_all()
        turn = sum(_host(each.request) == own for each in waiting) + 1
        for place, each in enumerate(waiting):
            host = _host(each.request)
            turns[host] += 1
            if (turns[host], done[host]) > (turn, done[own]):
                waiting.insert(place, event)
                return
        waiting.append(event)


def _host(request: Any) -> str:
    return request.client.host if request and request.client else ""
