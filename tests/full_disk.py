"""A disk that is full, without a disk to fill: the system refuses to let a file grow beyond a size."""

import contextlib
import resource
from collections.abc import Iterator

REASON = "File too large"  # as "No space left on device" on a disk


@contextlib.contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Within, no file of this process and of those that it starts gets larger than `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
