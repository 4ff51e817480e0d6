"""QMNIST: MNIST rebuilt from its sources."""

from pathlib import Path

from siamese.data.datasets.base import Dataset, load_from_torchvision, mnist_files
from siamese.data.labelled_images import LabelledImages


def load_qmnist(data_dir: str | Path) -> tuple[LabelledImages, LabelledImages]:
    """MNIST's digits, and those 10,000 of QMNIST's 60,000 test digits that are MNIST's."""
    parts = load_from_torchvision(data_dir, "QMNIST", {"what": "train"}, {"what": "test10k"})
    return tuple(LabelledImages(part.images, part.labels[:, 0]) for part in parts)  # the rest is who wrote it, and where


QMNIST = Dataset(
    load_qmnist,
    "70,000 digits, QMNIST by C. Yadav and L. Bottou (2019, BSD), a rebuilt MNIST",
    "",
    is_of_digits=True,
    files=mnist_files("QMNIST", "qmnist-train", "qmnist-test"),
)
