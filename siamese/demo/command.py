"""The command line of the demo: `python app.py` and `siamese demo`."""

import argparse
import contextlib
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from siamese.command_line import CommandLine
from siamese.guard.address import LAST_PORT, is_free

if TYPE_CHECKING:
    from siamese.visitors.disk import Disk
    from siamese.visitors.limits import TrainingLimits

PROGRAM = "siamese demo"  # what messages call the command


def build_parser(program: str = PROGRAM) -> argparse.ArgumentParser:
    """The arguments."""
    parser = CommandLine(
        prog=program,
        description="Open the same-or-different demo in a web page.",
        epilog="SIAMESE_MODEL (environment): the model to load: a folder, a bundled model such as digits, or a Hugging Face "
        "repository user/name, with @revision for a branch, tag or commit; default: digits. Visitors may choose the other "
        "bundled ones. SIAMESE_TRAIN=off takes the tab Train away; SIAMESE_TRAIN_SECONDS, _EPOCHS, _IMAGES, _CLASSES, "
        "_MEGABYTES, _WAITING, _MINUTES and _THREADS set its limits. SIAMESE_UPLOADS_MEGABYTES: what all that visitors "
        "bring may take on the disk before the oldest is deleted; default: 1000. It lies in the folder for temporary "
        "files (TMPDIR), and none is kept for much longer than an hour without use. SIAMESE_REQUESTS: most requests of one "
        "address in a minute, 0 for any number; default: 1200. FORWARDED_ALLOW_IPS: proxies that are believed for whom they "
        "ask; default: those of this machine, in a Space those of the Hub.",
    )
    parser.add_argument("--host", help="address to listen on; default: $GRADIO_SERVER_NAME or 127.0.0.1")
    parser.add_argument("--port", type=int, help="TCP port; default: $GRADIO_SERVER_PORT, or the first free from 7860")
    parser.add_argument("--share", action="store_true", default=None, help="also open a public link through gradio.live")
    parser.add_argument(
        "--mcp", action="store_true", default=None,
        help="also serve compare, embed and distances as tools to assistants (MCP); needs: pip install 'gradio[mcp]'",
    )  # fmt: skip
    return parser


def main(argv: list[str] | None = None, program: str = PROGRAM) -> int:
    """Load the model, serve the page until interrupted; the exit code."""
    args = build_parser(program).parse_args(argv)

    def say(problem: object) -> None:
        print(f"{program}: {problem}", file=sys.stderr)

    if args.mcp and not importlib.util.find_spec("mcp"):  # Gradio would go on without
        say("--mcp needs a package that is not installed; try: pip install 'gradio[mcp]'")
        return 2

    try:
        check_address(args.host, args.port, os.environ)
    except ValueError as error:
        say(error)
        return 2

    from siamese.demo import uploads
    from siamese.guard.rates import per_minute
    from siamese.visitors import disk
    from siamese.visitors.limits import TrainingLimits

    try:
        limits, most = TrainingLimits.from_environment(os.environ), uploads.bound(os.environ)
        requests = per_minute(os.environ)
    except ValueError as error:
        say(error)
        return 2
    elsewhere = os.environ.get("GRADIO_TEMP_DIR")
    with contextlib.ExitStack() as until_the_end:
        try:
            place = until_the_end.enter_context(disk.opened(most, elsewhere))
        except OSError as error:
            say(f"there is no place for what visitors bring: {error}; the variable TMPDIR names another")
            return 1
        # Before anything imports Gradio, which would else use a folder that all programs and users of this machine share.
        os.environ["GRADIO_TEMP_DIR"] = str(place.uploads)
        until_the_end.callback(_set, "GRADIO_TEMP_DIR", elsewhere)
        return _serve(args, limits, requests, place, say)


def _serve(
    args: argparse.Namespace, limits: "TrainingLimits | None", requests: int, place: "Disk", say: Callable[[object], None]
) -> int:
    # Here, since it takes seconds to import, for which --help need not wait.
    from siamese.demo import server
    from siamese.demo.log import lossy_log

    server.prepare_process()
    source = os.environ.get("SIAMESE_MODEL") or None
    try:
        verifier, notice, others = server.load_models(source)
    except (ValueError, OSError) as error:
        say(f"SIAMESE_MODEL={source or ''}: {error}")
        return 2
    if notice:
        say(notice)
    address = {"server_name": args.host, "server_port": args.port, "share": args.share, "mcp_server": args.mcp}
    try:
        with lossy_log():
            server.launch(verifier, notice, others, limits, requests, disk=place, **address)
    except OSError as error:
        if "empty port" not in str(error):
            raise
        say("another program has taken the port since the start: start again, or choose another --port")
        return 2
    return 0


def _set(name: str, value: str | None) -> None:
    """Set a variable of the environment, or take it out of there."""
    os.environ.pop(name, None) if value is None else os.environ.update({name: value})


def check_address(host: str | None, port: int | None, environment: Mapping[str, str]) -> None:
    """Raise ValueError, before anything that takes long, where the page cannot be served at this address.

    Where `host` or `port` is None, Gradio takes what the environment says, and of ports the first free one from there.
    """
    first, count = (_number(environment, *each) for each in (("GRADIO_SERVER_PORT", 7860), ("GRADIO_NUM_PORTS", 100)))
    if port is not None and not 1 <= port <= LAST_PORT:
        raise ValueError(f"--port is {port}, allowed: 1 to {LAST_PORT}")
    default = environment.get("GRADIO_SERVER_NAME") or "127.0.0.1"
    ports = [port] if port else range(first, min(first + count, LAST_PORT + 1))
    for candidate in ports:
        if all(is_free(each, candidate) for each in dict.fromkeys((default, host or default))):  # Gradio asks for both
            return
    if port:
        raise ValueError(
            f"port {port} is in use: choose another --port, or leave it out for the first free one from {first}"
        )
    raise ValueError(f"all ports from {first} to {ports[-1]} are in use: choose another with --port")


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    """A variable that Gradio reads when it is imported."""
    text = environment.get(name, str(default))
    if not (re.fullmatch(r"\s*\d{1,5}\s*", text, re.ASCII) and 1 <= int(text) <= LAST_PORT):
        raise ValueError(f"{name} is {text!r}, allowed: 1 to {LAST_PORT}")
    return int(text)
