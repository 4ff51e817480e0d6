"""The folders of classes below a folder: where images lie, what their classes are called, and what is no class.

What is passed over is said, system files aside: parts of a dataset (train, val, test) are no classes, nor are copies that
a program has made, and links are followed once.
"""

import itertools
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from siamese.config import counted, shorten
from siamese.data.class_lists import BY_FOLDERS, Layout, find_lists, part_of, read_lists
from siamese.images.formats import CERTAIN, LONGEST_BEGINNING, NOT_OPENED, OTHER_SUFFIXES, SUFFIXES

# What systems, network drives and tools leave in folders, in lower case; hidden names aside.
SYSTEM_FOLDERS = {
    "@eadir", "@tmp", "@recycle", "@recently-snapshot", "#recycle", "#snapshot", "$recycle.bin", "__macosx", "lost+found",
    "system volume information", "__pycache__",
}  # fmt: skip
# Folders of copies: by their names alone, inside a class alone, and beside the class that they are named after.
COPIES = re.compile(r"((images|data)[ _-]?)?augment(ed|ations?)([ _-]?(images|data|copies|set))?|thumbnails", re.IGNORECASE)
COPIES_IN_A_CLASS = re.compile(r"aug(s|mented.*)?|thumb(s|nails?)?", re.IGNORECASE)
COPIES_OF = re.compile(r"(?:aug(?:mented)?[ _-]+)?(.+?)(?:[ _-]+aug(?:mented|mentations?)?)?", re.IGNORECASE | re.DOTALL)
# Files that are surely no pictures; of others without a suffix of pictures, the first bytes say.
TEXTS = (".txt", ".xml", ".json", ".csv", ".tsv", ".md", ".html", ".yaml", ".yml", ".py", ".npy", ".npz", ".mat", ".log")

NUMBERED = r"(.*?)[ _.-]*\(?\d+\)?"  # names of files that begin with their class, as birch_01.jpg

# What tells a folder that a training writes (see siamese.model_folder.files): finished, unfinished, under way.
MODEL_FOLDERS = ({"config.json", "model.safetensors"}, {"resume.pt"}, {".training.lock"})

Parts = tuple[str, ...]  # of the path of a folder below the one asked for


@dataclass(frozen=True)
class ClassTree:
    """What lies below a folder."""

    classes: dict[str, list[Path]]  # name -> image files, both sorted; see `find_classes`
    unread: tuple[tuple[Path, str], ...]  # what looks like pictures and is not opened: file or folder, and why
    remarks: tuple[str, ...]  # what a user should know
    parts: dict[str, list[str]] = field(
        default_factory=dict
    )  # name -> of each file, the part of the dataset it is in, "": none


def find_classes(folder: str | Path, layout: Layout = BY_FOLDERS) -> dict[str, list[Path]]:
    """Class name -> its image files, all sorted. The name is the path below `folder`, with "/"; "" for `folder` itself.

    Folders train, val, test and the like at the top, or in the one folder there, are parts and no classes: the images of
    train/cat and test/cat are of class "cat". Links are followed, and no folder is read twice. Left out is what is hidden,
    and what systems and programs made. Raises ValueError where there is no such folder or no image in it.
    """
    return read_tree(folder, layout).classes


