"""KMNIST: cursive Japanese characters."""

import functools

from siamese.data.datasets.base import Dataset, load_from_torchvision, mnist_files

KMNIST = Dataset(
    functools.partial(load_from_torchvision, name="KMNIST"),
    "70,000 cursive Japanese characters of 28 x 28 px, KMNIST by T. Clanuwat et al. (2018, CC BY-SA 4.0)",
    "",
    files=mnist_files("KMNIST"),
)
