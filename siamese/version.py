"""Which version of this code runs."""

import os
import subprocess
from pathlib import Path

__version__ = "1.0.0"


def current_commit() -> str:
    """The commit of this code, with "-dirty" if it has changed since, "" where it is no git checkout."""
    if commit := os.environ.get("SIAMESE_COMMIT"):  # a job has no checkout: who started it says which commit this is
        return commit
    here = Path(__file__).parent
    if not (here.parent / ".git").exists():  # installed: another project's commit is none of ours
        return ""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, cwd=here, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
