"""Characters that are no digits, as class folders for a model of digits to train on beside digits, an alphabet a class.

python tests/benchmarks/no_digits.py data/omniglot-background data/digits-and-signs

The first folder is Omniglot's images_background (Lake et al. 2015). A model of digits takes each sign for some digit; one
that saw others in training need not. It does not pay so far, see the README. Characters like digits would teach it that
digits are none, so one is used where at most `--most-alike` of its drawings are nearer than 0.3 to a digit of the model's
test. What was measured was chosen by the weights at 040c045 (`--model` takes a folder of them). Left out, to be measured on,
is every third alphabet, and Greek and Cyrillic, as the letters by stylus are.
"""

import argparse
import shutil
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).parents[2]))

from siamese import Verifier

NEAR = 0.3  # of the 1.4 between two digits
MEASURED_ON = ("Cyrillic", "Greek")


def main(argv: list[str] | None = None) -> int:
    """Copy the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("omniglot", type=Path, help="folder of alphabets")
    parser.add_argument("output", type=Path, help="folder to write")
    parser.add_argument("--model", default="digits", help="the model of digits that judges (default: digits)")
    parser.add_argument("--most-alike", type=int, default=8, help="drawings of a character (default: 8 of Omniglot's 20)")
    arguments = parser.parse_args(argv)

    verifier = Verifier.from_pretrained(arguments.model)
    alphabets = sorted(each for each in arguments.omniglot.iterdir() if each.is_dir())
    used = [each for place, each in enumerate(alphabets) if place % 3 and each.name not in MEASURED_ON]
    copied = 0
    for alphabet in tqdm(used, "alphabets", disable=None):
        for character in sorted(alphabet.iterdir()):
            files = sorted(character.glob("*.png"))
            if alike(verifier, files) <= arguments.most_alike:
                (arguments.output / alphabet.name).mkdir(parents=True, exist_ok=True)
                for file in files:
                    shutil.copy(file, arguments.output / alphabet.name / file.name)
                copied += len(files)
    print(f"{copied:,} drawings of {len(used)} alphabets in {arguments.output}")
    return 0


def alike(verifier: Verifier, files: list[Path]) -> int:
    """How many of the drawings are near to one that the model was tested on."""
    embeddings = verifier.embed([Image.open(file) for file in files])
    apart = np.linalg.norm(embeddings[:, None] - verifier.reference.embeddings[None], axis=2)  # (N, M)
    return int((apart.min(axis=1) < NEAR).sum())


if __name__ == "__main__":
    sys.exit(main())
