"""Identification among many enrolled embeddings, against the bare matrix product, in turns.

python tests/benchmarks/gallery.py
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import torch

from siamese import Verifier
from siamese.gallery import Gallery


def main(argv: list[str] | None = None) -> int:
    """Enrol random unit vectors, identify, and print the ratio of times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=100_000, help="default: 100000")
    parser.add_argument("--classes", type=int, default=1000, help="default: 1000")
    parser.add_argument("--rounds", type=int, default=200, help="default: 200")
    arguments = parser.parse_args(argv)
    verifier = Verifier.from_pretrained()
    dim = verifier.config.encoder.embedding_dim
    gallery = Gallery(verifier)
    generator = torch.Generator().manual_seed(0)
    for index in range(arguments.classes):
        rows = torch.randn(arguments.examples // arguments.classes, dim, generator=generator)
        gallery.enrol_embeddings(f"class {index}", torch.nn.functional.normalize(rows))
    queries = torch.nn.functional.normalize(torch.randn(arguments.rounds, dim, generator=generator))
    embeddings = gallery.embeddings
    gallery.identify_embedding(queries[0])
    own, bare = [], []
    for query in queries:
        started = time.perf_counter()
        gallery.identify_embedding(query)
        between = time.perf_counter()
        embeddings @ query
        own.append(between - started)
        bare.append(time.perf_counter() - between)
    print(
        f"one query among {len(gallery):,} embeddings of {dim} numbers: {1000 * statistics.median(own):.2f} ms, "
        f"{statistics.median(o / b for o, b in zip(own, bare, strict=True)):.2f} times the bare matrix product"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
