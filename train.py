"""The command line of training, the same as `siamese train`; `python train.py --help` explains every flag."""

import sys

from siamese.commands.train import main

if __name__ == "__main__":
    sys.exit(main())
