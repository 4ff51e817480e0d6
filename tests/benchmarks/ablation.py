"""What each ingredient of the default training is worth: one left out at a time, over several seeds.

python tests/benchmarks/ablation.py --data-dir data [--pen pendigits.csv]

With --pen, also how the models do on digits drawn with a pen on a tablet, other hands than they were trained on.
"""

import argparse
import contextlib
import statistics
import sys
from pathlib import Path
from unittest import mock

from over_seeds import summary, trainings

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from pendigits import load_pendigits, render

from siamese import Verifier
from siamese.data import augmentation
from siamese.evaluation.bootstrap import Intervals
from siamese.evaluation.calibration import measure
from siamese.evaluation.metrics import pair_distances

VARIANTS: dict[str, list[str]] = {
    "as it is": [],
    "no augmentation": ["--no-augment"],
    "no average of weights": ["--average", "0"],
    "loss bce instead of supcon": ["--loss", "bce"],
    "loss proxy instead of supcon": ["--loss", "proxy"],
    "loss triplet instead of supcon": ["--loss", "triplet"],
    "encoder seed": ["--encoder", "seed"],
}
DISTORTIONS = {  # each left out
    "no added strokes": "_add_strokes",
    "no affine map": "_transform",
    "no change of thickness": "_change_thickness",
}


PEN_DIGITS, BRUSH = 1500, 0.05  # the first of the file; width of the stroke, as a share of the canvas


def accuracy_on_pen_digits(folder: Path, file: Path) -> float:
    """Balanced pair accuracy in percent of the model in `folder`, at its own threshold."""
    strokes, digits = (part[:PEN_DIGITS] for part in load_pendigits(file))
    verifier = Verifier.from_pretrained(folder)
    embeddings = verifier.embed([render(stroke, brush=BRUSH) for stroke in strokes])
    pairs = pair_distances(torch.from_numpy(embeddings), torch.from_numpy(digits))
    return measure(pairs, verifier.config.calibration, Intervals()).balanced_accuracy


def main(argv: list[str] | None = None) -> int:
    """Train every variant through train.py itself; print every result, mean and spread."""
    names = [*VARIANTS, *DISTORTIONS]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="mnist", help="default: mnist")
    parser.add_argument("--data-dir", default="data", help="folder of datasets (default: data)")
    parser.add_argument("--epochs", type=int, default=2, help="default: 2")
    parser.add_argument("--seeds", type=int, default=3, help="how many: 0, 1, ... (default: 3)")
    parser.add_argument("--output", type=Path, default=Path("runs/ablation"), help="default: runs/ablation")
    parser.add_argument("--variants", nargs="+", default=names, choices=names, help="default: all")
    parser.add_argument("--pen", type=Path, help="pendigits.csv: 16 coordinates and the digit in each line")
    arguments = parser.parse_args(argv)

    lines = []
    for name in arguments.variants:
        left_out = contextlib.nullcontext()
        if name in DISTORTIONS:
            left_out = mock.patch.object(augmentation, DISTORTIONS[name], lambda images, *_: images)
        common = ["--dataset", arguments.dataset, "--data-dir", arguments.data_dir, "--epochs", str(arguments.epochs)]
        folder = arguments.output / f"{name.replace(' ', '-')}-{arguments.epochs}"
        with left_out:
            results = trainings([*common, *VARIANTS.get(name, [])], arguments.seeds, folder)
        with_pen = ""
        if arguments.pen:
            folders = [folder.with_name(f"{folder.name}-{seed}") for seed in range(arguments.seeds)]
            on_pen = [accuracy_on_pen_digits(each, arguments.pen) for each in folders]
            with_pen = f", with a pen {statistics.mean(on_pen):.2f}% ({', '.join(f'{value:.2f}' for value in on_pen)})"
        lines.append(f"{name:32} {summary(results)}{with_pen}")
        print(lines[-1])
    print(f"\n{arguments.epochs} epochs of {arguments.dataset}, balanced pair accuracy on all test pairs")
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