def find_images(folder: str | Path) -> tuple[list[Path], tuple[tuple[Path, str], ...]]:
    """All image files at any depth of a folder, whatever classes they are of, sorted; and what looks like pictures and is
    not opened, with the reason. What is hidden and what systems made is passed over. Raises ValueError where there is none.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{str(folder)!r} is not a folder")
    walk = _Walk(folder, SUFFIXES)
    if not walk.places:
        raise _no_images(folder, walk)
    return [file for files in walk.places.values() for file in files], tuple(walk.unread)


def _no_images(folder: Path, walk: "_Walk") -> ValueError:
    why = f"; {walk.unread[0][0]}: {walk.unread[0][1]}" if walk.unread else ""
    what = "images" if walk.suffixes is SUFFIXES else "sequences"
    return ValueError(f"there are no {what} in {str(folder)!r}, at any depth; looked for {', '.join(walk.suffixes)}{why}")


def read_tree(folder: str | Path, layout: Layout = BY_FOLDERS) -> ClassTree:
    """All below a folder. Raises ValueError as `find_classes` does."""
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{str(folder)!r} is not a folder")
    why_no_list = None
    if layout.names is None and layout.suffixes is SUFFIXES and (lists := find_lists(folder)):
        try:
            listed = read_lists(folder, lists, layout)
            return ClassTree(listed.classes, listed.unread, listed.remarks, listed.parts)
        except ValueError as error:  # it may be about something else than classes
            why_no_list = error
    walk = _Walk(folder, layout.suffixes)
    places = walk.places
    if not places:
        raise _no_images(folder, walk)
    if layout.names is not None:
        return _by_names(places, layout.names, walk)
    places, about_copies = _without_copies(places)
    names, about_parts = _names_without_parts(places)
    classes, parts = {}, {}
    for place, files in places.items():
        part = next(filter(part_of, place), "") if len(names.get(place, place)) < len(place) else ""
        if place in names and layout.part in (None, part):
            name = "/".join(names[place])
            classes.setdefault(name, []).extend(files)
            parts.setdefault(name, []).extend([part] * len(files))
    if why_no_list and (len(classes) < 2 or layout.label_column or layout.image_column):
        raise why_no_list
    if not classes:
        found = _listed({name for place in places for name in place if part_of(name)}) or "none"
        raise ValueError(f"{str(folder)!r} has no images in a part {shorten(layout.part)}, allowed: {found}")
    about_list = [f"the folders are the classes, and not what a list says: {why_no_list}"] * bool(why_no_list)
    remarks = (*about_list, *about_parts, *about_copies, *walk.remarks)
    parts = parts if any(map(any, parts.values())) else {}
    return ClassTree(dict(sorted(classes.items())), tuple(walk.unread), remarks, dict(sorted(parts.items())))


def _by_names(places: dict[Parts, list[Path]], expression: str, walk: "_Walk") -> ClassTree:
    """Classes that the names of the files tell, in whatever folders these are."""
    try:
        pattern = re.compile(expression)
    except re.error as error:
        raise ValueError(f"--classes-from-names is {shorten(expression)}, no regular expression: {error}") from error
    classes, others = {}, []
    for file in sorted(itertools.chain.from_iterable(places.values())):
        found = pattern.fullmatch(file.stem)
        name = found and (found[1] if pattern.groups else found[0])
        if name:
            classes.setdefault(name, []).append(file)
        else:
            others.append((file, f"its name tells no class by --classes-from-names {expression}"))
    if not classes:
        raise ValueError(f"--classes-from-names is {shorten(expression)}, and of no file does it match the name, such as "
                         f"{shorten(others[0][0].stem)}")  # fmt: skip
    return ClassTree(dict(sorted(classes.items())), (*walk.unread, *others), tuple(walk.remarks))


def suggest_names(files: Sequence[Path]) -> str:
    """The regular expression for Layout that tells classes from the names of these files, such as birch_01.jpg and
    birch_02.jpg; "" where most names do not end with a number, or that makes no two classes of two.
    """
    found = [match[1] for file in files if (match := re.fullmatch(NUMBERED, file.stem)) and match[1]]
    sizes = Counter(found)
    is_clear = len(found) >= 0.9 * len(files) and sum(size >= 2 for size in sizes.values()) >= 2
    return NUMBERED if is_clear and sum(size for size in sizes.values() if size >= 2) >= 0.5 * len(found) else ""


class _Walk:
    """The files of each folder that directly holds images, in `places`; what is not opened, and why."""

    def __init__(self, folder: Path, suffixes: tuple[str, ...]) -> None:
        self.suffixes = suffixes
        self.places: dict[Parts, list[Path]] = {}
        self.unread: list[tuple[Path, str]] = []
        self.remarks: list[str] = []
        self._seen: set[tuple[int, int]] = set()
        self._links: list[Path] = []
        root, again = folder.resolve(), []
        self._read(folder, folder)
        for link in self._links:  # which grows; after all that lies there itself, so that this keeps its names
            target = link.resolve()
            if root.is_relative_to(target) or not self._read(folder, link):
                again.append(link)
        self.places = dict(sorted(self.places.items()))
        if again:
            self.remarks.append(
                f"{counted(len(again), 'link')} to folders that are read already, or that hold this folder, not followed "
                f"(again): {again[0]}"
            )

    def _read(self, folder: Path, top: Path) -> bool:
        """All below `top`, links to folders aside; False where that was read already."""
        if not self._is_new(top):
            return False
        waiting = [top]
        while waiting:
            place = waiting.pop()
            try:
                entries = sorted(os.scandir(place), key=lambda entry: entry.name)
            except OSError as error:
                self.unread.append((place, f"the folder cannot be opened: {error.strerror}"))
                continue
            files, names = [], {entry.name for entry in entries}
            if is_model := any(each <= names for each in MODEL_FOLDERS):
                self.remarks.append(f"{shorten(str(place))} holds a model: the plots in it are no images of a class")
            for entry in entries:
                path = place / entry.name
                if entry.name.startswith(".") or entry.name.lower() in SYSTEM_FOLDERS:
                    continue
                if _is_folder(entry):
                    if entry.is_symlink():
                        self._links.append(path)
                    elif self._is_new(path):
                        waiting.append(path)
                elif not is_model and self._is_image(entry, path):
                    files.append(path)
            if files:
                self.places[place.relative_to(folder).parts] = files
        return True

    def _is_new(self, place: Path) -> bool:
        try:
            found = place.stat()
        except OSError:
            return True  # reading it will say why not
        key = (found.st_dev, found.st_ino)
        is_new = key not in self._seen
        self._seen.add(key)
        return is_new

    def _is_image(self, entry: os.DirEntry, path: Path) -> bool:
        name = entry.name.lower()
        if name.endswith(self.suffixes):
            return True  # if it cannot be read after all, reading says why
        if self.suffixes is not SUFFIXES:
            return False
        if name.endswith(OTHER_SUFFIXES):
            self.unread.append((path, NOT_OPENED))
        elif not os.path.exists(path):
            self.unread.append((path, "a link to nothing"))
        elif not name.endswith(TEXTS) and path.is_file():
            try:
                with path.open("rb") as file:
                    return CERTAIN.match(file.read(LONGEST_BEGINNING)) is not None
            except OSError as error:
                self.unread.append((path, f"it cannot be opened: {error.strerror}"))
        return False


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle
        return False


def _without_copies(places: dict[Parts, list[Path]]) -> tuple[dict[Parts, list[Path]], list[str]]:
    """The places that hold no augmented copies and no thumbnails, by their names; all where nothing else is there."""
    folders = {place[:depth] for place in places for depth in range(len(place) + 1)}

    def are_copies(place: Parts) -> bool:
        for depth, name in enumerate(place):
            original = COPIES_OF.fullmatch(name)[1]
            if COPIES.fullmatch(name) or (COPIES_IN_A_CLASS.fullmatch(name) and place[:depth] in places):
                return True
            if original != name and (*place[:depth], original) in folders:
                return True
        return False

    kept = {place: files for place, files in places.items() if not are_copies(place)}
    if not kept or len(kept) == len(places):
        return places, []
    left_out = [place for place in places if place not in kept]
    number = counted(sum(len(places[place]) for place in left_out), "image")
    return kept, [
        f"{number} of folders that hold augmented copies or thumbnails by their names left out, as in "
        f"{shorten('/'.join(left_out[0]))}: copies are no new classes, and training makes its own"
    ]


def _names_without_parts(places: dict[Parts, list[Path]]) -> tuple[dict[Parts, Parts], list[str]]:
    """The name of the class of each place that has one, without what only says to which part of a dataset it belongs."""
    level = len(list(itertools.takewhile(lambda names: len(set(names)) == 1, zip(*places, strict=False))))
    level = level if len(places) > 1 else 0
    level = next((depth for depth, name in enumerate(next(iter(places))[:level]) if part_of(name)), level)
    tops = {place[level] for place in places if len(place) > level}
    parts = {name for name in tops if part_of(name)}
    nested = [place for place in places if len(place) > level + 1 and place[level] in parts]
    if nested and (len(parts) > 1 or (parts == tops and all(len(place) > level for place in places))):
        flat = [place for place in places if len(place) == level + 1 and place[level] in parts]
        names = {
            place: place[:level] + place[level + 1 :] if place[level : level + 1] and place[level] in parts else place
            for place in places
            if place not in flat
        }
        remarks = [f"{_listed(parts)}: parts of the dataset by their names, and no classes; their classes are read as one"]
        if flat:
            number = counted(sum(len(places[place]) for place in flat), "image")
            remarks.append(f"{number} directly in {_listed({place[level] for place in flat})}, of no class, left out")
        return names, remarks
    lasts = {place[-1] for place in places if place}
    if len(lasts) > 1 and all(place and part_of(place[-1]) for place in places):
        if all(len(place) > 1 for place in places):
            remark = f"{_listed(lasts)} in each class: parts of the dataset by their names, and no classes; read as one"
            return {place: place[:-1] for place in places}, [remark]
        remark = f"{_listed(lasts)} are taken for classes, since there are no folders in them: give each class a folder"
        return {place: place for place in places}, [remark]
    return {place: place for place in places}, []


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
