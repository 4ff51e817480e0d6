"""Which files a hosted training and a Space get; that these are enough to run is tested with the jobs and the Spaces."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hub_fake.client import ROOT
from hub_fake.expect import package_files

from siamese.hub import project

BESIDE = ("README.md", "LICENSE", "app.py", "pyproject.toml", "requirements.txt", "train.py")


@pytest.fixture(params=["checkout", "installed"])
def tree(request, tmp_path, monkeypatch) -> Path:
    """A small package of this project's, in a checkout or in a folder of installed packages."""
    package = tmp_path / "siamese"
    for name in ("__init__.py", "data/sample.npz", "demo/card.md", "demo/compare/compare.css", "demo/static/logo.svg"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(name)
    beside = tmp_path if request.param == "checkout" else package / "project"
    beside.mkdir(exist_ok=True)
    for name in BESIDE:
        shutil.copy(ROOT / name, beside)
    monkeypatch.setattr(project, "PACKAGE", package)
    monkeypatch.setattr(project, "INSTALLED", package / "project")
    monkeypatch.setattr(project, "BUNDLED_WEIGHTS", package / "weights")
    monkeypatch.setattr(project, "PROJECT", beside)
    return tmp_path


def test_every_file_of_the_package_is_sent_but_the_bundled_weights():
    names = set(project.project_files("train.py"))
    assert names == {"train.py"} | package_files()


def test_a_new_asset_is_sent_and_what_only_lies_about_is_not(tree):
    before = project.project_files("train.py")
    assert set(before) == {
        "train.py", "siamese/__init__.py", "siamese/data/sample.npz", "siamese/demo/card.md",
        "siamese/demo/compare/compare.css", "siamese/demo/static/logo.svg",
    }  # fmt: skip
    for name in ("notes.txt", ".env", "data/me.jpg", "data/faces/me.png", "__pycache__/a.pyc", "weights/mine/config.json"):
        (tree / "siamese" / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / "siamese" / name).write_text("private")
    assert project.project_files("train.py") == before
    for name in ("demo/compare/compare.js", "demo/static/fonts/one.woff2", "demo/new/tab.py"):
        (tree / "siamese" / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / "siamese" / name).write_text("new")
        assert f"siamese/{name}" in project.project_files("train.py")


def test_what_lies_beside_the_package_is_sent_from_where_it_is(tree):
    files = project.project_files(*BESIDE)
    for name in BESIDE:
        assert files[name].read_bytes() == (ROOT / name).read_bytes()


@pytest.mark.parametrize("name", ["train.py", "pyproject.toml"])
def test_a_copy_that_is_not_whole_is_named(name, tree):
    (project.PROJECT / name).unlink()
    with pytest.raises(ValueError, match=f"{name} is not in .*whole copy"):
        project.project_files("train.py")


def test_sizes_are_listed_with_their_sum(tmp_path):
    (tmp_path / "a").write_bytes(bytes(1500))
    text = project.describe_files({"a": tmp_path / "a", "b": b"12"})
    assert text.splitlines() == ["      1,500  a", "          2  b", "      1,502  bytes in 2 files"]


def test_the_modules_of_the_hub_can_be_imported_in_any_order():
    names = sorted(path.stem for path in (ROOT / "siamese" / "hub").glob("[a-z]*.py"))
    code = "import sys\n" + "\n".join(
        f"import siamese.hub.{name}\nfor name in [name for name in sys.modules if name.startswith('siamese.hub')]:\n"
        "    del sys.modules[name]"
        for name in names
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=120)
