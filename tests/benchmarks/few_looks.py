"""How often the class of a picture is not told from a few examples: by the nearest, by the mean, and by both together.

python tests/benchmarks/few_looks.py data/letters/capitals data/faces --model glyphs [--ways 20] [--looks 1 3 5]

Each folder holds class folders. 500 times, some of its classes are drawn, and of each so many examples and 3 other
pictures to recognise. `Gallery.identify` goes by the nearest example; with `prototypes`, by both.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).parents[2]))

from siamese import Verifier
from siamese.data.class_tree import find_classes
from siamese.distances import distance_matrix

DRAWS, QUERIES = 500, 3
RULES = ("nearest", "mean", "both")


def main(argv: list[str] | None = None) -> int:
    """Print a table, a row for each folder and number of examples."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", help="folders of class folders")
    parser.add_argument("--model", default="glyphs", help="a model folder, or a bundled one by name (default: glyphs)")
    parser.add_argument("--ways", type=int, default=20, help="classes to choose from (default: 20)")
    parser.add_argument("--looks", type=int, nargs="+", default=[1, 3, 5], help="examples of each (default: 1 3 5)")
    parser.add_argument("--most", type=int, default=60, help="pictures of a class that are used (default: 60)")
    arguments = parser.parse_args(argv)

    verifier = Verifier.from_pretrained(arguments.model)
    print(f"| pictures | examples | {' | '.join(RULES)} |\n{'| --- ' * (2 + len(RULES))}|")
    for folder in arguments.folders:
        classes = [
            torch.from_numpy(embeddings)
            for files in tqdm(find_classes(folder).values(), Path(folder).name, leave=False, disable=None)
            if len(embeddings := embedded(verifier, files[: arguments.most])) >= max(arguments.looks) + QUERIES
        ]
        ways = min(arguments.ways, len(classes))
        for looks in arguments.looks:
            wrong = error_rates(classes, ways, looks, np.random.default_rng(0))
            values = " | ".join(f"{100 * share:.2f}%" for share in wrong)
            print(f"| {Path(folder).name}, {len(classes)} classes, {ways} ways | {looks} | {values} |", flush=True)
    return 0


def embedded(verifier: Verifier, files: list[Path]) -> np.ndarray:
    """The embeddings of the files that are pictures with something on them (N, D)."""
    looks = []
    for file in files:
        try:
            looks.append(verifier.look(file).embedding)
        except ValueError as error:
            tqdm.write(f"left out {file}: {error}", file=sys.stderr)
    return np.array(looks)


def error_rates(classes: list[torch.Tensor], ways: int, looks: int, generator: np.random.Generator) -> np.ndarray:
    """The share of wrong answers by each of RULES."""
    wrong, right = np.zeros(len(RULES)), torch.arange(ways).repeat_interleave(QUERIES)
    for _ in range(DRAWS):
        examples, queries = [], []
        for number in generator.choice(len(classes), ways, replace=False):
            chosen = generator.permutation(len(classes[number]))[: looks + QUERIES]
            examples.append(classes[number][chosen[:looks]])
            queries.append(classes[number][chosen[looks:]])
        examples, queries = torch.stack(examples), torch.cat(queries)  # (ways, looks, D), (ways * QUERIES, D)
        nearest = distance_matrix(queries, examples.flatten(0, 1)).reshape(len(queries), ways, looks).amin(dim=2)
        to_mean = distance_matrix(queries, examples.mean(dim=1))
        for place, distances in enumerate((nearest, to_mean, nearest + to_mean)):
            wrong[place] += (distances.argmin(dim=1) != right).sum().item()
    return wrong / (DRAWS * ways * QUERIES)


if __name__ == "__main__":
    sys.exit(main())
