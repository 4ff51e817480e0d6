"""What a shell needs to complete the commands, their flags, and files."""

import argparse
import importlib
import sys
from collections.abc import Mapping

from siamese.command_line import CommandLine, styled

# Flags that folders follow, and files (of embed also --output), and names that a registry lists.
FOLDERS = ("folder", "folders", "data_dir", "dataset", "output", "support", "query", "model", "init", "also")
FILES = ("image_a", "image_b", "images", "pairs", "html", "backbone_weights")
NAMES = ("encoder", "loss")


def print_completion(shell: str, commands: Mapping[str, tuple[str, str]]) -> int:
    """Print the completion of all commands for a shell; the exit code."""
    try:
        import shtab
    except ImportError:
        why = "--print-completion needs shtab: pip install shtab, which is the extra siamese[completion] of this project"
        print(f"{styled('error:', 'bold red', sys.stderr)} {why}", file=sys.stderr)
        return 2
    print(shtab.complete(whole_parser(commands, shtab), shell=shell))
    return 0


def whole_parser(commands: Mapping[str, tuple[str, str]], shtab) -> argparse.ArgumentParser:
    """All commands in one parser, which knows what follows each flag."""
    from siamese.encoders import ENCODERS, ENCODERS_OF_NUMBERS
    from siamese.losses import LOSSES

    parser = CommandLine(prog="siamese")
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    chosen = parser.add_subparsers(dest="command", parser_class=argparse.ArgumentParser)
    for name, (module, text) in commands.items():
        own = importlib.import_module(module).build_parser()
        chosen.add_parser(name, help=text, parents=[own], add_help=False)
        for action in own._actions:  # the same ones as in what has just been added
            if action.dest in NAMES:
                action.choices = list(ENCODERS | ENCODERS_OF_NUMBERS if action.dest == "encoder" else LOSSES)
            elif action.dest in FILES or (name in ("embed", "find") and action.dest in ("output", "query")):
                action.complete = shtab.FILE
            elif action.dest in FOLDERS:
                action.complete = shtab.DIRECTORY
    return parser
