"""Identification among many enrolled embeddings: against the bare matrix product, in turns, or by an index.

python tests/benchmarks/gallery.py
python tests/benchmarks/gallery.py --examples 1000000 --index --data-dir DIR

The first enrols random unit vectors. The second enrols the embeddings of MNIST's 10,000 test digits by the bundled `digits`,
each with many points around it: normal noise, half as long as it is from a digit to its nearest other one. So there are as
many as are wanted, and they lie as real ones do. Queries are 500 of its training digits, which are not enrolled. Recall is
the share of the nearest examples of an exact search that the index finds.
"""

import argparse
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
import torch

from siamese import Verifier
from siamese.data.datasets.mnist import load_mnist
from siamese.distances import distance_matrix
from siamese.gallery import Gallery
from siamese.images.canonical import canonical_images
from siamese.network import embed_all

QUERIES = 500


def main(argv: list[str] | None = None) -> int:
    """Enrol, identify, and print times, and with --index memory and recall."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=100_000, help="default: 100000")
    parser.add_argument("--classes", type=int, default=1000, help="default: 1000")
    parser.add_argument("--rounds", type=int, default=200, help="default: 200")
    parser.add_argument("--index", action="store_true", help="measure the index; see above")
    parser.add_argument("--data-dir", default="data", help="folder that holds MNIST/raw (default: data)")
    arguments = parser.parse_args(argv)
    return measure_index(arguments) if arguments.index else measure_exact(arguments)


def measure_exact(arguments: argparse.Namespace) -> int:
    """One query against the bare matrix product."""
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


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print how long it took, and the most memory of the process so far."""
    started, processor = time.perf_counter(), time.process_time()
    yield
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    seconds, used = time.perf_counter() - started, time.process_time() - processor
    print(f"{what}: {seconds:.1f} s ({used:.1f} s of processors), at most {most:.2f} GB so far", flush=True)


def measure_index(arguments: argparse.Namespace) -> int:
    """Enrol, save, load and identify with and without the index."""
    verifier = Verifier.from_pretrained()
    names, enrolled, queries = made_of_digits(verifier, arguments.data_dir, arguments.examples)
    gallery = Gallery(verifier)
    with timed(f"before it: {len(names):,} embeddings of {enrolled.shape[1]} numbers"):
        pass
    with timed("enrol"):
        gallery.enrol_all(names, enrolled)
    with timed("one exact search, the first"):
        gallery.identify_embedding(queries[0])
    exact, exact_times = answers(gallery, queries)
    with timed("make the index"):
        assert gallery.make_index(), "too few examples for an index"
    found, times = answers(gallery, queries)
    hits = [len(set(mine) & set(best)) / len(best) for mine, best in zip(found, exact, strict=True)]
    first = [mine[0] == best[0] for mine, best in zip(found, exact, strict=True)]
    print(
        f"identify, exact: {1000 * statistics.median(exact_times):.2f} ms; by the index: "
        f"{1000 * statistics.median(times):.2f} ms"
    )
    print(f"recall over {len(queries)} queries: {np.mean(first):.2%} of the nearest, {np.mean(hits):.2%} of the nearest 10")
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "gallery.safetensors"
        with timed("save"):
            gallery.save(path)
        print(", ".join(f"{file.name} {file.stat().st_size / 1e6:,.0f} MB" for file in sorted(path.parent.iterdir())))
        del gallery
        with timed("load, with the index"):
            loaded = Gallery.load(path, verifier, with_index=True)
        assert answers(loaded, queries[:20])[0] == found[:20]
    return 0


def made_of_digits(verifier: Verifier, data_dir: str, count: int) -> tuple[list[str], np.ndarray, np.ndarray]:
    """A name for each, embeddings (count, D), and queries (QUERIES, D)."""
    training, test = load_mnist(data_dir)
    preprocess, encoder = verifier.config.preprocess, verifier.config.encoder

    def embedded(images: np.ndarray) -> torch.Tensor:
        return embed_all(verifier.network, canonical_images(images, preprocess, encoder.image_size, encoder.channels))

    real = embedded(test.images)
    apart = distance_matrix(real[:1000])
    nearest = apart.fill_diagonal_(torch.inf).min(dim=1).values.median().item()
    generator = np.random.default_rng(0)
    scale = nearest / 2 / real.shape[1] ** 0.5
    rows = np.empty((count, real.shape[1]), np.float32)
    for start in range(0, count, len(real)):
        part = rows[start : start + len(real)]
        part[:] = real.numpy()[: len(part)]
        part += generator.standard_normal(part.shape, np.float32) * scale if start else 0
    names = [f"example {number}" for number in range(count)]  # each is a class of its own, as in `siamese find`
    return names, rows, embedded(training.images[:QUERIES]).numpy()


def answers(gallery: Gallery, queries: np.ndarray) -> tuple[list[list[str]], list[float]]:
    """The names of the 10 nearest examples of each query, and how long it took to find them."""
    found, times = [], []
    for query in queries:
        started = time.perf_counter()
        found.append([match.name for match in gallery.identify_embedding(query, top=10).matches])
        times.append(time.perf_counter() - started)
    return found, times


if __name__ == "__main__":
    sys.exit(main())
