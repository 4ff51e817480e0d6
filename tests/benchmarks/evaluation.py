"""Time and peak memory of the exact evaluation: embeddings of all test images, all their pairs, every metric.

python tests/benchmarks/evaluation.py --data-dir data [--model FOLDER]
"""

import argparse
import resource
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[2]))

from siamese import Verifier
from siamese.data.datasets import load_dataset
from siamese.evaluation.bootstrap import bootstrap_intervals
from siamese.evaluation.calibration import measure
from siamese.evaluation.metrics import pair_distances
from siamese.images.canonical import to_tensor
from siamese.network import embed_all


def main(argv: list[str] | None = None) -> int:
    """Print the seconds of each part, their sum and the peak memory of the whole process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="mnist", help="default: mnist")
    parser.add_argument("--data-dir", default="data", help="folder of datasets (default: data)")
    parser.add_argument("--model", help="model folder (default: the bundled digits)")
    arguments = parser.parse_args(argv)

    verifier = Verifier.from_pretrained(arguments.model)
    calibration = verifier.config.calibration
    _, test = load_dataset(arguments.dataset, arguments.data_dir, verifier.config.preprocess, verifier.config.encoder)
    labels = torch.from_numpy(test.labels)
    seconds = {}

    def timed(name: str, call):
        start = time.perf_counter()
        result = call()
        seconds[name] = time.perf_counter() - start
        return result

    embeddings = timed("embeddings", lambda: embed_all(verifier.network, to_tensor(test.images)))
    pairs = timed("all distances, sorted", lambda: pair_distances(embeddings, labels))
    intervals = timed("bootstrap intervals", lambda: bootstrap_intervals(embeddings, labels, calibration.threshold))
    metrics = timed("metrics", lambda: measure(pairs, calibration, intervals))
    for name, value in seconds.items():
        print(f"{name:22}  {value:6.2f} s")
    print(f"{'in all':22}  {sum(seconds.values()):6.2f} s for {metrics.same_pairs + metrics.different_pairs:,} pairs")
    unit = 1024 if sys.platform != "darwin" else 1  # Linux counts in KiB, macOS in bytes
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    print(f"{'peak memory':22}  {peak / 1e9:6.2f} GB, the whole process; {torch.get_num_threads()} threads")
    return 0


if __name__ == "__main__":
    sys.exit(main())
