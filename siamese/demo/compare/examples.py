"""Pairs to try, of the kind that a model knows, each called by what the model makes of it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from siamese.data.class_tree import find_classes
from siamese.data.datasets import is_of_digits
from siamese.data.datasets.mnist import load_sample_digits
from siamese.demo.compare import view
from siamese.demo.compare.occlusion import distance_drivers
from siamese.demo.compare.opening import drawing
from siamese.demo.compare.symbols import SYMBOLS
from siamese.demo.compare.understand import overlay
from siamese.verifier import Verifier
from siamese.visitors.task import SAMPLE
from siamese.visitors.workspace import Workspace

# Pairs of test digits (indices into load_sample_digits()) and what to say of them; the last two fool the bundled model.
EXAMPLES = [
    (636, 766, "Easy"),
    (374, 143, "Easy"),
    (232, 339, "Hard"),
    (824, 969, "Hard"),
    (17, 191, view.FOOLED),
    (353, 72, view.FOOLED),
]
REASON_SIDE = 84  # px, about what a card shows
MOST_CLASSES, MOST_OF_CLASS = 12, 4  # of one's own that are looked through for pairs
NONE = '<p class="hint">There are no examples for this model, which came without pictures: draw or upload two.</p>'


@dataclass(frozen=True)
class Examples:
    """Pairs of images, and their HTML."""

    pairs: tuple[tuple[np.ndarray, np.ndarray], ...]  # uint8 (H, W) or (H, W, 3)
    cards: str


def examples(verifier: Verifier, own: Workspace | None = None) -> Examples:
    """What a model is tried with: digits or symbols where it was trained on such, the visitor's own pictures where it was
    trained on these, and nothing where it is of anything else."""
    data = verifier.config.data
    if is_of_digits(data):
        return _called(verifier, "digits", *load_sample_digits(), EXAMPLES)
    if Path(data.dataset).name.startswith("omniglot"):
        images = np.stack([np.asarray(drawing(strokes)) for pair in SYMBOLS.values() for strokes in pair])
        labels = np.repeat(list(SYMBOLS), 2)
        return _called(verifier, "symbols", images, labels, pairs_among(verifier, images, labels))
    if own and own.model is verifier and (brought := _brought(verifier, own)):
        return _called(verifier, "pictures of yours", *brought, pairs_among(verifier, *brought))
    return Examples((), NONE)


def pairs_among(verifier: Verifier, images: np.ndarray, labels: np.ndarray) -> list[tuple[int, int, str]]:
    """Of all pairs of images (N, H, W[, 3]) with labels (N,), the easiest, the hardest that are judged rightly, and those
    that fool the model most: at most one each of a class and of two."""
    embeddings, threshold = verifier.embed(images), verifier.config.calibration.threshold
    first, second = np.triu_indices(len(images), 1)
    distances = np.linalg.norm(embeddings[first] - embeddings[second], axis=1)  # (N (N - 1) / 2,)
    order, is_same = np.argsort(distances), labels[first] == labels[second]
    found = []
    for level, is_right, hardest in (("Easy", True, False), ("Hard", True, True), (view.FOOLED, False, True)):
        for kind in (True, False):
            fitting = order[(is_same == kind)[order] & (((distances <= threshold) == is_same) == is_right)[order]]
            # The farthest of a class are the hardest, and the nearest of two.
            pair = fitting[-1 if kind == hardest else 0] if len(fitting) else None
            if pair is not None and (first[pair], second[pair]) not in [each[:2] for each in found]:
                found.append((int(first[pair]), int(second[pair]), level))
    return found


def _called(verifier: Verifier, kind: str, images: np.ndarray, labels: np.ndarray, pairs: list) -> Examples:
    """The pairs, each called by what this model makes of it."""
    shown, reasons = [], {}
    for number, (first, second, level) in enumerate(pairs):
        seen = [verifier.canonical(images[index]) for index in (first, second)]
        is_right = verifier.verify(*seen).is_same == (labels[first] == labels[second])
        shown.append((first, second, view.FOOLED if not is_right else "Hard" if level == view.FOOLED else level))
        if not is_right:
            effects = distance_drivers(verifier, *seen)
            reasons[number] = [overlay(*each, effects, REASON_SIDE) for each in zip(seen, effects, strict=True)]
    cards = view.examples(shown, images, labels, kind, reasons)
    return Examples(tuple((images[first], images[second]) for first, second, _ in shown), cards)


def _brought(verifier: Verifier, own: Workspace) -> tuple[np.ndarray, np.ndarray] | None:
    """Some of the pictures that the visitor's model was trained and tested on, as it sees them, and their classes."""
    images, labels = [], []
    try:
        with own.lend() as checked:
            if checked.dataset == SAMPLE:
                return None
            for name, files in list(find_classes(checked.dataset).items())[:MOST_CLASSES]:
                images += [verifier.canonical(file) for file in files[:MOST_OF_CLASS]]
                labels += [name] * len(files[:MOST_OF_CLASS])
    except (ValueError, OSError):  # they are gone or others by now, or one of them cannot be read
        return None
    return np.stack(images), np.array(labels)
