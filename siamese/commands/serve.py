"""Answer programs over plain HTTP: compare, embed, distances, identify; described at /docs. No page, no Gradio."""

import argparse
import contextlib
import os
from functools import partial

from siamese.commands import add_model_flags, load, parser_of, run

DEFAULT_PORT = 8000


def build_parser() -> argparse.ArgumentParser:
    """The flags of `siamese serve`; each states its default."""
    parser = parser_of("serve", __doc__)
    parser.epilog = (
        "SIAMESE_API_KEY (environment): the key that programs have to send in the header X-API-Key; with none, everybody is "
        "answered. SIAMESE_CORS_ORIGINS: pages that may ask from a browser, separated by commas; default: none. "
        "SIAMESE_REQUESTS: most requests of one address in a minute, 0 for any number; default: 1200. FORWARDED_ALLOW_IPS: "
        "proxies that are believed for whom they ask; default: those of this machine."
    )
    add_model_flags(parser, json=False)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help=f"TCP port (default: {DEFAULT_PORT})")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command; its exit code."""
    return run(serve, build_parser().parse_args(argv))


def serve(arguments: argparse.Namespace) -> None:
    """`serve`: until it is interrupted or terminated."""
    from siamese.guard.address import check_port
    from siamese.guard.rates import per_minute

    check_port(arguments.host, arguments.port)
    requests = per_minute(os.environ)

    import uvicorn  # here, since what answers takes seconds to import

    from siamese.devices import use_one_thread
    from siamese.guard.connections import BoundedProtocol, Connections
    from siamese.guard.forwarded import Forwarded, trusted
    from siamese.guard.gate import Gate
    from siamese.guard.rates import Rates
    from siamese.guard.routes import service_routes
    from siamese.service.app import DOCUMENTS, create_app

    use_one_thread()
    verifier = load(arguments)
    hint = f"what there is stands at {DOCUMENTS}"
    app = Forwarded(Gate(create_app(verifier), service_routes(), 0, Rates(requests), hint=hint), trusted(os.environ))
    host = f"[{arguments.host}]" if ":" in arguments.host else arguments.host
    place = f"http://{host}:{arguments.port}"
    said = f"model {verifier.name}; ask {place}, described at {place}{DOCUMENTS}; Ctrl-C ends it"

    class Server(uvicorn.Server):
        async def startup(self, sockets: list | None = None) -> None:
            await super().startup(sockets)
            print(said, flush=True)  # from now on it answers, and Ctrl-C is its own to handle

    protocol = partial(BoundedProtocol, connections=Connections(app.trusts))
    config = uvicorn.Config(
        app, host=arguments.host, port=arguments.port, http=protocol, proxy_headers=False, log_level="warning",
        timeout_graceful_shutdown=5,
    )  # fmt: skip
    with contextlib.suppress(KeyboardInterrupt):  # raised again once all is closed
        Server(config).run()
