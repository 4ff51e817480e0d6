"""Arrays of images that may be larger than the memory."""

import tempfile

import numpy as np

MOST_IN_MEMORY = 1 << 28  # bytes of images; more go into a file on disk


def take_images(images: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """The images at these indices, in that order; in a file on disk where they are many."""
    if images[:1].nbytes * len(indices) <= MOST_IN_MEMORY:
        return np.asarray(images[indices])
    taken = allocate((len(indices), *images.shape[1:]))
    for start in range(0, len(indices), 10_000):
        taken[start : start + 10_000] = images[indices[start : start + 10_000]]
    return taken


def allocate(shape: tuple[int, ...]) -> np.ndarray:
    """An empty uint8 array, in memory or, where it is large, in a temporary file that is gone with the process."""
    if np.prod(shape) <= MOST_IN_MEMORY:
        return np.empty(shape, np.uint8)
    return np.memmap(tempfile.TemporaryFile(), np.uint8, "w+", shape=shape)
