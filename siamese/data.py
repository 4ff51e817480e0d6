"""Datasets, splits, batches and augmentation.

A dataset is one function `(data_dir) -> (training, test)` and one entry in DATASETS. Images are canonical (the output of
siamese.preprocess) and stay in memory as uint8.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor

from siamese.config import EncoderConfig, PreprocessConfig
from siamese.preprocess import canonical_images

SAMPLE_FILE = Path(__file__).with_name("mnist_sample.npz")


class DatasetNotAvailable(ValueError):
    """The data is not on disk and cannot be downloaded."""


@dataclass(frozen=True)
class LabelledImages:
    """Images with their classes."""

    images: np.ndarray  # uint8 (N, H, W) or (N, H, W, 3)
    labels: np.ndarray  # int64 (N,), 0 <= label < number of classes

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: np.ndarray) -> "LabelledImages":
        """The images at these indices, in that order."""
        return LabelledImages(self.images[indices], self.labels[indices])


def load_mnist(data_dir: str | Path) -> tuple[LabelledImages, LabelledImages]:
    """MNIST's 60,000 training and 10,000 test digits under `data_dir`, downloaded only where they are not there yet."""
    try:
        parts = [torchvision.datasets.MNIST(data_dir, train=train, download=True) for train in (True, False)]
    except (RuntimeError, OSError) as error:
        raise DatasetNotAvailable(
            f"MNIST is not in {str(data_dir)!r} and cannot be downloaded: point --data-dir at a folder that holds "
            "MNIST/raw, or try --dataset mnist-sample, which needs no download"
        ) from error
    except (ValueError, AssertionError, TypeError) as error:  # what torchvision raises on files that are not what they claim
        raise DatasetNotAvailable(
            f"the files in {str(Path(data_dir) / 'MNIST' / 'raw')!r} are damaged: delete them, so that MNIST is downloaded "
            "again, or try --dataset mnist-sample, which needs no download"
        ) from error
    training, test = (LabelledImages(part.data.numpy(), part.targets.numpy()) for part in parts)
    return training, test


def load_mnist_sample(data_dir: str | Path | None = None) -> tuple[LabelledImages, LabelledImages]:
    """2,000 training and 1,000 test digits of MNIST, equally many of each, that ship with this package."""
    with np.load(SAMPLE_FILE, allow_pickle=False) as arrays:
        return (
            LabelledImages(arrays["training_images"], arrays["training_labels"].astype(np.int64)),
            LabelledImages(arrays["test_images"], arrays["test_labels"].astype(np.int64)),
        )


@dataclass(frozen=True)
class Dataset:
    """A dataset by name: how to load it, and what a model card says of it."""

    load: Callable[[str | Path], tuple[LabelledImages, LabelledImages]]  # data_dir -> (training, test)
    about: str  # what it holds, by whom, under which licence
    hub_id: str  # its repository on the Hugging Face Hub


_MNIST_ABOUT = "handwritten digits of 28 x 28 px, the MNIST database by Y. LeCun, C. Cortes and C. Burges (CC BY-SA 3.0)"

DATASETS: dict[str, Dataset] = {
    "mnist": Dataset(load_mnist, f"70,000 {_MNIST_ABOUT}", "ylecun/mnist"),
    "mnist-sample": Dataset(load_mnist_sample, f"3,000 {_MNIST_ABOUT}", "ylecun/mnist"),
}


def load_dataset(
    name: str, data_dir: str | Path, preprocess: PreprocessConfig, encoder: EncoderConfig
) -> tuple[LabelledImages, LabelledImages]:
    """Training and test images of the dataset `name`, made canonical.

    Raises ValueError with the choices, or DatasetNotAvailable with what to do.
    """
    if name not in DATASETS:
        raise ValueError(f"unknown dataset {name!r}, available: {', '.join(DATASETS)}")
    return tuple(
        LabelledImages(canonical_images(part.images, preprocess, encoder.image_size, encoder.channels), part.labels)
        for part in DATASETS[name].load(data_dir)
    )


def load_sample_digits() -> tuple[np.ndarray, np.ndarray]:
    """The 1,000 test digits of the bundled sample: uint8 (1000, 28, 28), light on black, and int64 (1000,)."""
    _, test = load_mnist_sample()
    return test.images, test.labels


def split_validation(data: LabelledImages, share: float, seed: int) -> tuple[LabelledImages, LabelledImages]:
    """Cut `share` (0..1) of each class off for validation by a seeded draw: (training, validation), disjoint."""
    generator = np.random.default_rng(seed)
    is_validation = np.zeros(len(data), dtype=bool)
    for label in np.unique(data.labels):
        members = np.flatnonzero(data.labels == label)
        is_validation[generator.permutation(members)[: round(share * len(members))]] = True
    return data.take(np.flatnonzero(~is_validation)), data.take(np.flatnonzero(is_validation))


