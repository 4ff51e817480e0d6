"""A program at a real terminal of 80 columns, and what is seen there."""

import os
import pty
import re
import subprocess
import termios
from collections.abc import Sequence

COLUMNS = 80


def open_terminal() -> tuple[int, int]:
    """Both ends of a terminal of 80 x 24 characters: ours, and that of a program."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, COLUMNS))
    return ours, theirs


def at_a_terminal(command: Sequence[object], **variables: str) -> tuple[int, str]:
    """Exit code, and all that the program wrote, with stdin, stdout and stderr at a terminal of 80 x 24 characters."""
    ours, theirs = open_terminal()
    unwanted = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "CI")
    environment = {name: value for name, value in os.environ.items() if name not in unwanted}
    process = subprocess.Popen(
        list(map(str, command)), stdin=theirs, stdout=theirs, stderr=theirs, env=environment | {"TERM": "xterm"} | variables
    )
    os.close(theirs)
    written = bytearray()
    while True:
        try:
            some = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not some:
            break
        written += some
    os.close(ours)
    return process.wait(), written.decode()


def without_colours(text: str) -> str:
    """The text without escape sequences; where a line was drawn over, its last state."""
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in plain.split("\n"))
