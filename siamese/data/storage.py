"""Arrays of images that may be larger than the memory."""

import errno
import mmap
import os
import tempfile

import numpy as np

MOST_IN_MEMORY = 1 << 28  # bytes of images; more go into a file on disk
AT_ONCE = 1 << 27  # bytes of images that are copied before they are let go


def take_images(images: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """The images at these indices, in that order; in a file on disk where they are many."""
    if images[:1].nbytes * len(indices) <= MOST_IN_MEMORY:
        return np.asarray(images[indices])
    taken = allocate((len(indices), *images.shape[1:]))
    at_once = max(1, AT_ONCE // images[:1].nbytes)
    for start in range(0, len(indices), at_once):
        taken[start : start + at_once] = images[indices[start : start + at_once]]
        let_go(images)
        let_go(taken)
    return taken


def let_go(images: np.ndarray) -> None:
    """Take what has been used of these images out of memory, where they are in a file; what is used again is read again.

    To be called every now and then by what goes through many of them. Nothing is lost, whoever else uses them.
    """
    while isinstance(images, np.ndarray):
        if isinstance(images.base, mmap.mmap):
            if hasattr(mmap, "MADV_DONTNEED"):  # not on every system
                images.base.madvise(mmap.MADV_DONTNEED)
            return
        images = images.base


def allocate(shape: tuple[int, ...]) -> np.ndarray:
    """An empty uint8 array, in memory or, where it is large, in a temporary file that is gone with the process.

    Raises OSError where there is no room for it.
    """
    if np.prod(shape) <= MOST_IN_MEMORY:
        return np.empty(shape, np.uint8)
    size = int(np.prod(shape))
    try:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the array
        _reserve(file.fileno(), size)
    except OSError as error:
        raise OSError(
            f"the images need {size:,} bytes in the folder for temporary files, {tempfile.gettempdir()}: {error.strerror}. "
            "The variable TMPDIR names another folder"
        ) from error
    return np.memmap(file, np.uint8, "w+", shape=shape)


def _reserve(descriptor: int, size: int) -> None:
    """Take the space now: a disk that is full when a mapped page is written ends the process without a word."""
    try:
        os.posix_fallocate(descriptor, 0, size)
    except AttributeError:  # not on this system
        pass
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
