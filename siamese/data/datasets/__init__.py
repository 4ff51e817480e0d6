"""Datasets by name. A new one is a file here that makes a Dataset, and a line in DATASETS."""

import dataclasses
from pathlib import Path

from siamese.config import DataRecord, EncoderConfig, PreprocessConfig
from siamese.data.datasets.base import Dataset
from siamese.data.datasets.emnist import EMNIST_BALANCED, EMNIST_LETTERS
from siamese.data.datasets.fashion_mnist import FASHION_MNIST
from siamese.data.datasets.kmnist import KMNIST
from siamese.data.datasets.mnist import MNIST, MNIST_SAMPLE
from siamese.data.datasets.omniglot import OMNIGLOT
from siamese.data.datasets.qmnist import QMNIST
from siamese.data.datasets.usps import USPS
from siamese.data.labelled_images import MOST_EVALUATED, LabelledImages, sources_of
from siamese.images.canonical import canonical_images
from siamese.suggestions import did_you_mean

DATASETS: dict[str, Dataset] = {
    "mnist": MNIST,
    "mnist-sample": MNIST_SAMPLE,
    "fashion-mnist": FASHION_MNIST,
    "kmnist": KMNIST,
    "qmnist": QMNIST,
    "emnist-letters": EMNIST_LETTERS,
    "emnist-balanced": EMNIST_BALANCED,
    "usps": USPS,
    "omniglot": OMNIGLOT,
}


OWN_SPLITS = ("classes", "within", "pairs")  # of folders and pairs alone: a dataset by name has a test of its own, or groups


def is_own(record: DataRecord) -> bool:
    """Whether a model was fitted to images of somebody's own, a folder or pairs, which are nobody else's business."""
    return record.dataset not in DATASETS or record.split in OWN_SPLITS  # a folder may be called mnist


def is_of_digits(record: DataRecord) -> bool:
    """Whether a model was fitted to images of the digits 0 to 9, as far as the name of a dataset tells."""
    return not is_own(record) and DATASETS[record.dataset].is_of_digits


def load_dataset(
    name: str, data_dir: str | Path, preprocess: PreprocessConfig, encoder: EncoderConfig
) -> tuple[LabelledImages, LabelledImages]:
    """Training and test images of the dataset `name`, made canonical; of the test, at most MOST_EVALUATED.

    Each is named as "training" or "test" and its number there, from 0.
    Raises ValueError with the choices, or DatasetNotAvailable with what to do.
    """
    if name not in DATASETS:
        hint = did_you_mean(name, DATASETS)
        raise ValueError(
            f"unknown dataset {name!r}, available: {', '.join(DATASETS)}; or the path of a folder or a table{hint}"
        )
    training, test = DATASETS[name].load(data_dir)
    training, test = (
        dataclasses.replace(part, sources=sources_of(f"{which} {number}" for number in range(len(part))))
        for which, part in (("training", training), ("test", test))
    )
    return tuple(
        dataclasses.replace(part, images=canonical_images(part.images, preprocess, encoder.image_size, encoder.channels))
        for part in (training, test.at_most(MOST_EVALUATED, seed=0))
    )
