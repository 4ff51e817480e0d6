"""Further images to train on, beside a dataset: in training alone, so that validation and test stay what they are."""

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from siamese.config import EncoderConfig, PreprocessConfig, counted, readable
from siamese.data.folders import read_folder
from siamese.data.labelled_images import LabelledImages, group_numbers, sources_of
from siamese.data.storage import allocate, let_go, take_images


@dataclass(frozen=True)
class Further:
    """Training images with further ones behind them, and what became of the others."""

    training: LabelledImages
    count: int  # of further images
    left_out: tuple[tuple[Path, str], ...]  # file and reason
    remarks: tuple[str, ...]


def with_further(
    training: LabelledImages,
    held_out: Sequence[LabelledImages],
    folder: str | Path,
    preprocess: PreprocessConfig,
    encoder: EncoderConfig,
) -> Further:
    """The training images, and those of a folder of class folders.

    A class of the folder is that of the same name in training, whose classes have their numbers for names where they have no
    others; one that is not there is new. Left out are classes that are held out, and images that are, to the pixel. Raises
    ValueError where no image of the folder is left.
    """
    found = read_folder(folder, preprocess, encoder, progress=True)
    known = training.names or _numbered(training)
    secret_names = {name for part in held_out for name in part.names or ()} - set(known)
    secret = {image.tobytes() for part in held_out for image in part.images}
    is_secret = [image.tobytes() in secret for image in found.images]
    is_left_out = np.array([name in secret_names for name in found.names])[found.labels] | is_secret
    chosen = np.flatnonzero(~is_left_out)
    if not len(chosen):
        raise ValueError(f"all images of {str(folder)!r} are in validation or test, allowed with --also: further ones")
    remarks = (f"{counted(len(chosen), 'further image')} to train on, from {Path(folder).name}", *found.remarks)
    if copies := int(is_left_out.sum()):
        what = counted(copies, "further image")
        remarks += (f"{what} left out: validation or test hold the same ones, or the class",)

    names = known + tuple(name for name in found.names if name not in known and name not in secret_names)
    numbers = np.array([names.index(name) if name in names else -1 for name in found.names])

    def joined(values: np.ndarray | None, more: np.ndarray) -> np.ndarray | None:
        return None if values is None else np.concatenate([values, more])

    joint = dataclasses.replace(
        training,
        images=_both(training.images, found.images, chosen),
        labels=np.concatenate([training.labels, numbers[found.labels[chosen]]]),
        has_copies=joined(training.has_copies, np.zeros(len(chosen), dtype=bool)),
        groups=None if training.groups is None else _groups(training.groups, names[len(known) :]),
        names=names if training.names or len(names) > len(known) else None,
        sources=joined(
            training.sources, sources_of(readable(os.path.relpath(found.files[each], folder)) for each in chosen)
        ),
    )
    return Further(joint, len(chosen), found.left_out, remarks)


def _numbered(training: LabelledImages) -> tuple[str, ...]:
    return tuple(map(str, range(int(training.labels.max()) + 1)))


def _both(images: np.ndarray, more: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The images, and those of the others that are chosen; in a file on disk where they are many."""
    both = allocate((len(images) + len(chosen), *images.shape[1:]))
    both[: len(images)] = images
    both[len(images) :] = take_images(more, chosen)
    let_go(images)
    return both


def _groups(groups: np.ndarray, more: tuple[str, ...]) -> np.ndarray:
    """The groups of the classes, and those of further ones, which are groups of their own."""
    return np.concatenate([groups, groups.max() + 1 + group_numbers(more)]) if more else groups
