"""A command as its user meets it at a terminal."""

import io
import re
import subprocess
import time
from collections.abc import Sequence

import pytest

from siamese.__main__ import main


def run(arguments: Sequence[object], capsys: pytest.CaptureFixture) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of one command."""
    capsys.readouterr()
    code = main([str(argument) for argument in arguments])
    return code, *capsys.readouterr()


def assert_refused(result: tuple[int, str, str], *expected: str) -> None:
    """Exit code 2, nothing on stdout, and on stderr one line that says all that is expected."""
    code, stdout, stderr = result
    assert code == 2
    assert stdout == ""
    assert re.fullmatch(r"error: [^\n]+\n", stderr), stderr
    for text in expected:
        assert text in stderr


def wait_for(beginning: str, process: subprocess.Popen, seconds: float = 0) -> None:
    """Read the stdout of a process, as text, up to the line that begins so, and wait for so long."""
    next(line for line in process.stdout if line.startswith(beginning))
    time.sleep(seconds)


class Screen(io.StringIO):
    """Standard error as it is at a terminal, for what asks whether it is one."""

    def isatty(self) -> bool:
        """It is."""
        return True
