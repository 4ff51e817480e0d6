"""Images that disagree with their class, as a model sees them: what its card says of them."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from siamese.config import UNSEEN_SPLITS, counted, one_line
from siamese.data.labelled_images import LabelledImages
from siamese.data.splits import Splits
from siamese.evaluation.disagreement import NEIGHBOURS, disagreements, draw
from siamese.inputs import reworded
from siamese.network import SiameseNetwork, embed_all

SHOWN = 20  # images
MOST_COMPARED = 30_000  # images, by a seeded draw: their distances are 0.9 billion
ROWS = "ROWS"  # where the table is filled in
LONGEST_NAME = 120  # characters of a file's name


@dataclass(frozen=True)
class DoubtfulImage:
    """An image that may be in the wrong class."""

    source: str  # the file, see siamese.data.labelled_images
    own: str  # its class
    looks_like: str  # the class that it looks like
    to_own: float  # see siamese.evaluation.disagreement
    to_others: float
    pictures: tuple[np.ndarray, np.ndarray]  # canonical: itself, and the nearest image of the class that it looks like


@dataclass(frozen=True)
class Doubtful:
    """The images that disagree with their class."""

    count: int
    compared: int  # of so many
    shown: tuple[DoubtfulImage, ...]  # those that disagree most, first

    @property
    def in_words(self) -> str:
        """How many there are, in a sentence without its end."""
        verb = "is" if self.count == 1 else "are"
        return f"{self.count:,} of {counted(self.compared, 'image')} {verb} nearer to another class than to their own"


def find_doubtful(
    network: SiameseNetwork, splits: Splits, validation: Tensor, test: Tensor, with_rotations: bool, seed: int
) -> Doubtful | None:
    """The images of all parts of the data that disagree with their class, at most MOST_COMPARED compared with each other.

    `validation` and `test` are the embeddings of these images. `with_rotations` says that three quarters of the training
    images are turned copies, which are passed over. None of labelled pairs, which have no classes.
    """
    if not isinstance(splits.training, LabelledImages):
        return None
    parts = {"training": (splits.training, None), "seen": (splits.seen, None)}
    parts |= {"validation": (splits.validation, validation), "test": (splits.test, test)}
    parts = {name: part for name, part in parts.items() if part[0] is not None}
    labels = _labels([part for part, _ in parts.values()], splits.record.split in UNSEEN_SPLITS)
    starts = np.cumsum([0, *map(len, labels)])
    usable = np.arange(starts[-1])
    if with_rotations:
        usable = np.delete(usable, slice(len(splits.training) // 4, len(splits.training)))
    labels = np.concatenate(labels)
    chosen = usable[draw(labels[usable], MOST_COMPARED, seed)]
    where = [chosen[(chosen >= start) & (chosen < end)] - start for start, end in itertools.pairwise(starts)]
    embeddings = torch.cat(
        [
            embed_all(network, part.take(places).images, progress="comparing classes")
            if known is None
            else known[torch.from_numpy(places)]
            for (part, known), places in zip(parts.values(), where, strict=True)
            if len(places)
        ]
    )
    count, found = disagreements(embeddings, torch.from_numpy(labels[chosen]), SHOWN)

    def of(image: int) -> tuple[str, LabelledImages, int]:
        number = int(np.searchsorted(starts, chosen[image], side="right")) - 1
        name = list(parts)[number]
        return name, parts[name][0], int(chosen[image] - starts[number])

    shown = []
    for image, nearest, to_own, to_others in found:
        (name, part, place), (_, other, other_place) = of(image), of(nearest)
        source = f"{name} {place}" if part.sources is None else str(part.sources[place])
        pictures = part.images[place].copy(), other.images[other_place].copy()
        classes = _class_name(part, place), _class_name(other, other_place)
        shown.append(DoubtfulImage(source, *classes, to_own, to_others, pictures))
    return Doubtful(count, len(chosen), tuple(shown))


def _labels(parts: Sequence[LabelledImages], are_apart: bool) -> list[np.ndarray]:
    """The classes of each part, which are numbered through where those of validation and test, the last two, are others."""
    if not are_apart:
        return [part.labels for part in parts]
    *same, validation, test = [part.labels for part in parts]
    first = max(int(labels.max()) for labels in same) + 1
    return [*same, validation + first, test + first + int(validation.max()) + 1]


def _class_name(part: LabelledImages, place: int) -> str:
    label = int(part.labels[place])
    return part.names[label] if part.names else str(label)


def in_card(doubtful: Doubtful | None, picture: str, noun: str = "image") -> str:
    """What a card says of these images; `picture` is the element that shows them. "" of labelled pairs.

    `noun` is what one of them is called, see siamese.inputs.
    """
    if doubtful is None:
        return ""
    if not doubtful.shown:
        return reworded(f"\n{doubtful.in_words.capitalize()}.\n", noun)
    rows = "\n".join(
        f"| {_cell(each.source)} | {_cell(each.own)} | {_cell(each.looks_like)} | {each.to_own:.3f} | {each.to_others:.3f} |"
        for each in doubtful.shown
    )
    which = "These are they" if doubtful.count == len(doubtful.shown) else f"These {len(doubtful.shown)} are so most"
    head, tail = f"""
{doubtful.in_words}: they may be in the wrong class, or hard to tell.
{which}. Distances are means over the {NEIGHBOURS} nearest images of each kind. Training images were fitted to
the class that they are in, so that fewer of them show.

| image | its class | looks like | distance to its class | to others |
| --- | --- | --- | --- | --- |
{ROWS}

**The same in this order, each beside the nearest image of the class that it looks like**

{picture}
""".split(ROWS)
    return reworded(head, noun) + rows + reworded(tail, noun)


def _cell(text: str) -> str:
    """Text that others wrote as a cell of a table, which it cannot break out of."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", one_line(text, LONGEST_NAME))
