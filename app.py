"""The demo: two images in, "same" or "different" out. All of it is in siamese/demo.

python app.py                         # the bundled weights, no network needed
SIAMESE_MODEL=user/name python app.py # a model folder or a Hub repository, with @revision if need be
"""

import contextlib
import sys

with contextlib.suppress(ImportError):  # there on Spaces only; for ZeroGPU it has to come before torch
    import spaces  # noqa: F401

from siamese.demo.command import main

if __name__ == "__main__":
    sys.exit(main())
