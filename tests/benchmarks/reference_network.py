"""The tutorial's network under our training: balanced pair accuracy over several seeds, for each loss.

python tests/benchmarks/reference_network.py --data-dir data
"""

import argparse
import sys
from pathlib import Path

from over_seeds import summary, trainings

from siamese.losses import LOSSES


def main(argv: list[str] | None = None) -> int:
    """Train `--encoder seed` for each loss and seed through train.py itself; print every result, mean and spread."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="mnist", help="default: mnist")
    parser.add_argument("--data-dir", default="data", help="folder of datasets (default: data)")
    parser.add_argument("--losses", nargs="+", default=list(LOSSES), choices=list(LOSSES), help="default: all")
    parser.add_argument("--epochs", type=int, default=1, help="default: 1")
    parser.add_argument("--seeds", type=int, default=3, help="how many: 0, 1, ... (default: 3)")
    parser.add_argument("--output", type=Path, default=Path("runs/reference"), help="default: runs/reference")
    arguments = parser.parse_args(argv)

    lines = []
    for loss in arguments.losses:
        flags = ["--dataset", arguments.dataset, "--data-dir", arguments.data_dir, "--encoder", "seed", "--loss", loss]
        flags += ["--epochs", str(arguments.epochs)]
        results = trainings(flags, arguments.seeds, arguments.output / f"{loss}-{arguments.epochs}")
        lines.append(f"{loss:18} {summary(results)}")
        print(lines[-1])
    print(f"\nreference network, {arguments.epochs} epoch(s) of {arguments.dataset}, all test pairs")
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
