"""Which commit is recorded with a model: that of this code, never that of another repository."""

import json
import re
import shutil
import subprocess
from importlib import metadata
from pathlib import Path

import pytest

from siamese import version

COMMIT = "0123456789" * 4


@pytest.fixture
def copy(tmp_path, monkeypatch) -> Path:
    """The folder of a copy of the package, in a git repository of somebody else's."""
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    subprocess.run(["git", "-C", tmp_path, *who, "commit", "-q", "--allow-empty", "-m", "theirs"], check=True)
    folder = tmp_path / "lib" / "siamese"
    folder.mkdir(parents=True)
    shutil.copy(version.__file__, folder)
    monkeypatch.setattr(version, "__file__", str(folder / "version.py"))
    monkeypatch.delenv("SIAMESE_COMMIT", raising=False)
    return folder


def test_a_checkout_knows_its_commit_and_whether_it_has_changed(copy):
    (copy.parents[1] / ".git").rename(copy.parent / ".git")
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=copy, capture_output=True, text=True, check=True).stdout.strip()
    assert version.current_commit() == head


def test_a_copy_in_the_repository_of_somebody_else_has_no_commit(copy):
    assert version.current_commit() == ""


def test_a_job_is_told_its_commit(copy, monkeypatch):
    monkeypatch.setenv("SIAMESE_COMMIT", COMMIT)
    assert version.current_commit() == COMMIT


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ({"url": "git+", "vcs_info": {"vcs": "git", "commit_id": COMMIT}}, COMMIT),
        ({"url": "", "dir_info": {}}, ""),
        (None, ""),
    ],
)
def test_an_installed_package_has_the_commit_that_it_was_installed_from(origin, expected, copy, monkeypatch):
    (copy / "project").mkdir()
    described = copy.parent / "siamese-1.0.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: siamese\nVersion: 1.0.0\n")
    if origin:
        (described / "direct_url.json").write_text(json.dumps(origin))
    monkeypatch.syspath_prepend(copy.parent)
    assert version.current_commit() == expected


def test_an_installed_package_that_nothing_is_known_of_has_no_commit(copy, monkeypatch):
    (copy / "project").mkdir()
    monkeypatch.setattr(metadata, "distribution", lambda name: (_ for _ in ()).throw(metadata.PackageNotFoundError(name)))
    assert version.current_commit() == ""


def test_the_version_has_three_numbers():
    assert re.fullmatch(r"\d+\.\d+\.\d+", version.__version__)
