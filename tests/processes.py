"""Which processes of a group still live."""

import contextlib
import time
from pathlib import Path


def living(group: int) -> list[str]:
    """The commands of the processes of a group, without those that have ended and wait to be asked for their code."""
    commands = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has just ended
            state, _, owner = (place / "stat").read_text().rpartition(") ")[2].split()[:3]
            if int(owner) == group and state not in "ZX":
                commands.append((place / "cmdline").read_text())
    return commands


def left_of(group: int, seconds: float = 10) -> list[str]:
    """Those that still live after a while: one that ends closes its files first, and is there for a moment more."""
    end = time.monotonic() + seconds
    while (commands := living(group)) and time.monotonic() < end:
        time.sleep(0.05)
    return commands
