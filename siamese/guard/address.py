"""Whether a server can listen at an address, before anything that takes long."""

import errno
import os
import socket

LAST_PORT = 65_535


def check_port(host: str, port: int) -> None:
    """Raise ValueError where nothing can listen at this port of this host."""
    if not 1 <= port <= LAST_PORT:
        raise ValueError(f"--port is {port}, allowed: 1 to {LAST_PORT}")
    if not is_free(host, port):
        raise ValueError(f"port {port} is in use: choose another --port")


def is_free(host: str, port: int) -> bool:
    """Whether a port can be listened to. Raises ValueError where none of that host can, or not by this login."""
    try:
        kind = {"type": socket.SOCK_STREAM, "flags": socket.AI_PASSIVE}
        family, *others, _, address = socket.getaddrinfo(host.strip("[]"), port, **kind)[0]
        with socket.socket(family, *others) as tried:
            if os.name == "posix":  # elsewhere it would take what is in use
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return False
        if error.errno == errno.EACCES:
            raise ValueError(f"port {port} is not for this login, allowed: 1024 to {LAST_PORT}") from error
        raise ValueError(f"host {host!r} is no address of this machine: {error.strerror}") from error
    return True
