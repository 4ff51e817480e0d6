"""Connections that bring nothing, or take nothing, end: uvicorn waits for ever for headers, and for readers."""

import asyncio
from collections.abc import Callable
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from siamese.guard.rates import counted_as

HEADER_SECONDS = 10  # for the headers of a request, and for what is left of one that is answered already
READER_SECONDS, READ = 30, 60_000  # s, in which a visitor takes so many bytes of an answer, or what is left of it
HANG_UP_SECONDS = 0.5  # after which one too many ends
MOST, MOST_EACH = 600, 200  # connections: of all, and of one address that is not of this machine or a proxy
DROPPED = 32_000_000  # bytes of a refused request that are still taken and dropped, so that its sender comes to read why

BUSY = b"there are too many connections: close some, or try again in 10 s\n"
BUSY = (
    b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 10\r\nConnection: close\r\nContent-Type: text/plain\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(BUSY), BUSY)
)


class Connections(dict):
    """All that are open, as keys, the oldest first. `is_proxy` tells the addresses that have many visitors behind them."""

    def __init__(self, is_proxy: Callable[[str], bool], most: int = MOST, most_each: int = MOST_EACH) -> None:
        super().__init__()
        self._is_proxy, self._most, self._most_each = is_proxy, most, most_each

    def take(self, new: "BoundedProtocol") -> bool:
        """Add one. Where there are too many, the oldest without a request ends; False where there is none such."""
        host = new.client[0] if new.client else ""
        new.address = None if self._is_proxy(host) else counted_as(host)
        same = [each for each in self if each.address == new.address] if new.address is not None else []
        if len(same) >= self._most_each or len(self) >= self._most:
            crowd = same if len(same) >= self._most_each else self
            if not (idle := next((each for each in crowd if each.is_idle), None)):
                return False
            del self[idle]
            idle.transport.close()
        self[new] = None
        return True


class BoundedProtocol(H11Protocol):
    """uvicorn's, with limits of time for headers and readers, and of number for connections."""

    def __init__(self, *arguments: Any, connections: Connections, **others: Any) -> None:
        super().__init__(*arguments, **others)
        self._all, self.address = connections, None
        self._headers: asyncio.TimerHandle | None = None
        self._reader: asyncio.TimerHandle | None = None
        self._dropped, self._is_refused = 0, False

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way: none has begun, or the answer to the last is sent."""
        is_answered = self.cycle is None or self.cycle.response_complete
        return is_answered and not self.transport.get_write_buffer_size()

    def connection_made(self, transport: asyncio.Transport) -> None:
        """A visitor is there, who is to ask something soon."""
        super().connection_made(transport)
        self._await_headers()
        if not self._all.take(self):
            self._is_refused = True
            transport.write(BUSY)
            self.loop.call_later(HANG_UP_SECONDS, transport.close)  # at once, it would be lost on its way

    def connection_lost(self, exc: Exception | None) -> None:
        """The visitor is gone."""
        self._all.pop(self, None)
        for timer in (self._headers, self._reader):
            if timer:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Something of a request; of one that is refused already so much, and no more."""
        if self._is_refused:
            return
        if self.cycle and self.cycle.response_complete and self.conn.their_state is h11.SEND_BODY:
            self._dropped += len(data)
            if self._dropped > DROPPED:
                self.transport.abort()
                return
        super().data_received(data)

    def handle_events(self) -> None:
        """Parse what is there; with its headers a request begins."""
        before = self.cycle
        super().handle_events()
        if self.cycle is not before and not self.cycle.response_complete:
            self._headers.cancel()

    def on_response_complete(self) -> None:
        """The visitor has an answer; the next request may come, or may have come already."""
        self._await_headers()
        if self.transport.get_write_buffer_size():
            self._await_reader()
        super().on_response_complete()

    def _await_headers(self) -> None:
        if self._headers:
            self._headers.cancel()
        self._headers = self.loop.call_later(HEADER_SECONDS, self._end)

    def _end(self) -> None:
        if (
            self.transport.get_write_buffer_size()
        ):  # of an answer, which is still being read, or else `_look_at_reader` ends it
            self._await_headers()
        else:
            self.transport.close()

    def pause_writing(self) -> None:
        """The visitor does not take what is sent."""
        super().pause_writing()
        self._await_reader()

    def _await_reader(self) -> None:
        if self._reader:
            self._reader.cancel()
        self._reader = self.loop.call_later(READER_SECONDS, self._look_at_reader, self.transport.get_write_buffer_size())

    def _look_at_reader(self, before: int) -> None:
        left = self.transport.get_write_buffer_size()
        if left > max(0, before - READ):
            self.transport.abort()
        elif left:
            self._await_reader()

    def _should_upgrade(self) -> bool:
        return False  # to websockets, which nothing here speaks; uvicorn would log each attempt
