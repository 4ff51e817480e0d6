"""Whose request it is where a proxy stands in between: what the proxies that the operator trusts say, and nobody else."""

import os
import re
from collections.abc import Mapping

import httpx
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

VARIABLE = "FORWARDED_ALLOW_IPS"  # the name that uvicorn and others have for it
THIS_MACHINE = "127.0.0.1,::1"
# A Space is reached by nobody but the Hub's proxies, which have addresses of the Hub's own network.
IN_A_SPACE = f"{THIS_MACHINE},10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7"


def trusted(environment: Mapping[str, str] = os.environ) -> str:
    """The addresses and networks of trusted proxies, separated by commas; `*` for all."""
    return environment.get(VARIABLE, "").strip() or (IN_A_SPACE if environment.get("SPACE_ID") else THIS_MACHINE)


LONGEST, LONGEST_LABEL, IN_HOSTS = 253, 63, re.compile(r"[\w.:-]+", re.ASCII)  # of a name of a host, in bytes (RFC 1035)


class Forwarded:
    """Gives a request the address, and keeps the X-Forwarded headers, that a trusted proxy sends.

    From others these headers are dropped: Gradio would build the links of its page from them.
    """

    def __init__(self, app: ASGIApp, proxies: str) -> None:
        self._app = ProxyHeadersMiddleware(app, proxies)

    def trusts(self, host: str) -> bool:
        """Whether this is the address of a trusted proxy."""
        return host in self._app.trusted_hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if "headers" in scope:
            drop = b"x-forwarded-" if not self.trusts((scope.get("client") or ("",))[0]) else b"x-forwarded-host"
            kept = [pair for pair in scope["headers"] if not pair[0].startswith(drop) or _is_host(*pair, drop)]
            scope = scope | {"headers": kept}
        await self._app(scope, receive, send)


def _is_host(name: bytes, value: bytes, drop: bytes) -> bool:
    """Whether a trusted proxy names a host that can be. It may hand on what it was sent, and Gradio fails at others."""
    if name != drop or len(value) > LONGEST:
        return False
    try:
        host = httpx.URL(f"http://{value.decode('ascii').split(',')[0].strip()}").host
    except (httpx.InvalidURL, UnicodeError, ValueError):
        return False
    return bool(IN_HOSTS.fullmatch(host)) and all(len(label) <= LONGEST_LABEL for label in host.split("."))
