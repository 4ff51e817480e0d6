"""USPS: digits from envelopes."""

import functools

from siamese.data.datasets.base import Dataset, load_from_torchvision

USPS = Dataset(
    functools.partial(load_from_torchvision, name="USPS"),
    "9,298 digits of 16 x 16 px from envelopes, the USPS database by J. Hull (1994)",
    "",
    images=7291,
    is_of_digits=True,
    test_images=2007,
    side=16,
    files=("usps.bz2", "usps.t.bz2"),
)
