"""Folders of images: a class is a folder that directly holds images, at any depth.

Whatever is wrong with a file, the rest is used, and the file is named with the reason.
"""

import contextlib
import dataclasses
import functools
import hashlib
import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import active_children, get_context, parent_process
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from siamese.config import EncoderConfig, PreprocessConfig, counted, readable
from siamese.data.class_lists import BY_FOLDERS, PART_NUMBERS, Layout, part_of
from siamese.data.class_tree import find_classes, read_tree
from siamese.data.duplicates import MOST_COPIES, SIDE, near_duplicates, thumbnail
from siamese.data.storage import allocate, let_go
from siamese.images.canonical import canonical_image
from siamese.images.load import load_image

# MNIST leaves a wide margin around its digits. Signs with more detail need the pixels: of Omniglot's, one in 16 that were
# taken for another is not with this.
FOLDER_BOX_FRACTION = 0.86
# Too few for a network to learn what matters in a photograph: on 8 unseen of the 28 people of the ORL faces, compact does no
# better than raw pixels, and residual little.
FEW_PHOTOS = 2000
LEAST_SIDE = 8  # px: smaller pictures show nothing
MANY_FILES = 2000  # from here on, reading in several processes pays
BYTES_AT_ONCE, WAITING = 1 << 22, 4  # of images that a process reads in one go, and how many goes wait for each of them


@dataclass(frozen=True)
class FolderImages:
    """The usable images of a folder, canonical, and what became of the others."""

    images: np.ndarray  # uint8 (N, H, W) or (N, H, W, 3); backed by a file on disk where there is much
    labels: np.ndarray  # int64 (N,), indices of `names`
    names: tuple[str, ...]  # of the classes
    files: tuple[Path, ...]  # (N,)
    left_out: tuple[tuple[Path, str], ...]  # file and reason
    remarks: tuple[str, ...]  # what a user should know, but nothing was done about
    first: np.ndarray  # int64 (N,), the first of the near duplicates of each image, which may be itself
    part: np.ndarray | None = (
        None  # int64 (N,), the part that each was given in, see siamese.data.given_parts; None: in none
    )

    def near_duplicates(self) -> list[tuple[Path, Path, bool]]:
        """Images that are nearly the same as an earlier one: both files, and whether they are of one class."""
        return [
            (self.files[number], self.files[first], bool(self.labels[number] == self.labels[first]))
            for number, first in enumerate(self.first.tolist())
            if number != first
        ]


class ReadImage(NamedTuple):
    """What is read of a file; where it is of no use, just the reason."""

    canonical: np.ndarray | None
    reason: str = ""
    digest: bytes = b""  # of the canonical image
    side: int = 0  # px, the longer one
    thumbnail: np.ndarray | None = None  # see siamese.data.duplicates


def folder_files(folder: str | Path, layout: Layout = BY_FOLDERS) -> list[Path]:
    """All image files of the classes of a folder. Raises ValueError as `find_classes` does."""
    return [file for images in find_classes(folder, layout).values() for file in images]


