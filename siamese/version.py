"""Which version of this code runs."""

import json
import os
import subprocess
from pathlib import Path

__version__ = "1.0.0"


def current_commit() -> str:
    """The commit of this code, with "-dirty" if it has changed since, "" where that is not known."""
    if commit := os.environ.get("SIAMESE_COMMIT"):  # a job has no checkout: who started it says which commit this is
        return commit
    here = Path(__file__).parent
    if (here / "project").is_dir():  # installed from a wheel, see pyproject.toml
        return _installed_commit()
    if not (here.parent / ".git").exists():  # another project's commit is none of ours
        return ""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, cwd=here, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def _installed_commit() -> str:
    """What pip noted if it installed from a git address."""
    from importlib import metadata  # brings much, for which no command need wait

    try:
        origin = json.loads(metadata.distribution("siamese").read_text("direct_url.json") or "{}")
    except (metadata.PackageNotFoundError, ValueError):
        return ""
    return origin.get("vcs_info", {}).get("commit_id", "")
