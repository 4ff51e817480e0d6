"""The demo: two images in, "same" or "different" out. The same as `siamese demo`; all of it is in siamese/demo.

python app.py                         # the bundled weights, no network needed
SIAMESE_MODEL=user/name python app.py # a model folder or a Hub repository, with @revision if need be
"""

import contextlib
import sys

with contextlib.suppress(ImportError):  # there on Spaces only; for ZeroGPU it has to come before torch
    import spaces  # noqa: F401

from siamese.demo import command


def main(argv: list[str] | None = None) -> int:
    """See siamese.demo.command."""
    return command.main(argv, program="app.py")


if __name__ == "__main__":
    sys.exit(main())
