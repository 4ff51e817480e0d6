"""Random distortions of training images, a batch at a time on the device that trains.

Never flips: the mirror image of a digit, a glyph or a signature is another sign.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from siamese.data.jitter import Draws, jitter_sequences, jitter_vectors


def augment_ink(
    images: Tensor,
    generator: torch.Generator,
    batch_size: int | None = None,
    part: slice | None = None,
    digits: Tensor | None = None,
) -> Tensor:
    """Randomly rotate, scale, shear, shift and thicken or thin drawings: float (B, C, H, W) in 0..1 -> the same.

    Drawn from `generator`, on its device. Where `images` are just a `part` of a batch of `batch_size`, they become what they
    would in the whole batch. `digits` (B,): where the drawings are of digits, which; only they get strokes added, as what a
    stroke may change of another sign is not known.
    """
    part = part or slice(0, len(images))
    draws = Draws(generator, batch_size or len(images), part)
    images = images if digits is None else _add_strokes(images, draws, digits)
    return _change_thickness(_transform(images, draws), draws)


def _add_strokes(images: Tensor, draws: Draws, digits: Tensor) -> Tensor:
    """Half of the digits with two ends of strokes joined, as by a pen that is not lifted; others in another style.

    MNIST was written in one country, in separate strokes. Elsewhere a one has a flag and a foot, and a seven a crossbar.
    """
    directions, radius = draws.uniform(-torch.pi, torch.pi, 2), draws.uniform(1.3, 2.1, 1)
    bend, sizes, chance = draws.uniform(-0.12, 0.12, 2), draws.uniform(0, 1, 4), draws.uniform(0, 1, 3)
    (height, width), count, device = images.shape[2:], len(images), images.device
    rows, columns = torch.meshgrid(torch.arange(height, device=device), torch.arange(width, device=device), indexing="ij")
    pixels = torch.stack([rows, columns], dim=-1).reshape(-1, 2).float()  # (H*W, 2)
    # What lies farthest in some direction is mostly the end of a stroke, where a pen is put down or lifted.
    directions = torch.cat([directions, torch.tensor(list(_ENDS.values()), device=device).expand(count, -1)], dim=1)
    reach = torch.stack([directions.cos(), directions.sin()], dim=2) @ pixels.T  # (B, 2 + ends, H*W)
    is_ink = images.amax(dim=1).reshape(count, 1, -1) > 0.5
    start, end, *ends = (pixels[reach.masked_fill(~is_ink, -torch.inf).argmax(dim=2)] / height).unbind(dim=1)  # (B, 2) each
    t = torch.linspace(0, 1, 5, device=device)[:, None]
    path = start[:, None] * (1 - t) + end[:, None] * t + 4 * t * (1 - t) * bend[:, None]  # (B, 5, 2)
    # Batches are in random order, so the first half is a random half.
    is_joined = torch.arange(count, device=device) + draws.part.start < draws.batch_size // 2
    is_drawn, ends = is_joined, dict(zip(_ENDS, ends, strict=True))
    for digit, style in _STYLES.items():
        is_styled = ~is_joined & (digits == digit) & (chance[:, 2] < STYLED)
        path = torch.where(is_styled[:, None, None], style(ends, sizes, chance), path)
        is_drawn = is_drawn | is_styled
    stroke = (radius * height / 28 - _distance_to(path * height, pixels)).clamp(0, 1) * is_drawn[:, None]
    return torch.maximum(images, stroke.reshape(count, 1, height, width))


STYLED = 0.8  # of the digits that have another style, in the half of a batch that is not joined at random
# Angles from the direction of rows, downwards, to that of columns, to the right.
_ENDS = {
    "bottom": 0.0,
    "top": torch.pi,
    "bottom left": -0.25 * torch.pi,
    "top left": -0.75 * torch.pi,
    "top right": 0.75 * torch.pi,
}


# A style takes points of the drawing (B, 2) and random numbers in 0..1, and gives a line through five points (B, 5, 2); row
# and column, in units of the side of the image.
def _one(ends: dict[str, Tensor], sizes: Tensor, chance: Tensor) -> Tensor:
    """A one with a flag, which may be as long as its stem, a foot, or both."""
    has_flag, has_foot = chance[:, :1] < 0.8, chance[:, 1:2] < 0.5
    flag = torch.stack([0.04 + 0.4 * sizes[:, 0], -0.08 - 0.22 * sizes[:, 1]], dim=1) * has_flag
    foot = torch.stack([0.08 * (sizes[:, 2] - 0.5), 0.06 + 0.14 * sizes[:, 3]], dim=1) * has_foot
    top, bottom = ends["top"], ends["bottom"]
    return torch.stack([top + flag, top, bottom, bottom - foot, bottom + foot], dim=1)


def _five(ends: dict[str, Tensor], sizes: Tensor, chance: Tensor) -> Tensor:
    """A five whose bar is drawn last, and the pen not lifted on the way to it."""
    middle = (ends["bottom left"] + ends["top left"]) / 2 + 0.2 * (sizes[:, :2] - sizes[:, 2:])
    return torch.stack([ends["bottom left"], middle, *[ends["top left"]] * 3], dim=1)


def _seven(ends: dict[str, Tensor], sizes: Tensor, chance: Tensor) -> Tensor:
    """A seven with a crossbar; for most of them, the pen is not lifted on the way to it, which makes a loop."""
    share = 0.35 + 0.4 * sizes[:, :1]  # of the way down the stem
    centre = (1 - share) * ends["top right"] + share * ends["bottom"]
    bar = torch.stack([0.1 * (sizes[:, 1] - 0.5), 0.08 + 0.16 * sizes[:, 2]], dim=1)
    loop = torch.stack([-0.04 * sizes[:, 1], -0.06 - 0.12 * sizes[:, 3]], dim=1)
    is_joined = chance[:, :1] < 0.7
    start, turn = (torch.where(is_joined, point, centre - bar) for point in (ends["bottom"], ends["bottom"] + loop))
    return torch.stack([start, turn, centre - bar, centre, centre + bar], dim=1)


def _nine(ends: dict[str, Tensor], sizes: Tensor, chance: Tensor) -> Tensor:
    """A nine that is begun far to the right, or ends in a long tail."""
    begin = torch.stack([0.1 * (sizes[:, 0] - 0.5), 0.1 + 0.15 * sizes[:, 1]], dim=1)
    tail = torch.stack([0.04 * sizes[:, 2], -0.1 - 0.1 * sizes[:, 3]], dim=1)
    end = tail + torch.stack([-0.08 * sizes[:, 0], -0.05 - 0.1 * sizes[:, 1]], dim=1)
    is_begun = chance[:, :1] < 0.5
    start, turn, last = (
        torch.where(is_begun, ends["top"] + x, ends["bottom"] + y) for x, y in ((begin, 0), (0, tail), (0, end))
    )
    return torch.stack([start, turn, last, last, last], dim=1)


_STYLES = {1: _one, 5: _five, 7: _seven, 9: _nine}


def _distance_to(path: Tensor, pixels: Tensor) -> Tensor:
    """Distance of each pixel (P, 2) to the line through the points of each path (B, K, 2): (B, P)."""
    start, along = path[:, :-1], path.diff(dim=1)  # (B, K-1, 2)
    square = along.square().sum(dim=2, keepdim=True).clamp_min(1e-6)  # (B, K-1, 1), the squared length of each segment
    # All is linear in row, column, 1 and row^2 + column^2: a matrix product, not a vector for each pixel and segment.
    one, norm = torch.ones_like(pixels[:, :1]), pixels.square().sum(dim=1, keepdim=True)
    terms = torch.cat([pixels, one, norm], dim=1).T  # (4, P)
    # (pixel - start) . along, and |pixel - start|^2: (B, K-1, P) each.
    projection = torch.cat([along, -(along * start).sum(dim=2, keepdim=True), torch.zeros_like(square)], dim=2) @ terms
    to_start = torch.cat([-2 * start, start.square().sum(dim=2, keepdim=True), torch.ones_like(square)], dim=2) @ terms
    # The nearest point is start + inside / square * along, which is nearer by inside (2 projection - inside) / square.
    inside = projection.clamp_min(0).minimum(square)
    squared = to_start.sub_(projection.mul_(2).sub_(inside).mul_(inside).div_(square))
    return squared.amin(dim=1).clamp_min(0).sqrt()


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
    # The maximum of 3x3 px, first down the columns, then along the rows: much faster on a CPU than max_pool2d.
    padded = F.pad(images * amount.sign(), (1, 1, 1, 1), value=-torch.inf)
    of_columns = padded[:, :, :-2].maximum(padded[:, :, 1:-1]).maximum(padded[:, :, 2:])
    extreme = of_columns[..., :-2].maximum(of_columns[..., 1:-1]).maximum(of_columns[..., 2:]) * amount.sign()
    return images.lerp(extreme, amount.abs())


def augment_photos(
    images: Tensor,
    generator: torch.Generator,
    batch_size: int | None = None,
    part: slice | None = None,
    digits: Tensor | None = None,
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


# By preprocessing mode.
AUGMENTATIONS = {"ink": augment_ink, "photo": augment_photos, "vectors": jitter_vectors, "sequences": jitter_sequences}
