"""Embeddings of many picture files: read by all processors, encoded some at a time, kept on the way if asked for."""

import contextlib
import itertools
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from siamese.config import parse_json
from siamese.data.duplicates import SIDE
from siamese.data.folders import read_files
from siamese.data.storage import allocate
from siamese.model_folder.files import WriteError
from siamese.training.lock import alone_in
from siamese.verifier import Verifier

AT_ONCE = 256  # pictures that are encoded, and kept, in one go


@dataclass(frozen=True)
class EmbeddedFiles:
    """The files that could be read, with their embeddings, and the others."""

    files: list[Path]  # (N,)
    embeddings: np.ndarray  # float32 (N, D); in a file on disk where that was asked for
    left_out: list[tuple[Path, str]]  # file and reason
    thumbnails: np.ndarray | None = None  # uint8 (N, SIDE, SIDE[, 3]), see siamese.data.duplicates


def embed_files(verifier: Verifier, files: Sequence[Path], progress: bool = False) -> EmbeddedFiles:
    """The embeddings of picture files, as `Verifier.embed` gives them, and their thumbnails, all in memory."""
    colours = (3,) if verifier.config.encoder.channels == 3 else ()
    embeddings = np.empty((len(files), verifier.config.encoder.embedding_dim), np.float32)
    thumbnails = allocate((len(files), SIDE, SIDE, *colours))
    kept, left_out = [], []
    for part in _in_parts(verifier, files, progress):
        place = slice(len(kept), len(kept) + len(part.files))
        embeddings[place] = part.embeddings
        if part.files:
            thumbnails[place] = part.thumbnails
        kept += part.files
        left_out += part.left_out
    return EmbeddedFiles(kept, embeddings[: len(kept)], left_out, thumbnails[: len(kept)])


def _in_parts(verifier: Verifier, files: Sequence[Path], progress: bool) -> Iterator[EmbeddedFiles]:
    """AT_ONCE files at a time, or fewer."""
    config = verifier.config
    results = zip(files, read_files(files, config.preprocess, config.encoder, progress), strict=True)
    while some := list(itertools.islice(results, AT_ONCE)):
        usable = [(file, read) for file, read in some if read.canonical is not None]
        left_out = [(file, read.reason) for file, read in some if read.canonical is None]
        embeddings = np.empty((0, config.encoder.embedding_dim), np.float32)
        if usable:
            embeddings = verifier.embed_canonical(np.stack([read.canonical for _, read in usable]))
        thumbnails = np.stack([read.thumbnail for _, read in usable]) if usable else None
        yield EmbeddedFiles([file for file, _ in usable], embeddings, left_out, thumbnails)


