"""Random distortions of training images, a batch at a time on the device that trains.

Never flips: the mirror image of a digit, a glyph or a signature is another sign.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


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


def augment_ink(
    images: Tensor, generator: torch.Generator, batch_size: int | None = None, part: slice | None = None
) -> Tensor:
    """Randomly join, rotate, scale, shear, shift and thicken or thin drawings: float (B, C, H, W) in 0..1 -> the same.

    Drawn from `generator`, on its device. Where `images` are just a `part` of a batch of `batch_size`, they become what they
    would in the whole batch.
    """
    part = part or slice(0, len(images))
    draws = Draws(generator, batch_size or len(images), part)
    return _change_thickness(_transform(_join_strokes(images, draws), draws), draws)


def _join_strokes(images: Tensor, draws: Draws) -> Tensor:
    """Half of the drawings with two ends of strokes joined by a bent stroke, as by a pen that is not lifted."""
    directions = draws.uniform(-torch.pi, torch.pi, 2)
    bend, radius = draws.uniform(-0.12, 0.12, 2), draws.uniform(1.3, 2.1, 1)
    # Batches are in random order, so the first half is a random half.
    count = min(max(draws.batch_size // 2 - draws.part.start, 0), len(images))
    images, others = images[:count], images[count:]
    directions, bend, radius = directions[:count], bend[:count], radius[:count]
    if not count:
        return others
    _, channels, height, width = images.shape
    device = images.device
    rows, columns = torch.meshgrid(torch.arange(height, device=device), torch.arange(width, device=device), indexing="ij")
    pixels = torch.stack([rows, columns], dim=-1).reshape(-1, 2).float()  # (H*W, 2)
    # What lies farthest in some direction is mostly the end of a stroke, where a pen would be lifted.
    reach = directions.cos()[..., None] * pixels[:, 0] + directions.sin()[..., None] * pixels[:, 1]  # (B, 2, H*W)
    ink = images.amax(dim=1).reshape(count, 1, -1) > 0.5  # (B, 1, H*W)
    start, end = pixels[reach.masked_fill(~ink, -torch.inf).argmax(dim=2)].unbind(dim=1)  # (B, 2) each
    bend = bend * height
    t = torch.linspace(0, 1, 16, device=device)[None, :, None]
    curve = start[:, None] * (1 - t) + end[:, None] * t + 4 * t * (1 - t) * bend[:, None]  # (B, 16, 2)
    distance = torch.cdist(pixels.expand(count, -1, -1), curve).amin(dim=2)  # (B, H*W)
    stroke = (radius * height / 28 - distance).clamp(0, 1).reshape(count, 1, height, width)
    return torch.cat([torch.maximum(images, stroke.expand(-1, channels, -1, -1)), others])


def _transform(images: Tensor, draws: Draws) -> Tensor:
    """An affine map of each drawing."""
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
    grid = F.affine_grid(matrix, (len(images), 1, *images.shape[2:]), align_corners=False)  # (B, H, W, 2)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _change_thickness(images: Tensor, draws: Draws) -> Tensor:
    """Strokes thicker or thinner, by blending towards the maximum or the minimum of 3x3 px."""
    amount = draws.uniform(-0.5, 0.7, 1, 1, 1)
    extreme = F.max_pool2d(images * amount.sign(), 3, stride=1, padding=1) * amount.sign()
    return images.lerp(extreme, amount.abs())


def augment_photos(
    images: Tensor, generator: torch.Generator, batch_size: int | None = None, part: slice | None = None
) -> Tensor:
    """Randomly rotate, scale, shift, relight and partly cover photographs: float (B, C, H, W) in 0..1 -> the same.

    Arguments as of `augment_ink`.
    """
    count, _, height, width = images.shape
    part = part or slice(0, count)
    draws = Draws(generator, batch_size or count, part)
    angle, scale = draws.uniform(-0.2, 0.2), draws.uniform(0.85, 1.15)
    shift_x, shift_y = draws.uniform(-0.15, 0.15), draws.uniform(-0.15, 0.15)  # of half the side
    cosine, sine = angle.cos() * scale, angle.sin() * scale
    matrix = torch.stack([torch.stack([cosine, -sine, shift_x], dim=1), torch.stack([sine, cosine, shift_y], dim=1)], dim=1)
    grid = F.affine_grid(matrix, (count, 1, height, width), align_corners=False)
    images = F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
    contrast, light, gamma = (draws.uniform(low, high, 1, 1, 1) for low, high in ((0.7, 1.3), (-0.15, 0.15), (0.7, 1.4)))
    images = ((images - 0.5) * contrast + 0.5 + light).clamp(0, 1).pow(gamma)
    # Cover a rectangle of up to a third of each side with grey (DeVries and Taylor 2017).
    rows, columns = torch.arange(height, device=images.device), torch.arange(width, device=images.device)
    top, left, tall, wide = (draws.uniform(0, 1, 1, 1, 1) for _ in range(4))
    is_covered = ((rows[:, None] - top * height).abs() < tall * height / 6) & (
        (columns - left * width).abs() < wide * width / 6
    )
    return images.masked_fill(is_covered, 0.5)


AUGMENTATIONS = {"ink": augment_ink, "photo": augment_photos}  # by preprocessing mode
