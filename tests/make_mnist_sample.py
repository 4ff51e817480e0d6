"""Make siamese/mnist_sample.npz, the digits that ship with the package, from MNIST: 200 training and 100 test digits each.

    python tests/make_mnist_sample.py DATA_DIR [OUTPUT]

DATA_DIR is a torchvision root that holds MNIST/raw (it is not downloaded). Which digits are drawn depends on the fixed seed
alone, so the arrays come out the same wherever this runs: training_images (2000, 28, 28), training_labels (2000,),
test_images (1000, 28, 28) and test_labels (1000,), all uint8, in the order of MNIST.
"""

import argparse
from pathlib import Path

import numpy as np
from torchvision.datasets import MNIST

PER_CLASS = {"training": 200, "test": 100}
SEED = 0


def draw_sample(data_dir: Path) -> dict[str, np.ndarray]:
    """The arrays of the sample by name."""
    generator = np.random.default_rng(SEED)
    arrays = {}
    for part, per_class in PER_CLASS.items():
        source = MNIST(data_dir, train=part == "training")
        labels = source.targets.numpy()
        drawn = [generator.permutation(np.flatnonzero(labels == label))[:per_class] for label in range(10)]
        indices = np.sort(np.concatenate(drawn))
        arrays[f"{part}_images"] = source.data.numpy()[indices]
        arrays[f"{part}_labels"] = labels[indices].astype(np.uint8)
    return arrays


def main(argv: list[str] | None = None) -> None:
    """Write the sample to the file that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_dir", type=Path)
    default = Path(__file__).resolve().parent.parent / "siamese" / "data" / "mnist_sample.npz"
    parser.add_argument("output", type=Path, nargs="?", default=default)
    arguments = parser.parse_args(argv)
    np.savez_compressed(arguments.output, **draw_sample(arguments.data_dir))


if __name__ == "__main__":
    main()