class UnfinishedEmbeddings:
    """A folder that holds the embeddings so far of many files, for one process at a time, within `with`.

    `rows.jsonl` says of each file that is done its size and time of change, and why it was left out, if it was;
    `embeddings.f32` has the embeddings of the others, one after the other. Both are only ever added to, embeddings first, so
    that what a killed process left is as good as what an interrupted one left.
    """

    def __init__(self, folder: Path, verifier: Verifier) -> None:
        self.folder = folder
        self.verifier = verifier
        self.done: dict[str, tuple[int, int, str | None, int]] = {}  # name -> size, time, reason, row of the embeddings
        self._count = 0  # embeddings

    def __enter__(self) -> "UnfinishedEmbeddings":
        """Raises ValueError where another process is at it, WriteError."""
        with contextlib.ExitStack() as opened:
            opened.enter_context(alone_in(self.folder, ".lock", "writes embeddings into"))
            try:
                self._rows = opened.enter_context((self.folder / "rows.jsonl").open("a+b"))
                self._embeddings = opened.enter_context((self.folder / "embeddings.f32").open("a+b"))
            except OSError as error:
                raise WriteError(self.folder, error) from error
            self._read()
            self._opened = opened.pop_all()
        return self

    def __exit__(self, *_) -> None:
        self._opened.close()

    def _read(self) -> None:
        """Take what is there, as far as it is whole and of this model; the rest goes."""
        width = 4 * self.verifier.config.encoder.embedding_dim
        about = {"model": self.verifier.network.fingerprint()}
        whole, stored = 0, os.fstat(self._embeddings.fileno()).st_size // width
        self._rows.seek(0)
        for number, text in enumerate(self._rows):
            try:
                row = parse_json(text.decode("utf-8"))
                if number == 0 and row != about:
                    break
                if number:
                    name, size, changed, reason = row
                    if reason is None and self._count == stored:
                        break
                    self.done[name] = (size, changed, reason, self._count)
                    self._count += reason is None
            except (ValueError, TypeError):
                break
            if not text.endswith(b"\n"):
                break
            whole += len(text)
        self._rows.truncate(whole)
        self._embeddings.truncate(self._count * width)
        if not whole:
            self._add([about])

    def _add(self, rows: list) -> None:
        self._rows.seek(0, os.SEEK_END)
        self._rows.write("".join(json.dumps(row) + "\n" for row in rows).encode("utf-8"))
        self._rows.flush()

    def add(self, files: Sequence[Path], progress: bool = False) -> int:
        """Embed those of the files that are not done, or have changed since. The number of files that were done already.

        Raises WriteError where there is no room.
        """
        stamps = [_stamp(file) for file in files]
        missing = [file for file, stamp in zip(files, stamps, strict=True) if self._stamp_done(file) != stamp]
        stamp_of = dict(zip(map(str, files), stamps, strict=True))
        with contextlib.closing(_in_parts(self.verifier, missing, progress)) as parts:
            for part in parts:
                try:
                    self._embeddings.write(np.ascontiguousarray(part.embeddings).tobytes())
                    self._embeddings.flush()
                    rows = [(file, None) for file in part.files] + part.left_out
                    self._add([(str(file), *stamp_of[str(file)], reason) for file, reason in rows])
                except OSError as error:
                    raise WriteError(self.folder, error) from error
                for file, reason in rows:
                    self.done[str(file)] = (*stamp_of[str(file)], reason, self._count)
                    self._count += reason is None
        return len(files) - len(missing)

    def _stamp_done(self, file: Path) -> tuple[int, int] | None:
        found = self.done.get(str(file))
        return found and found[:2]

    def of(self, files: Sequence[Path]) -> EmbeddedFiles:
        """The embeddings of these files, all of which were added, in their order, in a file on disk."""
        usable = [file for file in files if self.done[str(file)][2] is None]
        left_out = [(file, reason) for file in files if (reason := self.done[str(file)][2]) is not None]
        dim = self.verifier.config.encoder.embedding_dim
        stored = (
            np.memmap(self._embeddings, np.float32, "r", shape=(self._count, dim))
            if self._count
            else np.empty((0, dim), np.float32)
        )
        places = np.array([self.done[str(file)][3] for file in usable], np.int64)
        if not np.array_equal(places, np.arange(self._count)):  # files that changed, or another order
            stored = stored[places]
        return EmbeddedFiles(usable, stored, left_out)


def joined(parts: Sequence[EmbeddedFiles], folder: Path) -> EmbeddedFiles:
    """Parts without thumbnails as one, whose embeddings lie in `folder` on disk where there are several."""
    if len(parts) == 1:
        return parts[0]
    counts = [len(part.files) for part in parts]
    if not sum(counts):
        return EmbeddedFiles([], parts[0].embeddings, [each for part in parts for each in part.left_out])
    try:
        whole = np.memmap(folder / "joined.f32", np.float32, "w+", shape=(sum(counts), parts[0].embeddings.shape[1]))
        for end, part in zip(itertools.accumulate(counts), parts, strict=True):
            whole[end - len(part.files) : end] = part.embeddings
    except OSError as error:
        raise WriteError(folder, error) from error
    return EmbeddedFiles(
        [file for part in parts for file in part.files], whole, [each for part in parts for each in part.left_out]
    )


def _stamp(file: Path) -> tuple[int, int]:
    try:
        found = file.stat()
    except OSError:
        return 0, 0  # reading it will say why not
    return found.st_size, found.st_mtime_ns
