"""Several views of one image: copies turned a little, whose mean says more than the image alone."""

import math
from collections.abc import Iterator

import torch.nn.functional as F
from torch import Tensor

MOST_DEGREES = 8.0  # by which a copy is turned either way; how it was chosen: tests/benchmarks/README.md


def views_of(images: Tensor, count: int) -> Iterator[Tensor]:
    """So many copies of images (B, C, H, W), turned by even steps from -MOST_DEGREES to MOST_DEGREES; of one, the images.

    An odd number of them has the images as they are in its middle. To take the mean over copies of what is to be recognised
    is called test-time augmentation (Krizhevsky, Sutskever and Hinton 2012).
    """
    for place in range(count):
        degrees = MOST_DEGREES * (2 * place / (count - 1) - 1) if count > 1 else 0.0
        yield turned(images, degrees) if degrees else images


def turned(images: Tensor, degrees: float) -> Tensor:
    """Images (B, C, H, W) turned counter-clockwise about their middle; what comes in from outside is as their edge."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turn = images.new_tensor([[[cosine, -sine, 0.0], [sine, cosine, 0.0]]])
    grid = F.affine_grid(turn, [1, 1, *images.shape[2:]], align_corners=False)  # (1, H, W, 2)
    grid = grid.expand(images.shape[0], -1, -1, -1)  # len() would be a constant in exported files
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
