"""Which pages are open now: each proves it by a connection that it holds for as long as it is."""

import ipaddress
import threading
from collections.abc import Callable

NETWORK = 64  # bits of an IPv6 address, which belong to one customer


def network_of(host: str) -> str:
    """What counts as one address: 2001:db8::1 and 2001:db8::2 are one customer's."""
    if (address := parsed(host)) is None:
        return host
    return str(address if address.version == 4 else ipaddress.ip_network((address, NETWORK), strict=False))


def parsed(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address of a connection, without the name of an interface; None where it is none."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


class OpenPages:
    """The open pages by their names, each with the address it is at. Safe to use from several threads."""

    def __init__(self) -> None:
        self._addresses: dict[str, list[str]] = {}  # of each connection of a page
        self._when_left: list[Callable[[str], object]] = []
        self._lock = threading.Lock()

    def came(self, page: str, host: str) -> None:
        """A page has opened a connection."""
        with self._lock:
            self._addresses.setdefault(page, []).append(network_of(host))

    def left(self, page: str) -> None:
        """A connection of a page has ended; with the last one the page is closed, and whoever waits for that is told."""
        with self._lock:
            addresses = self._addresses.get(page, [])
            if addresses:
                addresses.pop()
            if addresses:
                return
            self._addresses.pop(page, None)
        for tell in self._when_left:
            tell(page)

    def when_left(self, tell: Callable[[str], object]) -> None:
        """Call `tell` with the name of each page that is closed."""
        self._when_left.append(tell)

    def is_open(self, page: str) -> bool:
        """Whether the page is open."""
        return page in self._addresses

    def address_of(self, page: str) -> str | None:
        """Where the page is; None where it is not open."""
        with self._lock:
            addresses = self._addresses.get(page)
            return addresses[0] if addresses else None