def choose_settings(files: Sequence[Path], mode: str | None = None, looked_at: int = 60) -> tuple[str, int, int, int]:
    """Preprocessing mode ("ink" or "photo"), image size in px and channels (1 or 3) that fit a sample of image files; and
    the longer side of most of them in px.

    Drawings are mostly paper: more than 60% of their pixels are of nearly one tone. Where `mode` is given, it stays, and the
    others fit it. Raises ValueError where no file of the sample can be read.
    """
    paper, colour, sides, reason = [], [], [], ""
    for file in files[:: max(1, len(files) // looked_at)]:
        try:
            image = load_image(file)
        except (ValueError, MemoryError) as error:
            reason = str(error) or type(error).__name__
            continue
        sides.append(max(image.size))
        small = image.convert("RGB")
        small.thumbnail((128, 128))
        pixels = np.asarray(small, dtype=np.int16)
        counts = np.bincount(pixels.mean(axis=2).astype(int).ravel(), minlength=256)
        paper.append(np.convolve(counts, np.ones(33), "same").max() / counts.sum())
        colour.append(np.ptp(pixels, axis=2).mean())
    if not sides:
        raise ValueError(f"none of a sample of the {len(files):,} images can be read, such as {str(files[0])!r}: {reason}")
    side = int(np.median(sides))
    if (mode or ("ink" if np.median(paper) > 0.6 else "photo")) == "ink":
        return "ink", 28 if side <= 40 else 40, 1, side
    return "photo", 40 if side <= 40 else 64, 3 if np.median(colour) > 6 else 1, side


def read_folder(
    folder: str | Path,
    preprocess: PreprocessConfig,
    encoder: EncoderConfig,
    progress: bool = False,
    layout: Layout = BY_FOLDERS,
) -> FolderImages:
    """All usable images of a folder, made canonical.

    Left out, with the reason: what looks like a picture and cannot be read or shows nothing, tiny images, exact copies of an
    image that is in, and classes of which fewer than two images remain. Raises ValueError where no class remains.
    """
    tree = read_tree(folder, layout)
    classes = tree.classes
    files = [(file, name) for name, images in classes.items() for file in images]
    given = np.array([PART_NUMBERS[part_of(each)] for name in classes for each in tree.parts.get(name, ())], dtype=np.int64)
    shape = (encoder.image_size, encoder.image_size) + ((3,) if encoder.channels == 3 else ())
    images = allocate((len(files), *shape))
    thumbnails = allocate((len(files), SIDE, SIDE, *shape[2:]))
    kept, numbers_kept, left_out, seen, small = [], [], list(tree.unread), {}, 0
    results = read_files([file for file, _ in files], preprocess, encoder, progress)
    for number, ((file, name), read) in enumerate(zip(files, results, strict=True)):
        if read.digest in seen:
            first, owner = seen[read.digest]
            read = ReadImage(None, f"the same image as {first}" + f", in another class ({owner})" * (owner != name))
        if read.canonical is None:
            left_out.append((file, read.reason))
            continue
        seen[read.digest] = (file, name)
        small += read.side < encoder.image_size
        images[len(kept)], thumbnails[len(kept)] = read.canonical, read.thumbnail
        kept.append((file, name))
        numbers_kept.append(number)
        if len(kept) % MANY_FILES == 0:
            let_go(images)

    counts = Counter(name for _, name in kept)
    is_in = np.array([counts[name] >= 2 for _, name in kept], dtype=bool)
    left_out += [
        (file, "the only usable image of its class") for (file, _), inside in zip(kept, is_in, strict=True) if not inside
    ]
    names = tuple(name for name in classes if counts[name] >= 2)
    if not names:
        raise ValueError(
            f"{str(folder)!r} has no class with two usable images"
            + (f"; {left_out[0][0]}: {left_out[0][1]}" if left_out else "")
        )
    numbers = {name: number for number, name in enumerate(names)}
    kept = [entry for entry, inside in zip(kept, is_in, strict=True) if inside]
    places = np.flatnonzero(is_in)
    for start in range(0, len(places), MANY_FILES):  # in place and bit by bit: the array may be larger than the memory
        part = places[start : start + MANY_FILES]
        images[start : start + len(part)] = images[part]
        thumbnails[start : start + len(part)] = thumbnails[part]
        let_go(images)
    images, thumbnails = images[: len(places)], thumbnails[: len(places)]
    sizes = [counts[name] for name in names]
    remarks = list(tree.remarks)
    if max(sizes) > 10 * min(sizes):
        remarks.append(f"classes are uneven, with {min(sizes):,} to {max(sizes):,} images: larger classes count for more")
    if small:
        remarks.append(f"{counted(small, 'image')} smaller than the {encoder.image_size} px that the network sees, enlarged")
    labels = np.array([numbers[name] for _, name in kept], dtype=np.int64)
    first, alike = near_duplicates(thumbnails)
    if alike:
        remarks.append(
            f"{counted(alike, 'image')} that look like at least {MOST_COPIES} others, kept in one part of the split"
        )
    found = FolderImages(
        images, labels, tuple(map(readable, names)), tuple(file for file, _ in kept), tuple(left_out), tuple(remarks), first,
        given[np.array(numbers_kept)[places]] if len(given) else None,
    )  # fmt: skip
    return dataclasses.replace(found, remarks=found.remarks + _describe(found.near_duplicates()))


def _describe(near: list[tuple[Path, Path, bool]]) -> tuple[str, ...]:
    """Remarks on near duplicates within and across classes, each with an example."""
    remarks = []
    for of_one_class, consequence in (
        (True, "of the class, kept in the same part of the split"),
        (False, "of another class, kept; if the two show the same, one of the classes is wrong"),
    ):
        if some := [(file, other) for file, other, is_same in near if is_same == of_one_class]:
            file, other = some[0]
            number = counted(len(some), "image")
            remarks.append(f"{number} nearly the same as an earlier one {consequence}: {file} is like {other}")
    return tuple(remarks)


def read_files(
    files: Sequence[Path], preprocess: PreprocessConfig, encoder: EncoderConfig, progress: bool = False
) -> Iterator[ReadImage]:
    """What is read of each file, in their order; `progress` shows a bar, at a terminal alone."""
    read = functools.partial(_read, preprocess=preprocess, image_size=encoder.image_size, channels=encoder.channels)
    at_once = max(1, min(64, BYTES_AT_ONCE // (encoder.image_size**2 * encoder.channels)))  # for a process
    is_hidden = None if progress else True  # None: where it is no terminal
    return iter(tqdm(_map(read, files, at_once), "reading images", len(files), leave=False, disable=is_hidden))


def _read(file: Path, preprocess: PreprocessConfig, image_size: int, channels: int) -> ReadImage:
    try:
        image = load_image(file)
        if min(image.size) < LEAST_SIDE:
            return ReadImage(None, f"it has {image.width}x{image.height} px, allowed: at least {LEAST_SIDE} a side")
        canonical, small = canonical_image(image, preprocess, image_size, channels), thumbnail(image, channels)
    except (ValueError, OSError, MemoryError) as error:
        return ReadImage(None, str(error) or type(error).__name__)
    return ReadImage(canonical, "", hashlib.blake2b(canonical.tobytes(), digest_size=16).digest(), max(image.size), small)


def _map(read, files: Sequence[Path], at_once: int) -> Iterator:
    pool = None
    with contextlib.suppress(OSError, ImportError):  # processes share semaphores, for which some containers have no place
        if len(files) >= MANY_FILES:
            # No more than the threads that a training is given: each process may hold a large picture.
            given = os.environ.get("OMP_NUM_THREADS", "")
            count = min(os.cpu_count(), max(1, int(given)) if given.isdigit() else os.cpu_count())
            pool = ProcessPoolExecutor(count, get_context("spawn"), _end_with_the_parent)
    if pool is None:
        yield from map(read, files)
        return
    others = set(active_children())
    with pool:
        try:
            results = deque()
            for place in range(0, len(files), at_once):
                with _without_ctrl_c():  # in the processes that are started here
                    # Not pool.map, which cancels what waits: of that, a killed pool makes a traceback in Python 3.11.
                    results.append(pool.submit(_read_each, read, files[place : place + at_once]))
                if len(results) == WAITING * os.cpu_count():  # a bounded number: results wait in memory
                    yield from results.popleft().result()
            while results:
                yield from results.popleft().result()
        except BrokenProcessPool as error:
            raise MemoryError(
                "a process that reads images was ended from outside, as is done where memory is short"
            ) from error
        except BaseException:  # of whoever wants no more; the processes would first read all that is waiting
            for process in set(active_children()) - others:
                process.kill()
            raise


def _read_each(read, files: Sequence[Path]) -> list[ReadImage]:
    return [read(file) for file in files]


@contextlib.contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Hold SIGINT back: processes started within never get it, for they inherit that; this one does afterwards."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with_the_parent() -> None:
    """In a process that reads: wait for no more work where the one that gives it has been killed."""

    def wait() -> None:
        parent_process().join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
