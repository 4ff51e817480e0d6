"""The files of this project that a hosted training or a Space needs, and the commit that puts just them in a repository."""

import tomllib
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

from siamese.hub.errors import HubError
from siamese.model_folder.files import BUNDLED_WEIGHTS

PACKAGE = Path(__file__).resolve().parents[1]
INSTALLED = PACKAGE / "project"  # a wheel brings the files from beside the package in here
PROJECT = INSTALLED if INSTALLED.is_dir() else PACKAGE.parent  # where train.py, app.py, README.md and requirements.txt lie
MADE_BY_THE_HUB = {".gitattributes", "README.md"}


def project_files(*names: str) -> dict[str, Path | bytes]:
    """The package without its bundled weights, and the files `names` of the project: path in a repository -> file.

    Raises ValueError where one of `names` is missing.
    """
    for name in (*names, "pyproject.toml"):
        if not (PROJECT / name).is_file():
            raise ValueError(f"{name} is not in {str(PROJECT)!r}: run this from a whole copy of the project")
    # What goes into a wheel, and no whole folder: pictures, caches and notes stay here.
    build = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    patterns = build["targets"]["wheel"]["include"]
    package = {path for pattern in patterns for path in PACKAGE.parent.glob(pattern) if path.is_file()}
    package = sorted(path for path in package if not {BUNDLED_WEIGHTS, INSTALLED} & set(path.parents))
    return {name: PROJECT / name for name in names} | {path_in_repository(path): path for path in package}


def extra(name: str) -> list[str]:
    """What an optional dependency of the project is of, as pip has it."""
    about = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    return about["project"]["optional-dependencies"][name]


def path_in_repository(path: Path) -> str:
    """Where a file of the package lies in a repository."""
    return path.relative_to(PACKAGE.parent).as_posix()


def describe_files(files: dict[str, Path | bytes]) -> str:
    """The sizes and paths of files, a line each, and their sum."""
    sizes = {name: len(file) if isinstance(file, bytes) else file.stat().st_size for name, file in files.items()}
    lines = [f"{size:>11,}  {name}" for name, size in sizes.items()]
    return "\n".join([*lines, f"{sum(sizes.values()):>11,}  bytes in {len(sizes)} files"])


def commit_exactly(
    api: HfApi, repo_id: str, files: dict[str, Path | bytes], message: str, repo_type: str | None = None
) -> tuple[str, bool]:
    """Make the main branch of a repository hold these files and no others; its commit, and whether that is a new one.

    What the repository has already is not sent again. Raises HubError, rather than delete them, where it holds files of
    another project.
    """
    before = api.repo_info(repo_id, repo_type=repo_type)
    there = {sibling.rfilename for sibling in before.siblings or []}
    if there - MADE_BY_THE_HUB and "siamese/__init__.py" not in there:
        example = min(there - MADE_BY_THE_HUB)
        raise HubError(f"{repo_id} holds something else, {example} for one: choose another name, or empty it first")
    added = [CommitOperationAdd(name, file) for name, file in files.items()]
    deleted = [CommitOperationDelete(name) for name in sorted(there - set(files) - {".gitattributes"})]
    commit = api.create_commit(repo_id, [*added, *deleted], commit_message=message, repo_type=repo_type).oid
    return commit, commit != before.sha
