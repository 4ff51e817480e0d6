"""What all command lines share: help in colour on a terminal, and a word on what was mistyped."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn, TextIO

from siamese.suggestions import did_you_mean

SHELLS = ("bash", "zsh", "tcsh")  # whose completion the library shtab writes


def has_colour(stream: TextIO) -> bool:
    """Whether words printed there are in colour: on a terminal, unless NO_COLOR is set, and with FORCE_COLOR anywhere."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (stream.isatty() and os.environ.get("TERM") != "dumb")


def styled(text: str, style: str, stream: TextIO | None = None) -> str:
    """The text in a style of the library rich, such as "bold green", where `stream`, stdout if not given, has colour."""
    if not has_colour(stream or sys.stdout):
        return text
    from rich.color import ColorSystem  # takes a tenth of a second, for which what has no colour should not wait
    from rich.style import Style

    return Style.parse(style).render(text, color_system=ColorSystem.STANDARD)


def program() -> str:
    """How this program is started again: where the package is not installed, there is no command `siamese`."""
    return "siamese" if Path(sys.argv[0]).stem == "siamese" else "python -m siamese"


def coloured(plain: type[argparse.HelpFormatter]) -> Callable[..., argparse.HelpFormatter]:
    """A `formatter_class` that formats as `plain` does, and in colour where stdout has it."""

    def formatter(*arguments, **options) -> argparse.HelpFormatter:
        if not has_colour(sys.stdout):
            return plain(*arguments, **options)
        import rich_argparse

        raw = issubclass(plain, argparse.RawDescriptionHelpFormatter)
        base = rich_argparse.RawDescriptionRichHelpFormatter if raw else rich_argparse.RichHelpFormatter
        own = () if plain.__module__ == "argparse" else (plain,)
        names = {"group_name_formatter": str, "highlights": [], "help_markup": False, "text_markup": False}
        return type("Coloured", (*own, base), names)(*arguments, **options)

    return formatter


class CommandLine(argparse.ArgumentParser):
    """A parser whose help is in colour on a terminal, and whose messages name what a mistyped word may have meant."""

    def __init__(
        self, *arguments, formatter_class: type[argparse.HelpFormatter] = argparse.HelpFormatter, **options
    ) -> None:
        super().__init__(*arguments, formatter_class=coloured(formatter_class), **options)
        self._plain = formatter_class

    def parse_args(self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None):
        """As ArgumentParser does."""
        parsed, unknown = self.parse_known_args(args, namespace)
        if unknown:
            flags = [flag for flag in self._option_string_actions if flag.startswith("--")]
            mistyped = next((word.partition("=")[0] for word in unknown if word.startswith("-")), "")
            self.error(f"unrecognized arguments: {' '.join(unknown)}{did_you_mean(mistyped, flags)}")
        return parsed

    def _check_value(self, action: argparse.Action, value: object) -> None:
        if action.choices is not None and value not in action.choices:
            names = list(map(str, action.choices))
            hint = did_you_mean(str(value), names)
            raise argparse.ArgumentError(action, f"invalid choice: {value!r}, allowed: {', '.join(names)}{hint}")

    def error(self, message: str) -> NoReturn:
        """As ArgumentParser does, with the word "error" in colour."""
        if not has_colour(sys.stderr):  # the help goes to stdout, which may have it
            self.formatter_class = self._plain
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: {styled('error:', 'bold red', sys.stderr)} {message}\n")
