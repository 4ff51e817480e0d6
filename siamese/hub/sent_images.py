"""Images of one's own in a private dataset repository, for a hosted training, which sees no file of this machine."""

import csv
import dataclasses
import hashlib
import io
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, errors
from huggingface_hub.hf_api import RepoFile
from tqdm import tqdm

from siamese.config import counted, shorten
from siamese.data.check import check_folder
from siamese.data.class_lists import BY_FOLDERS, Layout, find_lists
from siamese.data.folders import folder_files
from siamese.data.number_splits import check_numbers
from siamese.data.own_numbers import OwnNumbers
from siamese.data.pairs import COLUMNS, list_pairs
from siamese.hub.client import transfer_seconds, within
from siamese.hub.errors import HubError
from siamese.strict import folder_name

SUFFIX = "-data"  # of the repository's name, after that of the model's
MARKER = ".siamese-images"  # a file that tells a repository of this program
PAIRS_FILE = "pairs.csv"
MADE_BY_THE_HUB = {".gitattributes", "README.md"}
MOST_FILES, MOST_BYTES = 250, 50_000_000  # of a commit: what a connection that breaks can cost
README = """\
---
viewer: false
---
{what} that [{model}](https://huggingface.co/{model}) is trained on, sent by the program that trains it. This repository is
private. Delete it in its settings, or with `{delete}`; a model that is trained already does not need it.
"""


@dataclass(frozen=True)
class SentImages:
    """What is to be sent, and what a training finds there."""

    repo_id: str  # of the dataset repository
    files: dict[str, Path | bytes]  # path in the repository -> file
    option: str  # of train.py: "dataset" or "pairs"
    place: str  # its value, within the repository
    found: str  # what is in it, in words
    noun: str = "image"  # what one of them is called

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(len(file) if isinstance(file, bytes) else file.stat().st_size for file in self.files.values())

    @property
    def delete(self) -> str:
        """The command that deletes the repository."""
        return f"hf repos delete {self.repo_id} --type dataset"

    def __str__(self) -> str:
        return (
            f"{self.found}, {counted(len(self.files), 'file')} of {megabytes(self.size)} together, to the private "
            f"dataset repository {self.repo_id}"
        )


def megabytes(size: int) -> str:
    """Bytes in words: 20,000 -> "0.02 MB"."""
    return f"{size / 1e6:,.1f} MB" if size > 950_000 else f"{size / 1e6:.2g} MB"


def of_folder(folder: str | Path, model: str, layout: Layout = BY_FOLDERS) -> SentImages:
    """The images of a folder that a training would read, with what lists them, for a training of the repository `model`.

    Raises ValueError where `siamese check` finds too little in it, or where a name cannot be sent.
    """
    checked = check_folder(folder, progress=True, layout=layout)
    if checked.problem:
        raise ValueError(checked.problem)
    return of_checked_folder(folder, model, len(checked.found.labels), len(checked.sizes), layout)


def of_checked_folder(folder: str | Path, model: str, images: int, classes: int, layout: Layout = BY_FOLDERS) -> SentImages:
    """The same, where a check has found so many images and classes: none is opened."""
    folder = Path(folder)
    # Those that cannot be read as well: settings are chosen from a sample of all.
    files, root = [*folder_files(folder, layout), *find_lists(folder)], _plain(folder_name(folder))
    found = f"{images:,} images in {counted(classes, 'class', 'classes')}"
    return _own_images(model, {f"{root}/{_sendable(file, folder)}": file for file in files}, "dataset", root, found)


def of_pairs(file: str | Path, model: str) -> SentImages:
    """The same of a CSV file of pairs and its images. Raises ValueError as `siamese.data.pairs.list_pairs` does."""
    rows = list_pairs(file)
    images = sorted({path for _, a, b, _ in rows for path in (a, b)})
    folder = Path(os.path.commonpath([path.parent.absolute() for path in images]))
    # Below one folder, so that their order stays: a split goes by it.
    names = {path: f"images/{_sendable(path.absolute(), folder)}" for path in images}
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerows([COLUMNS, *((names[a], names[b], int(is_same)) for _, a, b, is_same in rows)])
    files: dict[str, Path | bytes] = {name: path for path, name in names.items() if path.is_file()}
    files[PAIRS_FILE] = text.getvalue().encode()
    return _own_images(model, files, "pairs", PAIRS_FILE, f"{len(rows):,} pairs of {counted(len(images), 'image')}")


def of_numbers(own: OwnNumbers, model: str) -> SentImages:
    """The same of a table of numbers, which is sent as it lies, or of the files of sequences in a folder."""
    if own.are_pairs:
        raise ValueError("--pairs of numbers are not sent: train here, or where the data are")
    checked = check_numbers(own)
    if checked.problem:
        raise ValueError(checked.problem)
    whole, files = own.place.resolve(), own.files()
    place = f"{_plain(whole.stem)}{whole.suffix}" if own.is_table else _plain(whole.name)
    names = [place if own.is_table else f"{place}/{_sendable(file, own.place)}" for file in files]
    noun, sizes = checked.found.noun, checked.found.sizes
    found = f"{len(checked.found.labels):,} {noun}s in {counted(len(sizes), 'class', 'classes')}"
    return _own_images(model, dict(zip(names, files, strict=True)), "dataset", place, found, noun)


