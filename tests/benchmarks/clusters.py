"""Which way of grouping fits a threshold best: connected components, complete or average linkage.

python tests/benchmarks/clusters.py --data-dir DIR --faces FOLDER

Digits: test digits of MNIST by the bundled `digits`, and by `glyphs`, which never saw a digit.
Faces: hand-made features fitted to half of the people, then pictures of the others. Each in two halves of other images or
classes: the method is chosen on the first, and the second is what is reported. A pair of images is right where it is in one
group and of one class: precision is the share of pairs in one group that are of one class, recall the share of pairs of one
class that are in one group.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np

from siamese import Verifier
from siamese.commands import train
from siamese.data.class_tree import find_classes
from siamese.data.datasets.mnist import load_mnist
from siamese.embedded_files import embed_files
from siamese.evaluation.grouping import METHODS, groups

DIGITS = 2000  # of each half


def main(argv: list[str] | None = None) -> int:
    """Print a line for each kind of image, half and method."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", default="data", help="folder that holds MNIST/raw (default: data)")
    parser.add_argument("--faces", required=True, help="folder of people with pictures of each")
    arguments = parser.parse_args(argv)
    print("kind | half | method | classes | groups | precision | recall | F1")
    for kind, half, embeddings, labels, threshold in samples(arguments):
        for method in METHODS:
            found = groups(embeddings, threshold, method)
            right, together, of_one_class = pairs(found, labels)
            precision, recall = right / max(together, 1), right / of_one_class
            f1 = 2 * right / (together + of_one_class)
            print(
                f"{kind} | {half} | {method} | {labels.max() + 1} | {found.max() + 1} | {precision:.1%} | {recall:.1%} | "
                f"{f1:.1%}",
                flush=True,
            )
    return 0


def pairs(found: np.ndarray, labels: np.ndarray) -> tuple[int, int, int]:
    """Pairs in one group and of one class, pairs in one group, pairs of one class."""
    table = np.zeros((found.max() + 1, labels.max() + 1), np.int64)
    np.add.at(table, (found, labels), 1)
    return tuple(int((each * (each - 1) // 2).sum()) for each in (table, table.sum(axis=1), table.sum(axis=0)))


def samples(arguments: argparse.Namespace):
    """Kind, half, embeddings (N, D), labels (N,) and the model's own threshold."""
    _, test = load_mnist(arguments.data_dir)
    order = np.random.default_rng(0).permutation(len(test))
    for name in ("digits", "glyphs"):
        verifier = Verifier.from_pretrained(name)
        for half in (0, 1):
            some = order[half * DIGITS : (half + 1) * DIGITS]
            embeddings = verifier.embed(list(test.images[some]))
            yield f"digits by {name}", half + 1, embeddings, test.labels[some], verifier.config.calibration.threshold
    people = sorted(find_classes(arguments.faces).items())
    with tempfile.TemporaryDirectory() as name:
        for person, files in people[::2]:
            (Path(name) / "faces" / person).mkdir(parents=True)
            for file in files:
                (Path(name) / "faces" / person / file.name).symlink_to(file.resolve())
        train.main(["--dataset", f"{name}/faces", "--encoder", "hog", "--device", "cpu", "--output", f"{name}/model"])
        faces = Verifier.from_pretrained(f"{name}/model")
    others = people[1::2]
    for half, some in enumerate((others[::2], others[1::2]), 1):
        embeddings, labels = embedded(faces, dict(some))
        yield "faces", half, embeddings, labels, faces.config.calibration.threshold


def embedded(verifier: Verifier, classes: dict[str, list[Path]]) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings of the files of classes, and the number of the class of each."""
    files = [file for each in classes.values() for file in each]
    found = embed_files(verifier, files)
    labels = np.repeat(np.arange(len(classes)), [len(each) for each in classes.values()])
    kept = set(found.files)
    return found.embeddings, labels[[file in kept for file in files]]


if __name__ == "__main__":
    sys.exit(main())
