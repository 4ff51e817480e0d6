"""The command `siamese`, and `python -m siamese`: one program for all that is done at a terminal."""

import argparse
import importlib
import sys

from siamese.version import __version__, current_commit

# Each command with the module that holds its `main` and what it is for. Just the one that is asked for is imported.
COMMANDS = {
    "compare": ("siamese.commands.compare", "say whether two images show the same"),
    "embed": ("siamese.commands.embed", "turn images into embeddings"),
    "canonical": ("siamese.commands.canonical", "write what the network sees of images"),
    "one-shot": ("siamese.commands.one_shot", "recognise classes from one or more examples of each"),
    "evaluate": ("siamese.commands.evaluate", "measure a model on a dataset, a folder or pairs"),
    "check": ("siamese.commands.check", "look through a folder of images before a training"),
    "train": ("siamese.commands.train", "train a network; the same as train.py"),
    "demo": ("siamese.demo.command", "open the web page; the same as app.py"),
    "serve": ("siamese.commands.serve", "answer programs over plain HTTP, without the page"),
    "export": ("siamese.commands.export", "write a model as one file for other programs, such as ONNX"),
    "push": ("siamese.commands.push", "upload a model folder to the Hugging Face Hub"),
    "deploy": ("siamese.commands.deploy", "show the demo as a Hugging Face Space"),
}


def build_parser() -> argparse.ArgumentParser:
    """The command line up to the name of a command."""
    width = max(map(len, COMMANDS))
    listed = "\n".join(f"  {name:{width}}  {text}" for name, (_, text) in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="siamese",
        description="Same or different? Siamese networks for pairs of images.",
        epilog=f"commands:\n{listed}\n\n`siamese COMMAND --help` explains each.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    version = f"siamese {__version__} {current_commit()}".rstrip()
    parser.add_argument("--version", action="version", version=version, help="print the version and exit")
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help=f"one of: {', '.join(COMMANDS)}")
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
    build_parser().parse_args(argv)
    raise AssertionError("a parser that accepts a command has it in COMMANDS")


if __name__ == "__main__":
    sys.exit(main())
