"""New signs for training, put together from the drawings of a batch: classes that nobody drew, others in each step."""

import torch
import torch.nn.functional as F
from torch import Tensor

MOST_OFFSET = 0.35  # of half the side: how far from the middle a cut may go
SCALES = (0.65, 0.95)  # of drawings that are laid over each other


def with_compositions(
    images: Tensor, labels: Tensor, generator: torch.Generator, processes: int = 1
) -> tuple[Tensor, Tensor]:
    """A batch and new classes of its drawings: (B, C, H, W) in 0..1 and (B,), as many of each class -> the same of B + N.

    Of half of the classes, each three neighbours (by number: of one alphabet, where classes are ordered so) give three new
    classes, one for each two of them, put together at the same places: so any two share a part, and differ by another. A
    drawing of one of the two is either cut along a line and goes on as a drawing of the other (as images are mixed in Yun et
    al. 2019, CutMix, whose labels are mixed too; here the result is a class by itself), or both are made smaller and laid
    over each other. Line, sizes and places belong to the class; who drew which part varies from drawing to drawing.

    Drawn from `generator`, on its device. B + N is a multiple of the number of `processes`, if B is.
    """
    order = labels.argsort(stable=True)
    classes = len(labels.unique())
    drawings = images[order].reshape(classes, -1, *images.shape[1:])  # (K, P, C, H, W), P of each class
    per_class, device = drawings.shape[1], images.device
    groups = classes // 6
    while groups * 3 * per_class % processes:
        groups -= 1
    if not groups:
        return images, labels

    def uniform(low: float, high: float) -> Tensor:  # (3 * groups,): the three of a group have the same
        return torch.empty(groups, device=device).uniform_(low, high, generator=generator).repeat(3)

    def shuffled(part: Tensor) -> Tensor:  # other drawings of the same classes meet
        return part[:, torch.randperm(per_class, generator=generator, device=device)]

    start = 3 * torch.randperm(classes // 3, generator=generator, device=device)[:groups]
    a, b, c = (drawings[start + place] for place in range(3))
    first, second = torch.cat([a, shuffled(a), b]), torch.cat([shuffled(b), shuffled(c), shuffled(c)])  # (3 groups, P, ...)
    angle, offset, is_cut = uniform(-torch.pi, torch.pi), uniform(-MOST_OFFSET, MOST_OFFSET), uniform(0, 1) < 0.5
    direction = torch.stack([angle.cos(), angle.sin()], dim=1)  # (3 groups, 2), x and y
    sizes, reach = [uniform(*SCALES) for _ in range(2)], uniform(0.4, 1)  # reach: 1 as far apart as the image allows
    laid_over = torch.maximum(
        _placed(first, sizes[0], direction * ((1 - sizes[0]) * reach)[:, None]),
        _placed(second, sizes[1], -direction * ((1 - sizes[1]) * reach)[:, None]),
    )
    new = torch.where(is_cut[:, None, None, None, None], _cut(first, second, direction, offset), laid_over)
    numbers = labels.max() + 1 + torch.arange(3 * groups, device=device).repeat_interleave(per_class)
    return torch.cat([images, new.flatten(0, 1)]), torch.cat([labels, numbers])


def _cut(first: Tensor, second: Tensor, direction: Tensor, offset: Tensor) -> Tensor:
    """`first` (N, P, C, H, W) before a line, `second` behind it: `offset` (N,) from the middle, along `direction` (N, 2)."""
    height, width = first.shape[3:]
    rows, columns = (torch.linspace(-1, 1, side, device=first.device) for side in (height, width))
    along = direction[:, 0, None, None] * columns + direction[:, 1, None, None] * rows[:, None]  # (N, H, W)
    return torch.where((along < offset[:, None, None])[:, None, None], first, second)


def _placed(drawings: Tensor, size: Tensor, centre: Tensor) -> Tensor:
    """Drawings (N, P, C, H, W) made smaller by `size` (N,), with the middle at `centre` (N, 2), in halves of the side."""
    matrix = torch.cat([torch.diag_embed(1 / size[:, None].expand(-1, 2)), (-centre / size[:, None])[..., None]], dim=2)
    flat = drawings.flatten(0, 1)
    grid = F.affine_grid(matrix.repeat_interleave(drawings.shape[1], dim=0), list(flat.shape), align_corners=False)
    return F.grid_sample(flat, grid, mode="bilinear", padding_mode="zeros", align_corners=False).reshape(drawings.shape)