def epoch_batches(count: int, batch_size: int, seed: int, epoch: int) -> Tensor:
    """Indices of each batch of one epoch, int64 (steps, B), in an order that depends on `seed` and `epoch` alone.

    The remainder is left out; where there are fewer images than `batch_size`, the epoch is one batch of all.
    """
    batch_size = min(batch_size, count)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(derived_seed(seed, epoch)))
    return order[: count // batch_size * batch_size].reshape(-1, batch_size)


def derived_seed(*parts: int) -> int:
    """One 63-bit seed from several numbers, so that the randomness of a step depends on its place alone, not on history."""
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> 1)


@dataclass(frozen=True)
class Draws:
    """Random numbers for some images of a batch. What an image gets does not depend on which others are augmented here."""

    generator: torch.Generator
    batch_size: int  # of the whole batch
    part: slice  # the images of it that are here

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Uniform in low..high: (number of images here, *shape), on the generator's device."""
        empty = torch.empty((self.batch_size, *shape), device=self.generator.device)
        return empty.uniform_(low, high, generator=self.generator)[self.part]


def augment(images: Tensor, generator: torch.Generator, batch_size: int | None = None, part: slice | None = None) -> Tensor:
    """Randomly join, rotate, scale, shear, shift and thicken or thin drawings: float (B, C, H, W) in 0..1 -> the same.

    Never flips: a mirrored digit is another sign. Drawn from `generator`, on its device. Where `images` are just a `part` of
    a batch of `batch_size`, they become what they would in the whole batch.
    """
    count, _, height, width = images.shape
    part = part or slice(0, count)
    draws = Draws(generator, batch_size or count, part)
    # Batches are in random order, so the first quarter is a random quarter.
    joined = min(max(draws.batch_size // 4 - part.start, 0), count)
    images = torch.cat([_join_strokes(images, draws, joined), images[joined:]])
    angle = draws.uniform(-0.26, 0.26)  # radians, 15 degrees
    shear = draws.uniform(-0.25, 0.25)
    scale_x, scale_y = draws.uniform(0.8, 1.2), draws.uniform(0.8, 1.2)
    shift_x, shift_y = draws.uniform(-0.14, 0.14), draws.uniform(-0.14, 0.14)  # of half the side
    cosine, sine = angle.cos(), angle.sin()
    matrix = torch.stack(
        [
            torch.stack([cosine * scale_x, (shear * cosine - sine) * scale_y, shift_x], dim=1),
            torch.stack([sine * scale_x, (shear * sine + cosine) * scale_y, shift_y], dim=1),
        ],
        dim=1,
    )  # (B, 2, 3)
    grid = F.affine_grid(matrix, (count, 1, height, width), align_corners=False)  # (B, H, W, 2)
    images = F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    # Stroke thickness: blend towards the 3x3 maximum (thicker) or minimum (thinner).
    amount = draws.uniform(-0.5, 0.7, 1, 1, 1)
    extreme = F.max_pool2d(images * amount.sign(), 3, stride=1, padding=1) * amount.sign()
    return images.lerp(extreme, amount.abs())


def _join_strokes(images: Tensor, draws: Draws, count: int) -> Tensor:
    """The first `count` drawings, two random places of each joined by a bent stroke, as by a pen that is not lifted."""
    places, bend, radius = draws.uniform(0, 1, 2), draws.uniform(-0.12, 0.12, 2), draws.uniform(1.3, 2.1, 1)
    images, places, bend, radius = images[:count], places[:count], bend[:count], radius[:count]
    if not count:
        return images
    _, channels, height, width = images.shape
    device = images.device
    rows, columns = torch.meshgrid(torch.arange(height, device=device), torch.arange(width, device=device), indexing="ij")
    pixels = torch.stack([rows, columns], dim=-1).reshape(-1, 2).float()  # (H*W, 2)
    ink = (images.amax(dim=1).reshape(count, -1) > 0.5).float() + 1e-6  # (B, H*W)
    cumulative = ink.cumsum(dim=1)
    chosen = torch.searchsorted(cumulative, places * cumulative[:, -1:]).clamp_max(height * width - 1)  # (B, 2)
    start, end = pixels[chosen].unbind(dim=1)  # (B, 2) each
    bend = bend * height
    t = torch.linspace(0, 1, 16, device=device)[None, :, None]
    curve = start[:, None] * (1 - t) + end[:, None] * t + 4 * t * (1 - t) * bend[:, None]  # (B, 16, 2)
    distance = torch.cdist(pixels.expand(count, -1, -1), curve).amin(dim=2)  # (B, H*W)
    stroke = (radius * height / 28 - distance).clamp(0, 1).reshape(count, 1, height, width)
    return torch.maximum(images, stroke.expand(-1, channels, -1, -1))
