"""Labelled pairs of images, for those who know which pairs are the same, and have no classes.

A CSV file with the columns image_a, image_b and is_same names them; paths are relative to the file.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from siamese.config import EncoderConfig, PreprocessConfig, counted, shorten
from siamese.data.duplicates import SIDE, near_duplicates
from siamese.data.folders import read_files
from siamese.data.storage import allocate, take_images
from siamese.distances import paired_distance
from siamese.evaluation.bootstrap import Intervals, bootstrap_intervals_over_pairs
from siamese.evaluation.metrics import PairDistances
from siamese.evaluation.reliability import Block
from siamese.spreadsheets import place_of, read_table

COLUMNS = ("image_a", "image_b", "is_same")
ALLOWED_LABELS = ("1", "true", "yes", "0", "false", "no")
# Those, and what spreadsheets in other languages make of them.
SAME_WORDS = "1 true yes t y same wahr ja vrai oui verdadero si sí vero waar sant tosi prawda tak igaz doğru истина да"
OTHER_WORDS = "0 false no f n different falsch nein faux non falso onwaar nee falskt epätosi fałsz nie hamis yanliş ложь нет"
IS_SAME = dict.fromkeys(SAME_WORDS.split(), True) | dict.fromkeys(OTHER_WORDS.split(), False)
LEAST_OF_A_KIND = 2  # same pairs, and as many different ones: in each of training, validation and test
FEW_COMPONENTS = 20  # for a bootstrap: with fewer, images are drawn


@dataclass(frozen=True)
class LabelledPairs:
    """Images, and for some pairs of them whether the two are the same."""

    images: np.ndarray  # uint8 (N, H, W) or (N, H, W, 3)
    ends: np.ndarray  # int64 (P, 2): which two images
    is_same: np.ndarray  # bool (P,)

    def __len__(self) -> int:
        """Number of ends, 2P: what batches are drawn from."""
        return self.ends.size

    def take(self, pairs: np.ndarray) -> "LabelledPairs":
        """The pairs at these indices, and their images alone."""
        kept, ends = np.unique(self.ends[pairs], return_inverse=True)
        return LabelledPairs(take_images(self.images, kept), ends.reshape(-1, 2), self.is_same[pairs])

    def at_most(self, count: int, seed: int) -> "LabelledPairs":
        """A seeded draw of at most `count` pairs of each kind."""
        if max(self.is_same.sum(), (~self.is_same).sum()) <= count:
            return self
        order = np.random.default_rng(seed).permutation(len(self.is_same))
        kept = [order[self.is_same[order] == kind][:count] for kind in (False, True)]
        return self.take(np.sort(np.concatenate(kept)))

    def components(self) -> np.ndarray:
        """Which images are connected by pairs, of either kind: the number of its group for each image (N,)."""
        return _components(self.ends, len(self.images))

    def distances(self, embeddings: Tensor) -> PairDistances:
        """Distances of the pairs, from the embeddings (N, D) of the images."""
        distance = self._distance(embeddings)
        return PairDistances(np.sort(distance[self.is_same]), np.sort(distance[~self.is_same]))

    def intervals(self, embeddings: Tensor, threshold: float) -> Intervals:
        """95% intervals of the rates at `threshold`: bootstrap over `units`."""
        return bootstrap_intervals_over_pairs(self._distance(embeddings), self.is_same, self.units(), threshold)

    def block(self, embeddings: Tensor, ends: np.ndarray) -> Block:
        """All pairs, with the unit of each end, `ends` (P, 2)."""
        return Block(self._distance(embeddings), self.is_same, None, lambda pairs: tuple(ends[pairs].T))

    def units(self) -> np.ndarray:
        """What is independent of each other, for each end of each pair: connected groups, or, if few, images (P, 2)."""
        components = self.components()
        return components[self.ends] if components.max() + 1 >= FEW_COMPONENTS else self.ends

    def hardest(self, embeddings: Tensor, is_same: bool, count: int) -> list[tuple[int, int, float]]:
        """As siamese.evaluation.metrics.hardest_pairs, of the labelled pairs."""
        distance, chosen, used = self._distance(embeddings), [], set()
        candidates = np.flatnonzero(self.is_same == is_same)
        for pair in candidates[np.argsort(-distance[candidates] if is_same else distance[candidates], kind="stable")]:
            a, b = self.ends[pair].tolist()
            if len(chosen) < count and not {a, b} & used:
                chosen.append((a, b, float(distance[pair])))
                used |= {a, b}
        return chosen

    def _distance(self, embeddings: Tensor) -> np.ndarray:
        first, second = torch.from_numpy(self.ends).unbind(dim=1)
        return paired_distance(embeddings[first], embeddings[second]).numpy()


@dataclass(frozen=True)
class ReadPairs:
    """The usable pairs of a file, and what became of the others."""

    pairs: LabelledPairs
    first: np.ndarray  # int64 (N,), the first of the near duplicates of each image, which may be itself
    left_out: tuple[tuple[Path, str], ...]  # image file and reason
    remarks: tuple[str, ...]


def list_pairs(file: str | Path) -> list[tuple[int, Path, Path, bool]]:
    """The rows of a CSV file of pairs: line, the two image files, whether they are the same.

    As spreadsheets write it: with commas, semicolons or tabs, in UTF-8, UTF-16 or the code page of Windows, true and false
    in words of several languages or as 1.0 and 0.0, and rows that were emptied, which are passed over. Raises ValueError
    where the file cannot be read, lacks a column or a path, says neither yes nor no, or is empty.
    """
    file, rows = Path(file), []
    header, table = read_table(file, COLUMNS)
    if missing := [name for name in COLUMNS if name not in header]:
        raise ValueError(
            f"{str(file)!r} lacks the columns {', '.join(missing)}; its first line is {shorten(header)}, "
            f"expected: {','.join(COLUMNS)}"
        )
    for line, row in table:
        a, b, is_same = (row.get(name, "") for name in COLUMNS)
        if not a or not b:
            raise ValueError(f"{str(file)!r} line {line} has no {'image_b' if a else 'image_a'}")
        if (label := _read_label(is_same)) is None:
            raise ValueError(
                f"{str(file)!r} line {line}: is_same is {shorten(is_same)}, allowed: {', '.join(ALLOWED_LABELS)}"
            )
        rows.append((line, place_of(file.parent, a), place_of(file.parent, b), label))
    if not rows:
        raise ValueError(f"{str(file)!r} has no pairs")
    return rows


def _read_label(text: str) -> bool | None:
    """Whether a cell says that two images are the same; None where it says neither."""
    text = text.strip("'\"").casefold()
    with contextlib.suppress(ValueError):
        return {1.0: True, 0.0: False}.get(float(text.replace(",", ".")))
    return IS_SAME.get(text)


def image_files(file: str | Path) -> list[Path]:
    """The images that a CSV file of pairs names, sorted, each once. Raises ValueError as `list_pairs` does."""
    return sorted({path for _, a, b, _ in list_pairs(file) for path in (a, b)})


def read_pairs(file: str | Path, preprocess: PreprocessConfig, encoder: EncoderConfig, progress: bool = False) -> ReadPairs:
    """All usable pairs of a CSV file, their images made canonical; exact copies count as one image.

    Left out, with the reason: images that cannot be read or show nothing, and with them their pairs. Raises ValueError where
    a pair is called both same and different, or no pair of a kind remains.
    """
    rows = list_pairs(file)
    files = sorted({path for _, a, b, _ in rows for path in (a, b)})
    shape = (encoder.image_size, encoder.image_size) + ((3,) if encoder.channels == 3 else ())
    images = allocate((len(files), *shape))
    numbers, seen, left_out = {}, {}, []  # file -> image, digest -> image
    thumbnails = allocate((len(files), SIDE, SIDE, *shape[2:]))
    for path, read in zip(files, read_files(files, preprocess, encoder, progress), strict=True):
        if read.canonical is None:
            left_out.append((path, read.reason))
            continue
        numbers[path] = seen.setdefault(read.digest, len(seen))
        images[numbers[path]], thumbnails[numbers[path]] = read.canonical, read.thumbnail

    ends, is_same, remarks = link(file, rows, numbers, left_out)
    pairs = LabelledPairs(images[: len(seen)], ends, is_same)
    first, _ = near_duplicates(thumbnails[: len(seen)])
    if copies := int((first != np.arange(len(first))).sum()):
        remarks.append(f"{counted(copies, 'image')} nearly the same as another one, kept in the same part of the split")
    return ReadPairs(pairs, first, tuple(left_out), tuple(remarks))


def link(
    file: str | Path,
    rows: Sequence[tuple[int, Path, Path, bool]],
    numbers: Mapping[Path, int],
    left_out: Sequence[tuple[Path, str]],
    noun: str = "image",
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Pairs of `numbers`, which the files have: ends int64 (P, 2), is_same bool (P,), and remarks on what became of others.

    `rows` are those of `list_pairs`; one file may have the number of another, whose copy it is. Raises ValueError where a
    pair is called both same and different, or no pair of a kind remains.
    """
    found, twice, contradictions = {}, 0, []  # found: the two images -> is_same and line
    lost = itself = 0
    for line, a, b, is_same in rows:
        if a not in numbers or b not in numbers:
            lost += 1
            continue
        pair = tuple(sorted((numbers[a], numbers[b])))
        if pair[0] == pair[1] and not is_same:
            contradictions.append(f"line {line} says that {a.name} and {b.name} are different, but they are the same {noun}")
        elif pair[0] == pair[1]:
            itself += 1
        elif found.setdefault(pair, (is_same, line))[0] != is_same:
            contradictions.append(f"line {line} and line {found[pair][1]} contradict each other about {a.name} and {b.name}")
        elif found[pair][1] != line:
            twice += 1
    if contradictions:
        more = f" ({len(contradictions):,} such lines)" if len(contradictions) > 1 else ""
        raise ValueError(f"{str(file)!r} {contradictions[0]}{more}: correct the file")
    is_same = np.array([same for same, _ in found.values()], dtype=bool)
    if is_same.all() or not is_same.any():
        why = f"; {left_out[0][0]}: {left_out[0][1]}" if left_out else ""
        raise ValueError(
            f"{str(file)!r} has {is_same.sum():,} usable same and {(~is_same).sum():,} different pairs, allowed: at least 1 "
            f"of each{why}"
        )
    ends = np.array(list(found), dtype=np.int64)
    chains = _components(ends[is_same], int(ends.max()) + 1)[ends[~is_same]]
    in_a_chain = int((chains[:, 0] == chains[:, 1]).sum())
    one = f"{'an' if noun == 'image' else 'a'} {noun}"
    return (
        ends,
        is_same,
        [
            f"{counted(count, 'pair')} {text}"
            for count, text in (
                (lost, f"left out because {one} is"),
                (itself, f"of {one} with itself or with its copy, left out"),
                (twice, "listed more than once, counted once"),
                (in_a_chain, f"labelled different, although other pairs connect the two {noun}s as the same"),
            )
            if count
        ],
    )


