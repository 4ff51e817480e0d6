"""Accuracy on digits drawn with a pen on a tablet, which no bundled model was trained on: the sketchpad's path.

python tests/benchmarks/pendigits.py pendigits.csv [--model FOLDER]

Each brush width gives one line: all pairs of the first 1,500 digits of the file, rendered as strokes on a canvas and given
to Verifier as the demo would; threshold and probabilities are the model's own.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2]))

from pendigits import load_pendigits, render

from siamese import Verifier
from siamese.evaluation.bootstrap import Intervals
from siamese.evaluation.calibration import measure
from siamese.evaluation.metrics import pair_distances


def main(argv: list[str] | None = None) -> int:
    """Print one line for each brush width, and one for all widths mixed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", help="pendigits.csv: 16 coordinates and the digit in each line")
    parser.add_argument("--model", help="model folder (default: the bundled digits)")
    parser.add_argument("--first", type=int, default=0, help="first digit of the file to take (default: 0)")
    parser.add_argument("--count", type=int, default=1500, help="how many digits (default: 1500)")
    parser.add_argument("--brush", type=float, nargs="+", default=[0.025, 0.05, 0.08], help="widths, shares of the canvas")
    arguments = parser.parse_args(argv)

    verifier = Verifier.from_pretrained(arguments.model)
    strokes, digits = (part[arguments.first : arguments.first + arguments.count] for part in load_pendigits(arguments.file))
    labels = torch.from_numpy(digits)
    embeddings = []
    for brush in arguments.brush:
        images = [render(stroke, brush=brush) for stroke in tqdm(strokes, f"brush {brush:.1%}", leave=False)]
        embeddings.append(verifier.embed(images))
        _report(f"brush {brush:5.1%}", embeddings[-1], labels, verifier)
    choice = np.arange(len(labels)) % len(embeddings)
    _report("mixed      ", np.stack(embeddings)[choice, np.arange(len(labels))], labels, verifier)
    return 0


def _report(name: str, embeddings: np.ndarray, labels: torch.Tensor, verifier: Verifier) -> None:
    pairs = pair_distances(torch.from_numpy(embeddings), labels)
    metrics = measure(pairs, verifier.config.calibration, Intervals())
    print(
        f"{name}  {len(pairs.same) + len(pairs.different):,} pairs: balanced accuracy {metrics.balanced_accuracy:.2f}%  "
        f"EER {metrics.equal_error_rate:.2f}%  AUC {metrics.roc_auc:.4f}  false accepts {metrics.false_accept_rate:.2f}%  "
        f"false rejects {metrics.false_reject_rate:.2f}%  calibration error {metrics.calibration_error:.2f}%"
    )


if __name__ == "__main__":
    sys.exit(main())
