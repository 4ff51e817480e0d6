"""Pictures that a visitor brings, put into folders of classes under names that are safe; refused with a sentence else."""

import contextlib
import re
import shutil
import unicodedata
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image

from siamese.config import shorten
from siamese.data.archives import ArchiveLimits, Chosen, choose_images, unpack
from siamese.data.class_lists import Layout, find_lists
from siamese.data.class_tree import find_classes, read_tree, suggest_names
from siamese.images.formats import BEGINNING, LONGEST_BEGINNING, SUFFIXES
from siamese.visitors.disk import size_to_be
from siamese.visitors.limits import MEGABYTE, TrainingLimits
from siamese.visitors.task import SAMPLE

LONGEST_CLASS = 40  # characters of the name of a class
LONGEST_FILE = 60  # of a file, its suffix aside


Take = Callable[[int], None]  # is told how many bytes of the disk are about to be taken, and may refuse with a ValueError


def anything(size: int) -> None:
    """Refuse nothing."""


def take_archive(archive: str | Path, folder: Path, limits: TrainingLimits, take: Take = anything) -> tuple[str, ...]:
    """Unpack a ZIP file of class folders to `folder`, instead of what is there: the names of what is no image in it.

    Raises ValueError as `take` and siamese.data.archives do, and where there are too many classes or images, or no file
    begins as an image does; then what was there stays.
    """

    def choose(entries: list[zipfile.ZipInfo], most: ArchiveLimits) -> tuple[Chosen, tuple[str, ...]]:
        chosen, others = choose_images(entries, most)
        take(size_to_be(info.file_size for info, _ in chosen))
        return chosen, others

    unpacked = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(unpacked, ignore_errors=True)
    try:
        _, others = unpack(archive, unpacked, limits.archive, choose)
        classes = find_classes(unpacked)
        _check_counts(classes, limits)
        files = [file for images in classes.values() for file in images]
        if not any(map(_begins_as_an_image, files)):
            raise ValueError(f"none of the {len(files):,} files that are images by their names in the archive is one")
        others += _into_class_folders(unpacked, classes)
        shutil.rmtree(folder, ignore_errors=True)
        unpacked.rename(folder)
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)
    return others


def _into_class_folders(folder: Path, classes: dict[str, list[Path]]) -> tuple[str, ...]:
    """Where a list names the classes, put the images into folders of these, so that others can be added to them.

    What is not listed goes, and its names are the result.
    """
    if not (lists := find_lists(folder)):
        return ()
    listed = {file for files in classes.values() for file in files}
    for file in lists:
        file.unlink()
    unlisted = [path for path in folder.rglob("*") if path.is_file() and path not in listed]
    for file in unlisted:
        file.unlink()
    for label, files in classes.items():
        place = folder / safe_class_name(label)
        place.mkdir(exist_ok=True)
        for file in files:
            if file.parent != place:
                file.rename(_free(place, safe_file_name(file.name)))
    return tuple(sorted(path.relative_to(folder).as_posix() for path in unlisted))


def sort_by_names(folder: Path, limits: TrainingLimits) -> tuple[str, ...]:
    """Put the images of a folder, all of one class, into folders of the classes that their names tell: birch_01.jpg.

    What has no such name is deleted, and its names are the result. Raises ValueError where the names tell none, a name
    cannot be one, or there are too many; nothing is moved then.
    """
    classes = pictures(folder)
    names = suggest_names([file for files in classes.values() for file in files]) if len(classes) == 1 else ""
    if not names:
        raise ValueError("the names of the files do not tell the classes, as birch_01.jpg and oak_01.jpg would")
    tree = read_tree(folder, Layout(names=names))
    _check_counts(tree.classes, limits)
    places = {safe_class_name(label): files for label, files in tree.classes.items()}
    for label, files in places.items():
        (folder / label).mkdir(exist_ok=True)
        for file in files:
            file.rename(_free(folder / label, safe_file_name(file.name)))
    others = [file for file, _ in tree.unread if file.is_file()]
    for file in others:
        file.unlink()
    return tuple(sorted(file.relative_to(folder).as_posix() for file in others))


def add_files(files: Sequence[str | Path], label: str, folder: Path, limits: TrainingLimits, take: Take = anything) -> str:
    """Copy image files to a class in `folder`, a new one or one that is there: the name of the class.

    Raises ValueError as `take` does, for a name that cannot be, for what is by its name no image, and beyond a limit, and
    OSError where a file cannot be written; nothing is kept then.
    """
    files = [Path(file) for file in files]
    if not files:
        raise ValueError("there is no file: choose some first")
    for file in files:
        if file.suffix.lower() not in SUFFIXES:
            raise ValueError(f"{shorten(file.name)} is not an image by its name, allowed: {', '.join(SUFFIXES)}")
    label, classes = _fitting(label, folder, len(files), limits)
    there = sum(path.stat().st_size for paths in classes.values() for path in paths)
    size = there + sum(file.stat().st_size for file in files)
    if size > limits.megabytes * MEGABYTE:
        raise ValueError(f"that makes {size / MEGABYTE:,.1f} MB, allowed: at most {limits.megabytes:,} in all")
    take(size_to_be(file.stat().st_size for file in files))
    place, copies = folder / label, []
    try:
        place.mkdir(parents=True, exist_ok=True)
        for file in files:
            copies.append(_free(place, safe_file_name(file.name)))
            shutil.copyfile(file, copies[-1])
    except OSError:
        _take_back(copies)
        raise
    return label


