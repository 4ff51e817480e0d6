"""The commands of `siamese`: a file each, with `build_parser()` and `main(argv) -> exit code`."""

import argparse
import sys
from collections.abc import Callable

from siamese.command_line import CommandLine, styled


def parser_of(command: str, text: str) -> argparse.ArgumentParser:
    """An empty parser of one of the commands."""
    return CommandLine(prog=f"siamese {command}", description=text)


def add_model_flags(parser: argparse.ArgumentParser, json: bool = True) -> None:
    """The flags of commands that use a model."""
    model = parser.add_argument_group("model")
    model.add_argument(
        "--model", help="folder, ONNX file, bundled model or Hub repository USER/NAME[@REVISION]; default: digits"
    )
    model.add_argument("--device", default="cpu", help="cpu, cuda, mps or auto (default: cpu)")
    if json:
        output = parser.add_argument_group("output")
        output.add_argument("--json", action="store_true", help="print one JSON object instead of words")


def load(arguments: argparse.Namespace):
    """The Verifier that the command line names."""
    from siamese.hub.sources import split_revision  # these bring libraries, for which --help need not wait
    from siamese.verifier import Verifier

    source, revision = split_revision(arguments.model)
    return Verifier.from_pretrained(source, revision, arguments.device)


def print_anything() -> None:
    """What the terminal's encoding lacks is printed as an escape: names of files are any bytes."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def run(command: Callable[[argparse.Namespace], int | None], arguments: argparse.Namespace) -> int:
    """The exit code of a command: its own or 0, 1 where a file cannot be written or the memory is too small, 2 for a mistake
    in the input, 130 where it was interrupted.
    """
    from siamese.images.load import ignore_pillow_warnings

    print_anything()
    ignore_pillow_warnings()
    try:
        return command(arguments) or 0
    except ValueError as error:
        return _fail(2, error)
    except KeyboardInterrupt:
        return 130
    except (OSError, MemoryError, RuntimeError) as error:
        from siamese.devices import is_out_of_memory

        if is_out_of_memory(error):
            return _fail(1, "there is not enough memory for this: try fewer or smaller images, or another --device")
        if isinstance(error, OSError):
            return _fail(1, error)
        raise


def _fail(code: int, why: object) -> int:
    print(f"{styled('error:', 'bold red', sys.stderr)} {why}", file=sys.stderr)
    return code
