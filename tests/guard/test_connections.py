"""Connections to a real server on loopback: the silent and the slow end, and there are only so many."""

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Iterator
from functools import partial

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from siamese.guard import connections
from siamese.guard.connections import BoundedProtocol, Connections

LONG = bytes(8_000_000)  # more than the buffers of both sides take


@contextlib.contextmanager
def serving(**limits) -> Iterator[int]:
    """The port of a server with such Connections."""

    async def hello(request: Request) -> Response:
        return PlainTextResponse("hello")

    async def refuse(request: Request) -> Response:
        return PlainTextResponse("no", 413)

    async def long(request: Request) -> Response:
        return Response(LONG)

    routes = [Route("/", hello), Route("/refuse", refuse, methods=["POST"]), Route("/long", long)]
    limits = {"is_proxy": lambda host: False} | limits
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            Starlette(routes=routes), http=partial(BoundedProtocol, connections=Connections(**limits)), log_level="error"
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield listening.getsockname()[1]
        server.should_exit = server.force_exit = True
        thread.join()


def connect(port: int, said: bytes = b"", ahead: int = 0) -> socket.socket:
    """One that has said something; the system takes at most so many bytes for it ahead, where a number is given."""
    connection = socket.socket()
    connection.settimeout(10)
    if ahead:  # before it connects: what has grown does not shrink until it has been read
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ahead)
    connection.connect(("127.0.0.1", port))
    connection.sendall(said)
    return connection


def ends_within(connection: socket.socket, seconds: float) -> bytes:
    """All that comes until the server ends the connection."""
    connection.settimeout(seconds)
    came = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(1 << 20):
            came += piece
    connection.close()
    return came


def takes(connection: socket.socket, piece: bytes, pause: float) -> bool:
    """Whether the server goes on to take what comes in pieces."""
    with contextlib.suppress(OSError):
        for _ in range(50):
            connection.sendall(piece)
            time.sleep(pause)
        return True
    return False


def get(port: int, path: str = "/") -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.5)
    monkeypatch.setattr(connections, "READER_SECONDS", 0.5)


def test_headers_that_do_not_come_end_the_connection(quick):
    with serving() as port:
        for said in (b"", b"GET / HTTP/1.1\r\nHost: a\r\n"):
            assert ends_within(connect(port, said), 3) == b""
        slow = connect(port, b"GET / HTTP/1.1\r\nHost: a\r\n")
        assert not takes(slow, b"X: y\r\n", pause=0.1)
        assert get(port) == b"hello"


def test_so_do_those_of_a_second_request(quick):
    with serving() as port:
        connection = connect(port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"200 OK" in connection.recv(10_000)
        time.sleep(0.1)
        connection.recv(10_000)
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n")
        assert ends_within(connection, 3) == b""
        both = connect(port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 2)
        assert ends_within(both, 10).count(b"hello") == 2, "requests that come together are answered all the same"


def test_a_reader_who_does_not_read_ends_and_a_slow_one_is_served(quick, monkeypatch):
    with serving() as port:
        silent = connect(port, b"GET /long HTTP/1.1\r\nHost: a\r\n\r\n")
        time.sleep(2)
        assert len(ends_within(silent, 5)) < len(LONG)
        slow, came = connect(port, b"GET /long HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", ahead=100_000), 0
        while piece := slow.recv(200_000):
            came += len(piece)
            time.sleep(0.05)
        assert came > len(LONG)


def test_a_refusal_is_read_though_the_request_is_long_and_ends_though_it_never_does(quick, monkeypatch):
    with serving() as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("POST", "/refuse", bytes(5_000_000))
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (413, b"no")
        head = b"POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999\r\n\r\n"
        assert b"413" in ends_within(connect(port, head), 3)
        monkeypatch.setattr(connections, "DROPPED", 1_000_000)
        endless = connect(port, head)
        assert not takes(endless, bytes(1_000_000), pause=0.01)


def test_idle_connections_give_way_to_new_ones():
    with serving(most=20) as port:
        idle = [connect(port) for _ in range(60)]
        assert get(port) == b"hello"
        alive = 0
        for connection in idle:
            connection.settimeout(0.05)
            try:
                connection.recv(1)
            except TimeoutError:
                alive += 1
            except OSError:
                pass
        assert alive <= 20


def test_too_many_at_work_are_told_so():
    with serving(most=3) as port:
        busy = [connect(port, b"GET /long HTTP/1.1\r\nHost: a\r\n\r\n") for _ in range(3)]
        time.sleep(0.5)
        answer = ends_within(connect(port), 3)
        assert answer.startswith(b"HTTP/1.1 429 ")
        assert b"too many connections" in answer
        for connection in busy:
            connection.close()
        time.sleep(0.5)
        assert get(port) == b"hello"


@pytest.mark.parametrize(("is_proxy", "served"), [(False, 2), (True, 6)])
def test_one_address_has_its_share_unless_it_is_a_proxy(is_proxy, served, monkeypatch):
    monkeypatch.setattr(connections, "counted_as", lambda host: host)  # on loopback there is no other address
    with serving(is_proxy=lambda host: is_proxy, most_each=2) as port:
        busy = []
        for _ in range(6):
            busy.append(connect(port, b"GET /long HTTP/1.1\r\nHost: a\r\n\r\n"))
            time.sleep(0.2)  # for its request to be seen: until then it is idle, and gives way
        first = [connection.recv(12) for connection in busy]
        assert first.count(b"HTTP/1.1 200") == served
        assert first.count(b"HTTP/1.1 429") == 6 - served
        for connection in busy:
            connection.close()


def test_an_upgrade_is_an_ordinary_request():
    with serving() as port:
        asked = (
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        )
        assert b"hello" in ends_within(connect(port, asked + b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"), 5)