def add_drawing(drawing: Image.Image, label: str, folder: Path, limits: TrainingLimits) -> str:
    """Put a drawing into a class in `folder`: the name of the class. Raises ValueError as `add_files` does."""
    label, _ = _fitting(label, folder, 1, limits)
    place = folder / label
    place.mkdir(parents=True, exist_ok=True)
    copy = _free(place, "drawing.png")
    try:
        drawing.save(copy)
    except OSError:
        _take_back([copy])
        raise
    return label


def forget(folder: Path, label: str | None = None, file: str | None = None) -> None:
    """Delete all classes in `folder`, one of them, or one image of it by the name of its file.

    Raises ValueError where there is no such class or image.
    """
    if label is None:
        shutil.rmtree(folder, ignore_errors=True)
        return
    classes = pictures(folder)
    chosen = [path for path in classes.get(label, []) if file in (None, path.name)]
    if not chosen:
        what = f"class {shorten(label)}" if file is None else f"picture {shorten(file)} in the class {shorten(label)}"
        raise ValueError(f"there is no {what} any more")
    for path in chosen:
        path.unlink()
    with contextlib.suppress(OSError):  # it has others
        chosen[0].parent.rmdir()


def pictures(folder: Path) -> dict[str, list[Path]]:
    """The classes in `folder`, each with the files of its images; none where it is not there."""
    return find_classes(folder) if folder.is_dir() and any(folder.iterdir()) else {}


def counts(folder: Path) -> dict[str, int]:
    """The classes in `folder`, each with the number of its images; none where it is not there."""
    return {name: len(files) for name, files in pictures(folder).items()}


def contents(dataset: str) -> list[tuple]:
    """What lies in a folder, so that any change shows: of each file its path, number, size and time; nothing for SAMPLE."""
    files = sorted(path for path in Path(dataset).rglob("*") if path.is_file()) if dataset != SAMPLE else []
    return [(str(file), about.st_ino, about.st_size, about.st_mtime_ns) for file in files for about in [file.lstat()]]


def safe_class_name(label: str) -> str:
    """A name of a class that is the name of a folder anywhere: "A/B" -> "A_B". Raises ValueError where nothing is left."""
    name = " ".join(unicodedata.normalize("NFC", label).split())
    if not name:
        raise ValueError(f"the class has no name yet: name it first; allowed: 1 to {LONGEST_CLASS} characters")
    if len(name) > LONGEST_CLASS:
        raise ValueError(f"the name of the class is {shorten(label)}, allowed: 1 to {LONGEST_CLASS} characters")
    name = re.sub(r"[^\w .()+-]", "_", name).strip(". ")
    if not name.strip("_"):
        raise ValueError(f"the name of the class is {shorten(label)}, allowed: one with a letter or a digit")
    return name


def safe_file_name(name: str) -> str:
    """A name that the file may have anywhere, with the same suffix, in lower case."""
    path = Path(unicodedata.normalize("NFC", name))
    stem = re.sub(r"[^\w .()+-]", "_", path.stem).strip(". ")[:LONGEST_FILE]
    return f"{stem or 'image'}{path.suffix.lower()}"


def _take_back(copies: list[Path]) -> None:
    """Delete what was not written whole, and a class that has nothing else."""
    for copy in copies:
        copy.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        copies[0].parent.rmdir()


def _fitting(label: str, folder: Path, more: int, limits: TrainingLimits) -> tuple[str, dict[str, list[Path]]]:
    """The safe name of a class for so many images more, as it is written already, and all classes that are there."""
    label, classes = safe_class_name(label), pictures(folder)
    label = next((name for name in classes if name.casefold() == label.casefold()), label)
    after = {name: len(files) for name, files in classes.items()}
    after[label] = after.get(label, 0) + more
    _check_counts({name: range(number) for name, number in after.items()}, limits)
    return label, classes


def _check_counts(classes: dict, limits: TrainingLimits) -> None:
    images = sum(map(len, classes.values()))
    if len(classes) > limits.classes:
        raise ValueError(f"that makes {len(classes):,} classes, allowed: at most {limits.classes:,}")
    if images > limits.images:
        raise ValueError(f"that makes {images:,} images, allowed: at most {limits.images:,}")


def _begins_as_an_image(file: Path) -> bool:
    with file.open("rb") as opened:
        return BEGINNING.match(opened.read(LONGEST_BEGINNING)) is not None


def _free(place: Path, name: str) -> Path:
    """A path for a file of that name which is not there yet."""
    path, number = place / name, 2
    while path.exists():
        path, number = place / f"{Path(name).stem} ({number}){Path(name).suffix}", number + 1
    return path
