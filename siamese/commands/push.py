"""Upload a model folder to the Hugging Face Hub, in one commit."""

import argparse
import sys

from siamese.commands import parser_of, run
from siamese.hub.errors import HubError
from siamese.hub.push import push_command, push_folder


def build_parser() -> argparse.ArgumentParser:
    """The flags of `siamese push`; each states its default."""
    parser = parser_of("push", __doc__)
    parser.add_argument("folder", metavar="FOLDER", help="a model folder, as train.py wrote it")
    parser.add_argument("--repo-id", metavar="USER/NAME", required=True, help="repository to push to, made if need be")
    parser.add_argument("--private", action="store_true", help="make it private (default: as its owner prefers)")
    parser.add_argument("--revision", metavar="BRANCH", help="branch to push to, made if need be (default: main)")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command; its exit code."""
    return run(push, build_parser().parse_args(argv))


def push(arguments: argparse.Namespace) -> int:
    """`push FOLDER`: what is where now, or why it is not and how to try again."""
    target = (arguments.folder, arguments.repo_id, arguments.private, arguments.revision)
    try:
        print(push_folder(*target))
    except (HubError, KeyboardInterrupt) as error:
        why = str(error) or "interrupted"
        print(
            f"error: not pushed: {why}. The model folder is complete; try again with: {push_command(*target)}",
            file=sys.stderr,
        )
        return 3
    return 0
