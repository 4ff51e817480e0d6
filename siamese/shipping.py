"""The files of this project that a hosted training or a Space needs, and the one commit that makes a repository hold them."""

from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

PACKAGE = Path(__file__).parent
PROJECT = PACKAGE.parent  # where train.py, app.py, README.md and requirements.txt lie


def project_files(*names: str) -> dict[str, Path | bytes]:
    """The package without its bundled weights, and the files `names` of the project: path in a repository -> file.

    Raises ValueError where one of `names` is missing.
    """
    package = sorted([*PACKAGE.glob("*.py"), *PACKAGE.glob("*.npz")])  # never a folder as a whole: caches and notes stay here
    files = [*(PROJECT / name for name in names), *package]
    for path in files:
        if not path.is_file():
            raise ValueError(f"{path.name} is not in {str(path.parent)!r}: run this from a whole copy of the project")
    return {path.relative_to(PROJECT).as_posix(): path for path in files}


def describe_files(files: dict[str, Path | bytes]) -> str:
    """The sizes and paths of files, a line each, and their sum."""
    sizes = {name: len(file) if isinstance(file, bytes) else file.stat().st_size for name, file in files.items()}
    lines = [f"{size:>11,}  {name}" for name, size in sizes.items()]
    return "\n".join([*lines, f"{sum(sizes.values()):>11,}  bytes in {len(sizes)} files"])


def commit_exactly(
    api: HfApi, repo_id: str, files: dict[str, Path | bytes], message: str, repo_type: str | None = None
) -> tuple[str, bool]:
    """Make the main branch of a repository hold these files and no others; its commit, and whether that is a new one.

    What the repository has already is not sent again.
    """
    before = api.repo_info(repo_id, repo_type=repo_type)
    there = {sibling.rfilename for sibling in before.siblings or []}
    added = [CommitOperationAdd(name, file) for name, file in files.items()]
    deleted = [CommitOperationDelete(name) for name in sorted(there - set(files) - {".gitattributes"})]
    commit = api.create_commit(repo_id, [*added, *deleted], commit_message=message, repo_type=repo_type).oid
    return commit, commit != before.sha
