"""The command line of the demo: `python app.py` and `siamese demo`."""

import argparse
import importlib.util
import os
import sys

PROGRAM = "siamese demo"  # what messages call the command


def build_parser(program: str = PROGRAM) -> argparse.ArgumentParser:
    """The arguments."""
    parser = argparse.ArgumentParser(
        prog=program,
        description="Open the same-or-different demo in a web page.",
        epilog="SIAMESE_MODEL (environment): the model to load: a folder, a bundled model such as digits, or a Hugging Face "
        "repository user/name, with @revision for a branch, tag or commit; default: digits. Visitors may choose the other "
        "bundled ones. SIAMESE_TRAIN=off takes the tab Train away; SIAMESE_TRAIN_SECONDS, _EPOCHS, _IMAGES, _CLASSES, "
        "_MEGABYTES, _WAITING, _MINUTES and _THREADS set its limits. SIAMESE_UPLOADS_MEGABYTES: what uploads may take on "
        "the disk before the oldest are deleted; default: 1000. None is kept for much longer than an hour.",
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

    # Here, since they take seconds to import, for which --help need not wait.
    from siamese.demo import server, uploads
    from siamese.visitors.limits import TrainingLimits

    server.prepare_process()
    source = os.environ.get("SIAMESE_MODEL") or None
    try:
        limits, most_uploaded = TrainingLimits.from_environment(os.environ), uploads.bound(os.environ)
    except ValueError as error:
        say(error)
        return 2
    try:
        verifier, notice, others = server.load_models(source)
    except (ValueError, OSError) as error:
        say(f"SIAMESE_MODEL={source or ''}: {error}")
        return 2
    if notice:
        say(notice)
    address = {"server_name": args.host, "server_port": args.port, "share": args.share, "mcp_server": args.mcp}
    server.launch(verifier, notice, others, limits, most_uploaded, **address)
    return 0
