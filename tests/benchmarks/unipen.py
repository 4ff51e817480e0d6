"""Characters that hundreds of people drew on tablets, as class folders of pictures to train on.

python tests/benchmarks/unipen.py train_r01_v07 data/unipen-digits --kinds digits --most 2000

The first folder is UNIPEN's first release (Guyon et al. 1994, doi 10.5281/zenodo.1195803, CC BY 4.0), whose strokes were
recorded with the lifts of the pen, in several countries. Each isolated character becomes a picture of 100 px in the folder
of its sign, drawn with a brush of random width; of more than `--most` of a sign, all writers keep about as many.
Folders are named as Omniglot names its classes (`Latin/character01`), so that training joins what is one letter. A capital
that is but a larger small letter lies with it, as pictures are scaled to one size; the others lie in `capitals`.
"""

import argparse
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).parents[1]))

from tablet import Drawing

KINDS = {"digits": "1a", "capitals": "1b", "small": "1c"}
# Those who gave characters whose strokes are counted as the format says: the others' would be of other characters.
GIVEN_BY = ("aga", "apa", "apb", "app", "art", "ced", "gmd", "ibm", "imp", "syn", "uqb", "val")
LATIN = "abcdefghijklmnopqrstuvwxyz"  # in the order of Omniglot's Latin
LIKE_CAPITALS, UNCLEAR = "ckopsuvwxyz", "ijln"  # small letters; of the latter, some are like several letters
THIN, STROKES = 5, "1Il"  # what is so many times as long as wide is a part of a sign, but for these, if they stand upright
BRUSHES, SIZE, CANVAS, SIDE = (8.0, 40.0), 240, 400, 100  # px; SIDE is that of the picture
SEGMENT = re.compile(r'\.SEGMENT\s+CHARACTER\s+(\d+)(?:-(\d+))?\s+\S+\s+"(\w)"')


def main(argv: list[str] | None = None) -> int:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("release", type=Path, help="the folder that holds data/ and include/")
    parser.add_argument("output", type=Path, help="folder to write")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=["digits"], help="which characters")
    parser.add_argument("--most", type=int, default=2000, help="pictures of each sign")
    arguments = parser.parse_args(argv)

    found: dict[str, list[Drawing]] = defaultdict(list)
    for kind in arguments.kinds:
        folders = [arguments.release / "data" / KINDS[kind] / maker for maker in GIVEN_BY]
        for file in tqdm(sorted(file for folder in folders for file in folder.rglob("*.dat")), kind, disable=None):
            for drawing in drawings(file, arguments.release / "include"):
                if (name := folder_of(drawing.sign, kind)) and is_whole(drawing):
                    found[name].append(drawing)
    generator, count, writers = np.random.default_rng(0), 0, set()
    for name in tqdm(sorted(found), "pictures", disable=None):
        (arguments.output / name).mkdir(parents=True, exist_ok=True)
        shuffled = [found[name][each] for each in generator.permutation(len(found[name]))]
        for number, drawing in enumerate(in_turn(shuffled)[: arguments.most]):
            brush = float(np.exp(generator.uniform(*np.log(BRUSHES))))
            picture = drawing.render(brush, SIZE, CANVAS).resize((SIDE, SIDE), Image.Resampling.BOX)
            picture.save(arguments.output / name / f"{number:04}.png")
            writers.add(drawing.writer)
            count += 1
    print(f"{count:,} pictures of {len(found)} signs by {len(writers)} hands")
    return 0


def folder_of(sign: str, kind: str) -> str:
    """The class folder of a sign, "" where it is left out."""
    if kind == "digits":
        return sign if sign in "0123456789" else ""
    if not (sign.isascii() and sign.isalpha()) or sign in UNCLEAR:
        return ""
    small = sign.lower()
    return f"Latin/character{LATIN.index(small) + 1:02}" if sign == small or small in LIKE_CAPITALS else f"capitals/{sign}"


def is_whole(drawing: Drawing) -> bool:
    """Whether it is no dot or dash, as is left of some signs."""
    width, height = np.ptp(np.concatenate(drawing.strokes), axis=0)
    thin = max(width, height) > THIN * min(width, height)
    return max(width, height) > 0 and (not thin or (drawing.sign in STROKES and height > width))


def in_turn(drawings: list[Drawing]) -> list[Drawing]:
    """The drawings sorted so that all writers come once before any comes twice."""
    count: Counter[str] = Counter()
    turns = []
    for drawing in drawings:
        turns.append(count[drawing.writer])
        count[drawing.writer] += 1
    return [drawings[each] for each in np.argsort(turns, kind="stable")]


def drawings(file: Path, include: Path) -> Iterator[Drawing]:
    """The characters of a file. It names them by the numbers of their strokes, which are in files that it includes."""
    strokes, writer, is_down = [], file.stem, False
    for line in lines(file, include):
        words = line.split()
        if words[0] in (".PEN_DOWN", ".PEN_UP"):
            is_down = words[0] == ".PEN_DOWN"
            strokes += [[] for _ in range(is_down)]
        elif words[0] == ".WRITER_ID":
            writer = " ".join(words[1:])
        elif found := SEGMENT.match(line):
            first, last, sign = found.groups()
            parts = [np.array(each, float) * [1, -1] for each in strokes[int(first) : int(last or first) + 1] if each]
            if parts:
                yield Drawing(writer, "", sign, tuple(parts))
        elif is_down and not words[0].startswith(".") and len(words) >= 2:
            strokes[-1].append(words[:2])


def lines(file: Path, include: Path) -> Iterator[str]:
    """The lines of a file, with those of the files that it includes in their place."""
    for line in file.read_text("latin-1").splitlines():
        if line.startswith(".INCLUDE"):
            if (other := include / line.split()[1]).is_file():
                yield from lines(other, include)
        elif line.strip():
            yield line


if __name__ == "__main__":
    sys.exit(main())