def send(api: HfApi, images: SentImages, told: Callable[[int, int], object] = lambda done, size: None) -> tuple[str, int]:
    """Make the repository hold just these files: its commit, and the bytes of those that it did not have.

    What it has is not sent again, so one that was interrupted goes on where it was. `told` hears at first, and after each
    part, how many bytes are sent, and of how many. Raises HubError where it is public or holds something else, and what the
    client raises where sending fails.
    """
    repo_id = images.repo_id

    def commit(changes: list[CommitOperationAdd | CommitOperationDelete], message: str) -> None:
        api.create_commit(repo_id, changes, commit_message=message, repo_type="dataset")

    there = within(transfer_seconds(0), lambda: _make_repository(api, repo_id))
    missing = {name: file for name, file in images.files.items() if not _is_there(file, there.get(name))}
    stale = sorted(there.keys() - images.files.keys() - {".gitattributes"})
    size, done = sum(map(_size, missing.values())), 0
    told(done, size)
    with tqdm(total=size, desc="sending images", unit="B", unit_scale=True, leave=False, disable=None) as bar:
        for part in _parts(missing):
            bytes_of_part = sum(_size(file) for _, file in part)
            changes = [CommitOperationAdd(name, file) for name, file in part]
            within(transfer_seconds(bytes_of_part), lambda changes=changes: commit(changes, "Images"))
            bar.update(bytes_of_part)
            done += bytes_of_part
            told(done, size)
    for start in range(0, len(stale), MOST_FILES):
        commit([CommitOperationDelete(name) for name in stale[start : start + MOST_FILES]], "Images that are gone")
    return api.repo_info(repo_id, repo_type="dataset").sha, size


def _own_images(
    model: str, files: dict[str, Path | bytes], option: str, place: str, found: str, noun: str = "image"
) -> SentImages:
    images = SentImages(f"{model}{SUFFIX}", files, option, place, found, noun)
    readme = README.format(what=f"{noun.capitalize()}s", model=model, delete=images.delete).encode()
    return dataclasses.replace(images, files={MARKER: b"1\n", "README.md": readme, **files})


def _make_repository(api: HfApi, repo_id: str) -> dict[str, RepoFile]:
    """Make the private repository if need be; the files that are there."""
    try:
        info = api.repo_info(repo_id, repo_type="dataset", expand=["private"])
    except errors.RepositoryNotFoundError:
        api.create_repo(repo_id, repo_type="dataset", private=True, exist_ok=True)
        info = api.repo_info(repo_id, repo_type="dataset", expand=["private"])
    if not info.private:
        raise HubError(f"the dataset {repo_id}, where images go, is public: make it private in its settings, or delete it")
    entries = api.list_repo_tree(repo_id, recursive=True, repo_type="dataset")
    there = {entry.path: entry for entry in entries if isinstance(entry, RepoFile)}
    if MARKER not in there and (others := there.keys() - MADE_BY_THE_HUB):
        raise HubError(f"the dataset {repo_id} holds something else, {min(others)} for one: rename or empty it first")
    return there


def _is_there(file: Path | bytes, entry: RepoFile | None) -> bool:
    """Whether a file of the Hub holds what is to be sent: by size, and hash in git or in the storage of large files."""
    if entry is None or entry.size != _size(file):
        return False
    content = file if isinstance(file, bytes) else file.read_bytes()
    if entry.lfs:
        return hashlib.sha256(content).hexdigest() == entry.lfs.sha256
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest() == entry.blob_id


def _parts(files: dict[str, Path | bytes]) -> Iterator[list[tuple[str, Path | bytes]]]:
    """The files in parts of at most MOST_FILES and, but for a single file, MOST_BYTES. The marker comes first."""
    part, size = [], 0
    for name, file in files.items():
        if part and (len(part) == MOST_FILES or size + _size(file) > MOST_BYTES):
            yield part
            part, size = [], 0
        part.append((name, file))
        size += _size(file)
    if part:
        yield part


def _size(file: Path | bytes) -> int:
    return len(file) if isinstance(file, bytes) else file.stat().st_size


def _sendable(file: Path, folder: Path) -> str:
    """The path of a file below `folder`, with "/". Raises ValueError for a name that no repository can hold."""
    name = file.relative_to(folder).as_posix()
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{shorten(str(file))} has a name that is not UTF-8, and cannot be sent: rename it") from None
    if any(part in (".git", "..") for part in name.split("/")) or re.search(r"[\x00-\x1f\\]", name):
        raise ValueError(f"{shorten(str(file))} has a name that no repository can hold: rename it")
    return name


def _plain(name: str) -> str:
    """A folder's name, as far as letters, digits and a few signs go."""
    return re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII).strip(".-") or "images"
