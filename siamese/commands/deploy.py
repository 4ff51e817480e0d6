"""Make or update a Hugging Face Space that shows the demo, and wait until it runs."""

import argparse
import sys

from siamese.commands import parser_of, run
from siamese.hub import spaces
from siamese.hub.errors import HubError
from siamese.hub.sources import split_revision


def build_parser() -> argparse.ArgumentParser:
    """The flags of `siamese deploy`; each states its default."""
    parser = parser_of("deploy", __doc__)
    parser.add_argument("--space", metavar="USER/NAME", required=True, help="the Space; made if it is not there")
    parser.add_argument(
        "--model", help="USER/NAME[@REVISION] on the Hub, pinned to its commit (default: the bundled models)"
    )
    parser.add_argument("--hardware", help="such as cpu-basic or zero-a10g (default: as it is; for a new one: what is free)")
    parser.add_argument("--private", action="store_true", help="make that Space private (default: as its owner prefers)")
    parser.add_argument("--no-wait", action="store_true", help="do not wait until the Space runs")
    parser.add_argument("--timeout", type=float, default=30, help="minutes to wait until the Space runs (default: 30)")
    parser.add_argument("--dry-run", action="store_true", help="print what the Space would hold, and send nothing")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command; its exit code."""
    return run(deploy, build_parser().parse_args(argv))


def deploy(arguments: argparse.Namespace) -> int:
    """`deploy`: what the Space holds and where it runs, or why it does not and how to try again."""
    options = (arguments.hardware, arguments.private)
    try:
        deployment = spaces.prepare(arguments.space, *split_revision(arguments.model), *options)
        if arguments.dry_run:
            print(deployment)
            return 0
        commit = spaces.deploy(deployment)
        if arguments.no_wait:
            print(f"{deployment.url} is being built")
        else:
            print(f"running at {spaces.wait_until_running(deployment, commit, arguments.timeout)}, page {deployment.url}")
    except (HubError, KeyboardInterrupt) as error:
        again = spaces.deploy_command(arguments.space, arguments.model, *options)
        print(f"error: {str(error) or 'interrupted'}. Try again with: {again}", file=sys.stderr)
        return 3
    return 0