def split_pairs(
    data: LabelledPairs, validation_share: float, test_share: float, seed: int, first: np.ndarray | None = None
) -> tuple[LabelledPairs, LabelledPairs, LabelledPairs]:
    """Training, validation and test that share no image: images that are connected by pairs stay together.

    So do near duplicates, where `first` (N,) names the first of those of each image. Shares are of the pairs, 0..1, of both
    kinds alike as far as these groups allow. Raises ValueError where a part gets too few.
    """
    copies = np.empty((0, 2), np.int64) if first is None else np.stack([np.arange(len(first)), first], axis=1)
    component = _components(np.concatenate([data.ends, copies]), len(data.images))[data.ends[:, 0]]  # (P,)
    component = np.unique(component, return_inverse=True)[1]
    counts = np.stack(
        [np.bincount(component[data.is_same == kind], minlength=component.max() + 1) for kind in (False, True)]
    )
    shares = np.array([1 - validation_share - test_share, validation_share, test_share])
    totals = counts.sum(axis=1)  # (2,)
    wanted = np.outer(shares, totals).tolist()  # (3, 2): falls as parts are filled
    order = np.random.default_rng(seed).permutation(counts.shape[1])
    order = order[np.argsort(-counts.sum(axis=0)[order], kind="stable")]  # large ones first: small ones fill the gaps
    part_of = np.empty(len(order), dtype=np.int64)
    for number, (different, same) in zip(order.tolist(), counts.T[order].tolist(), strict=True):
        part = max(range(3), key=lambda p: different * wanted[p][0] / totals[0] + same * wanted[p][1] / totals[1])
        wanted[part][0] -= different
        wanted[part][1] -= same
        part_of[number] = part
    parts = [np.flatnonzero(part_of[component] == part) for part in range(3)]
    for name, members in zip(("training", "validation", "test"), parts, strict=True):
        same, different = int(data.is_same[members].sum()), int((~data.is_same[members]).sum())
        if min(same, different) < LEAST_OF_A_KIND:
            raise ValueError(
                f"{name} would have {same:,} same and {different:,} different pairs, allowed: at least {LEAST_OF_A_KIND} of "
                f"each. No image may be in two parts, and pairs connect the images into {counted(len(order), 'group')} "
                f"of at most {int(counts.sum(axis=0).max()):,} pairs: add pairs of other images"
            )
    return tuple(data.take(members) for members in parts)


def _components(ends: np.ndarray, count: int) -> np.ndarray:
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(count, count))
    return connected_components(graph, directed=False)[1].astype(np.int64)
