"""The command `siamese`, and `python -m siamese`: one program for all that is done at a terminal."""

import argparse
import importlib
import sys

from siamese.command_line import SHELLS, CommandLine
from siamese.version import __version__, current_commit

# What can be done, each command with the module that holds its `main` and what it is for. Just the one that is asked for is
# imported.
GROUPS = {
    "use a model": {
        "compare": ("siamese.commands.compare", "say whether two images show the same"),
        "find": ("siamese.commands.find", "find the nearest pictures of a folder"),
        "cluster": ("siamese.commands.cluster", "sort pictures into groups that show the same"),
        "one-shot": ("siamese.commands.one_shot", "recognise classes from one or more examples of each"),
        "embed": ("siamese.commands.embed", "turn images into embeddings"),
        "canonical": ("siamese.commands.canonical", "write what the network sees of images"),
    },
    "make a model": {
        "check": ("siamese.commands.check", "look through a folder of images before a training"),
        "train": ("siamese.commands.train", "train a network; the same as train.py"),
        "evaluate": ("siamese.commands.evaluate", "measure a model on a dataset, a folder or pairs"),
        "models": ("siamese.commands.models", "list the models on this machine"),
        "datasets": ("siamese.commands.datasets", "list the datasets known by name"),
    },
    "serve and share": {
        "demo": ("siamese.demo.command", "open the web page; the same as app.py"),
        "serve": ("siamese.commands.serve", "answer programs over plain HTTP, without the page"),
        "export": ("siamese.commands.export", "write a model as one file for other programs, such as ONNX"),
        "push": ("siamese.commands.push", "upload a model folder to the Hugging Face Hub"),
        "deploy": ("siamese.commands.deploy", "show the demo as a Hugging Face Space"),
    },
}
COMMANDS = {name: command for group in GROUPS.values() for name, command in group.items()}


def build_parser() -> argparse.ArgumentParser:
    """The command line up to the name of a command."""
    width = max(map(len, COMMANDS))
    parser = CommandLine(
        prog="siamese",
        usage="siamese COMMAND ...",
        description="Same or different? Siamese networks for pairs of images.",
        epilog="`siamese COMMAND --help` explains each.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for title, commands in GROUPS.items():
        parser.add_argument_group(title, "\n".join(f"{name:{width}}  {text}" for name, (_, text) in commands.items()))
    version = f"siamese {__version__} {current_commit()}".rstrip()
    parser.add_argument("--version", action="version", version=version, help="print the version and exit")
    parser.add_argument(
        "--print-completion",
        choices=SHELLS,
        metavar="SHELL",
        help=f"print what completes commands in a shell: {', '.join(SHELLS)}",
    )
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", nargs="?", help=argparse.SUPPRESS)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run one command. Returns its exit code: 0, 2 for a mistake in the input, 130 where it was interrupted, or its own."""
    argv = sys.argv[1:] if argv is None else argv
    if argv and argv[0] in COMMANDS:
        try:
            return importlib.import_module(COMMANDS[argv[0]][0]).main(argv[1:])
        except ModuleNotFoundError as error:
            if not error.name or error.name.partition(".")[0] == "siamese":
                raise
            print(
                f"error: this needs the library {error.name}, which is not installed: pip install {error.name}",
                file=sys.stderr,
            )
            return 2
    parser = build_parser()
    arguments, _ = parser.parse_known_args(argv)
    if arguments.print_completion:
        from siamese.commands.completion import print_completion

        return print_completion(arguments.print_completion, COMMANDS)
    if argv:
        parser.error(f"a command is missing, allowed: {', '.join(COMMANDS)}")
    parser.print_help(sys.stderr)  # who types just the name asks what there is
    parser.exit(2)


if __name__ == "__main__":
    sys.exit(main())
