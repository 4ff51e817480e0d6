"""Russian and Kazakh letters that volunteers drew with a finger or a mouse, as class folders of pictures to train on.

git clone https://github.com/Aroaky/QMNIST qazaq-mnist
python tests/benchmarks/comnist.py qazaq-mnist/dataset data/letters

QazaqMNIST (CC BY-SA 4.0) has the 33 Russian letters of CoMNIST (G. Vial, CC BY-SA 4.0), each by hundreds of people, and the
nine that Kazakh adds. Nearly all are capitals, upright and cursive. Folders are named as Omniglot names its classes
(`Cyrillic/character01`), so that training joins what is one letter; a capital that is no larger small letter lies in
`capitals`.
"""

import argparse
import re
import sys
from pathlib import Path

from fonts import SCRIPTS, SHARED, SIDE
from PIL import Image
from tqdm import tqdm

OF_COMNIST = re.compile(r"[0-9a-f]{13}\.png")  # its own names; among what Kazakh people added are mislaid letters
LETTERS, LIKE_CAPITALS = SCRIPTS["Cyrillic"]


def main(argv: list[str] | None = None) -> int:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("letters", type=Path, help="a folder for each letter")
    parser.add_argument("output", type=Path, help="folder to write")
    arguments = parser.parse_args(argv)

    count, folders = 0, set()
    for letter in tqdm(sorted(arguments.letters.iterdir()), "letters", disable=None):
        folder = arguments.output / folder_of(letter.name)
        files = [
            file for file in sorted(letter.glob("*.png")) if OF_COMNIST.fullmatch(file.name) or letter.name not in LETTERS
        ]
        for file in files:
            folder.mkdir(parents=True, exist_ok=True)
            with Image.open(file) as image:
                image.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX).save(folder / f"comnist-{file.name}")
            count += 1
        folders.update([folder] if files else [])
    print(f"{count:,} pictures of {len(folders)} signs")
    return 0


def folder_of(letter: str) -> str:
    """The class folder of a small letter that stands for both its sizes."""
    if letter not in LETTERS:
        return f"Kazakh/{letter}"
    capital = letter.upper()
    is_alike = letter in LIKE_CAPITALS
    return f"Cyrillic/character{LETTERS.index(letter) + 1:02}" if is_alike else f"capitals/{SHARED.get(capital, capital)}"


if __name__ == "__main__":
    sys.exit(main())
