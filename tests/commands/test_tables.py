"""Tables: lines with tabs for programs, and at a terminal a drawing in which nothing is cut or taken for markup."""

import sys

from pseudo_terminal import COLUMNS, at_a_terminal, without_colours

from siamese.commands.tables import print_table

ROWS = [("1.25", "a [bold]name[/] of.png"), ("10.5", "long/" * 30 + "end.png")]


def test_a_row_is_a_line_with_tabs(capsys):
    print_table(("distance#", "file"), [*ROWS, ("2", "a\nb\tc")], title="not for programs")
    lines = capsys.readouterr().out.split("\n")
    assert lines == ["distance\tfile", *("\t".join(row) for row in ROWS), "2\ta b c", ""]


def test_at_a_terminal_all_of_a_row_is_within_the_columns():
    code = (
        f"from siamese.commands.tables import print_table; print_table(('distance#', 'file'), {ROWS}, [1], 'Two [red]files')"
    )
    status, seen = at_a_terminal([sys.executable, "-c", code])
    assert status == 0
    assert "\x1b[1;32m" in seen
    lines = without_colours(seen).splitlines()
    assert max(map(len, lines)) <= COLUMNS
    assert lines[0].strip() == "Two [red]files"
    assert "a [bold]name[/] of.png" in "\n".join(lines)
    assert "".join(line[10:].strip() for line in lines[5:]).startswith(ROWS[1][1])
