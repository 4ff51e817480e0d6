"""Upload a model folder to the Hugging Face Hub, in one commit."""

import argparse
import sys

from siamese.commands import parser_of, run
from siamese.hub.errors import HubError
from siamese.hub.push import SWITCHES, push_command, push_folder

CHOICES = ("revision", *SWITCHES)  # how to push, as push_folder calls it


def build_parser() -> argparse.ArgumentParser:
    """The flags of `siamese push`; each states its default."""
    parser = parser_of("push", __doc__)
    parser.add_argument("folder", metavar="FOLDER", help="a model folder, as train.py wrote it")
    parser.add_argument("--repo-id", metavar="USER/NAME", required=True, help="repository to push to, made if need be")
    add_flags(parser)
    return parser


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags that say how to push, CHOICES by name."""
    seen = parser.add_mutually_exclusive_group()
    seen.add_argument(
        "--private",
        action="store_true",
        help="make a new repository private; without this and --public, it is for own images, else as its owner prefers",
    )
    seen.add_argument("--public", action="store_true", help="make a new repository public")
    add = parser.add_argument
    add("--revision", metavar="BRANCH", help="branch to push to, made if need be; main if not given")
    add(
        "--publish-pictures",
        action="store_true",
        help="of a model of own images, also push the plots that show some, the names of files left out, and the command; "
        "if not given, the card is written anew without them",
    )
    add("--without-reference", action="store_true", help="push no embeddings of test images; see the model card")
    add("--onnx", action="store_true", help="also push the model as model.onnx, for other programs; needs siamese[onnx]")


def choices_of(arguments: argparse.Namespace) -> dict:
    """How to push, as arguments of push_folder and push_command."""
    return {name: getattr(arguments, name) for name in CHOICES}


def main(argv: list[str] | None = None) -> int:
    """Run the command; its exit code."""
    return run(push, build_parser().parse_args(argv))


def push(arguments: argparse.Namespace) -> int:
    """`push FOLDER`: what is where now, or why it is not and how to try again."""
    target, choices = (arguments.folder, arguments.repo_id), choices_of(arguments)
    try:
        print(push_folder(*target, **choices))
    except (HubError, KeyboardInterrupt) as error:
        why = str(error) or "interrupted"
        again = push_command(*target, **choices)
        print(f"error: not pushed: {why}. The model folder is complete; try again with: {again}", file=sys.stderr)
        return 3
    return 0
