"""Fashion-MNIST: pictures of clothes."""

import functools

from siamese.data.datasets.base import Dataset, load_from_torchvision, mnist_files

FASHION_MNIST = Dataset(
    functools.partial(load_from_torchvision, name="FashionMNIST"),
    "70,000 pictures of clothes of 28 x 28 px, Fashion-MNIST by H. Xiao, K. Rasul and R. Vollgraf (2017, MIT)",
    "zalando-datasets/fashion_mnist",
    preprocess="photo",
    files=mnist_files("FashionMNIST"),
)
