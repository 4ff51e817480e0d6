"""Tables of commands: drawn on a terminal, and a line for each row, with tabs, where a program or a log reads on."""

import sys
from collections.abc import Sequence


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], marked: Sequence[int] = (), title: str = "") -> None:
    """Print rows of texts. A column whose name ends with "#" holds numbers; `marked` are the rows to point out.

    On a terminal, what is too wide is wrapped, nothing is cut. Elsewhere control characters, which may be in names of files,
    become spaces, so that a row stays a line; the title is left out.
    """
    names = [column.removesuffix("#").strip() for column in columns]
    if not sys.stdout.isatty():
        for row in [names, *rows]:
            print("\t".join("".join(each if each.isprintable() else " " for each in text) for text in row))
        return
    from rich import box  # takes a tenth of a second, for which what is piped should not wait
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=box.SIMPLE_HEAD, title=title and Text(title), title_justify="left", header_style="bold", pad_edge=False
    )
    for column, name in zip(columns, names, strict=True):
        is_number = column.endswith("#")
        table.add_column(Text(name), justify="right" if is_number else "left", overflow="fold", no_wrap=is_number)
    for number, row in enumerate(rows):
        table.add_row(*map(Text, row), style="bold green" if number in marked else None)
    Console().print(table)
