"""What a dataset by name is, and how those that torchvision knows are loaded."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from siamese.data.labelled_images import LabelledImages


class DatasetNotAvailable(ValueError):
    """The data is not on disk and cannot be downloaded."""


def mnist_files(folder: str, *prefixes: str) -> tuple[str, ...]:
    """Where torchvision has the images of a dataset in MNIST's format."""
    return tuple(f"{folder}/raw/{prefix}-images-idx3-ubyte" for prefix in prefixes or ("train", "t10k"))


def load_from_torchvision(
    data_dir: str | Path, name: str, training: dict | None = None, test: dict | None = None
) -> tuple[LabelledImages, LabelledImages]:
    """Training and test images of `torchvision.datasets.NAME` under `data_dir`, downloaded only where they are missing.

    `training` and `test` are its arguments, if not just `train`. Raises DatasetNotAvailable with what to do.
    """
    import torchvision  # takes a second, for which what does without should not wait

    make = getattr(torchvision.datasets, name)
    arguments = (training or {"train": True}, test or {"train": False})
    with explained(name, data_dir, {"USPS": "usps.bz2"}.get(name, f"{name}/raw")):
        parts = [make(data_dir, download=True, **each) for each in arguments]
    return tuple(LabelledImages(np.asarray(part.data), np.asarray(part.targets, dtype=np.int64)) for part in parts)


@contextlib.contextmanager
def explained(name: str, data_dir: str | Path, folder: str) -> Iterator[None]:
    """Errors of a download, or of files that are not what they claim, become a DatasetNotAvailable."""
    try:
        with _no_bars_in_logs():
            yield
    except (RuntimeError, OSError) as error:
        raise DatasetNotAvailable(
            f"{name} is not in {str(data_dir)!r} and cannot be downloaded: point --data-dir at a folder that holds "
            f"{folder}, or try --dataset mnist-sample, which needs no download"
        ) from error
    except (ValueError, AssertionError, TypeError) as error:  # what torchvision raises on files that are not what they claim
        raise DatasetNotAvailable(
            f"the files in {str(Path(data_dir) / folder)!r} are damaged: delete them, so that {name} is downloaded "
            "again, or try --dataset mnist-sample, which needs no download"
        ) from error


@contextlib.contextmanager
def _no_bars_in_logs() -> Iterator[None]:
    """torchvision draws the bar of a download also where nobody sees it move, and has no option against that."""
    from torchvision.datasets import utils

    bar = utils.tqdm
    utils.tqdm = functools.partial(bar, disable=None, leave=False)  # None: off where this is no terminal
    try:
        yield
    finally:
        utils.tqdm = bar


@dataclass(frozen=True)
class Dataset:
    """A dataset by name: how to load it, and what a model card says of it."""

    load: Callable[[str | Path], tuple[LabelledImages, LabelledImages]]  # data_dir -> (training, test)
    about: str  # what it holds, by whom, under which licence
    hub_id: str  # its repository on the Hugging Face Hub, "" where it has none
    preprocess: str = "ink"  # how its images are prepared, see siamese.config.PreprocessConfig
    image_size: int = 28  # px a side that the network sees
    images: int = 60_000  # for training
    is_of_digits: bool = False  # whether its classes are the digits 0 to 9
    test_images: int = 10_000
    classes: int = 10  # of both parts
    side: int = 28  # px, of its images
    files: tuple[str, ...] = ()  # what there is below --data-dir once it is there; none: it comes with the package

    def is_here(self, data_dir: str | Path) -> bool:
        """Whether it needs no download."""
        return all((Path(data_dir) / file).exists() for file in self.files)
