"""What each ingredient of the default training is worth: one left out at a time, over several seeds.

python tests/benchmarks/ablation.py --data-dir data
"""

import argparse
import contextlib
import sys
from pathlib import Path
from unittest import mock

from over_seeds import summary, trainings

from siamese import augmentation

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
        lines.append(f"{name:32} {summary(results)}")
        print(lines[-1])
    print(f"\n{arguments.epochs} epochs of {arguments.dataset}, balanced pair accuracy on all test pairs")
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
