"""Which parts of two images drive the distance between them: each part is hidden in turn (Zeiler and Fergus 2014)."""

import numpy as np

from siamese.verifier import Verifier

GRID = 7  # places per side


def distance_drivers(verifier: Verifier, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each of GRID x GRID places of both images, how much nearer the pair is while the place is hidden.

    The images are what the network sees, uint8 (H, W) or (H, W, 3), from `Verifier.canonical`. Returns float32 (GRID, GRID)
    each, in units of distance: above 0 where the place sets the two apart, below 0 where it makes them alike. All hidden
    images go through the encoder in one batch.
    """
    hidden = np.concatenate([_hide_each(first), _hide_each(second), first[None], second[None]])
    embeddings = verifier.embed_canonical(hidden)  # (2 * GRID^2 + 2, D)
    a, b = embeddings[-2], embeddings[-1]
    count = GRID * GRID
    distance = np.linalg.norm(a - b)
    without_a = np.linalg.norm(embeddings[:count] - b, axis=1)
    without_b = np.linalg.norm(embeddings[count : 2 * count] - a, axis=1)
    return tuple((distance - part).astype(np.float32).reshape(GRID, GRID) for part in (without_a, without_b))


def _hide_each(image: np.ndarray) -> np.ndarray:
    """Copies of an image, uint8 (GRID^2, H, W[, 3]), each with one place covered by what is at the image's rim."""
    size = len(image)
    rim = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    cover = np.median(rim, axis=0).astype(np.uint8)
    half = size / GRID  # a place is two cells wide, so that neighbours overlap and no stroke falls between them
    copies = np.repeat(image[None], GRID * GRID, axis=0)
    for number, copy in enumerate(copies):
        row, column = ((index + 0.5) * half for index in divmod(number, GRID))
        rows, columns = (slice(max(round(middle - half), 0), round(middle + half)) for middle in (row, column))
        copy[rows, columns] = cover
    return copies
