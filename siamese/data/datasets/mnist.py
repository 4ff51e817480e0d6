"""MNIST, and the sample of it that ships with this package."""

from pathlib import Path

import numpy as np

from siamese.data.datasets.base import Dataset, load_from_torchvision, mnist_files
from siamese.data.labelled_images import LabelledImages

SAMPLE_FILE = Path(__file__).resolve().parents[1] / "mnist_sample.npz"
ABOUT = "handwritten digits of 28 x 28 px, the MNIST database by Y. LeCun, C. Cortes and C. Burges (CC BY-SA 3.0)"


def load_mnist(data_dir: str | Path) -> tuple[LabelledImages, LabelledImages]:
    """MNIST's 60,000 training and 10,000 test digits."""
    return load_from_torchvision(data_dir, "MNIST")


def load_mnist_sample(data_dir: str | Path | None = None) -> tuple[LabelledImages, LabelledImages]:
    """2,000 training and 1,000 test digits of MNIST, equally many of each, that ship with this package."""
    with np.load(SAMPLE_FILE, allow_pickle=False) as arrays:
        return (
            LabelledImages(arrays["training_images"], arrays["training_labels"].astype(np.int64)),
            LabelledImages(arrays["test_images"], arrays["test_labels"].astype(np.int64)),
        )


def load_sample_digits() -> tuple[np.ndarray, np.ndarray]:
    """The 1,000 test digits of the bundled sample: uint8 (1000, 28, 28), light on black, and int64 (1000,)."""
    _, test = load_mnist_sample()
    return test.images, test.labels


MNIST = Dataset(load_mnist, f"70,000 {ABOUT}", "ylecun/mnist", is_of_digits=True, files=mnist_files("MNIST"))
MNIST_SAMPLE = Dataset(load_mnist_sample, f"3,000 {ABOUT}", "ylecun/mnist", images=2000, test_images=1000, is_of_digits=True)
