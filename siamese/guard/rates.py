"""How many requests one address may make: so many a minute, a third of them at once."""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping

from siamese.visitors.open_pages import network_of, parsed

VARIABLE, PER_MINUTE, MOST = "SIAMESE_REQUESTS", 1200, 1_000_000  # its default and its largest value
AT_ONCE = 1 / 3  # of what is allowed in a minute may come in no time
REMEMBERED = 10_000  # addresses, of which the one that was longest away is forgotten first


def per_minute(environment: Mapping[str, str]) -> int:
    """The requests of one address in a minute, from the environment; 0: any number.

    Raises ValueError that says what is set and what is allowed.
    """
    text = environment.get(VARIABLE, "").strip() or str(PER_MINUTE)
    if not (text.isascii() and text.isdigit() and int(text[:10]) <= MOST):
        raise ValueError(f"{VARIABLE} is {text!r}, allowed: a whole number from 0 to {MOST}, where 0 is any number")
    return int(text)


def counted_as(host: str) -> str | None:
    """The address that a request counts for; None where it counts for nobody: it is of this machine itself.

    So a proxy on this machine that does not say for whom it asks locks nobody out.
    """
    address = parsed(host)
    return None if not host or (address and address.is_loopback) else network_of(host)


class Rates:
    """A bucket for each address: a request takes out of it, and it fills up again with time. For one thread."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_second, self.full, self._clock = per_minute / 60, max(1.0, per_minute * AT_ONCE), clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # and when it was counted

    def seconds_to_wait(self, address: str | None, weight: float = 1) -> float:
        """0 where the request may pass, and is counted; else in how many seconds it may."""
        if address is None or not self.per_second:
            return 0
        left = self._take(address, 0)
        if left < weight:
            return (weight - left) / self.per_second
        self._take(address, weight)
        return 0

    def add(self, address: str | None, weight: float) -> None:
        """Count what a request has turned out to be, though it be more than is left: then the next have to wait."""
        if address is not None and self.per_second:
            self._take(address, weight)

    def _take(self, address: str, weight: float) -> float:
        now = self._clock()
        left, then = self._left.pop(address, (self.full, now))
        left = max(-self.full, min(self.full, left + (now - then) * self.per_second) - weight)
        self._left[address] = (left, now)
        if len(self._left) > REMEMBERED:
            self._left.popitem(last=False)
        return left
