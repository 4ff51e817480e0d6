"""Any image -> the canonical image that the encoder sees: the one path of training data, command line and demo.

"ink" preprocessing follows how MNIST itself was made (LeCun et al. 1998): find the drawing, scale it into a 20 px box with
its proportions kept, put its centre of mass in the middle of 28 px, light on black. An image that is made like that already
passes unchanged, so canonical images stay what they are. Where the model says so, what is wide or tall is first brought
nearer to a square. "photo" preprocessing keeps the whole picture.
"""

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from scipy import ndimage

from siamese.config import PreprocessConfig
from siamese.images.ink import BlankImageError, find_ink, flatten
from siamese.images.load import from_array, load_image
from siamese.images.remarks import remark_on

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["BlankImageError", "canonical_image", "canonical_images", "load_image", "read_image", "to_tensor"]


LEAST_CONTRAST = 8  # of 255, between the lightest and the darkest pixel of a photograph

STROKE_WIDTHS = (2.2, 3.6)  # px of 28: MNIST's middle 80%; thinner and thicker strokes are brought to the nearer end
BAR = (0.1, 0.3)  # shorter side by longer one: up to the first a drawing stays as it is, from the second on see _stretch
DRAWING_SIDE = 112  # px: longer side of the cropped drawing while its strokes are changed


def canonical_image(image: Image.Image, config: PreprocessConfig, image_size: int, channels: int) -> np.ndarray:
    """What the encoder sees of an image from `load_image`: uint8 (image_size, image_size), or (..., 3) for 3 channels.

    Raises BlankImageError where nothing is drawn, or a photograph is of one tone.
    """
    return read_image(image, config, image_size, channels)[0]


def read_image(image: Image.Image, config: PreprocessConfig, image_size: int, channels: int) -> tuple[np.ndarray, str]:
    """As `canonical_image`, and a remark on the picture, see siamese.images.remarks; empty where there is none."""
    if config.mode == "photo":
        return _photo_image(image, image_size, channels), ""
    remark = ""
    if image.mode == "L" and image.size == (image_size, image_size):
        canonical = np.array(image)  # a copy: what PIL hands out is read-only, which torch warns of
        if not _is_canonical(canonical, config.box_fraction):
            canonical, remark = _ink_image(image, config, image_size)
    else:
        canonical, remark = _ink_image(image, config, image_size)
    return np.repeat(canonical[..., None], 3, axis=2) if channels == 3 else canonical, remark


def canonical_images(images: np.ndarray, config: PreprocessConfig, image_size: int, channels: int) -> np.ndarray:
    """`canonical_image` of a batch: uint8 (N, H, W[, 3 or 4]) -> uint8 (N, image_size, image_size[, 3])."""
    return np.stack([canonical_image(from_array(image), config, image_size, channels) for image in images])


def to_tensor(images: "np.ndarray | Tensor") -> "Tensor":
    """Canonical images as the encoder takes them: uint8 (N, H, W) or (N, H, W, 3) -> float32 (N, C, H, W) in 0..1."""
    import torch  # takes seconds, for which what only reads images should not wait

    images = torch.as_tensor(images)
    images = images[:, None] if images.ndim == 3 else images.movedim(3, 1)  # (N, C, H, W)
    return images.float() / 255


def _is_canonical(image: np.ndarray, box_fraction: float) -> bool:
    """Whether a square image is as `_compose` makes them: black around, in the box, centred by mass.

    One px of slack each, and as much again for the box, since rounding and faint edges move what is measured.
    """
    side = len(image)
    edge = (
        int(image[0].max() < 128) + int(image[-1].max() < 128) + int(image[:, 0].max() < 128) + int(image[:, -1].max() < 128)
    )
    if edge < 3:  # strokes may run into one edge where the mass lies far from the middle of the box
        return False
    total = image.sum(dtype=np.int64)
    if not total:
        return False
    columns, rows = image.sum(axis=0, dtype=np.int64), image.sum(axis=1, dtype=np.int64)
    filled_columns, filled_rows = np.flatnonzero(image.max(axis=0) > 64), np.flatnonzero(image.max(axis=1) > 64)
    if not len(filled_columns):
        return False
    longer = max(filled_columns[-1] - filled_columns[0], filled_rows[-1] - filled_rows[0]) + 1
    if abs(longer - side * box_fraction) > 2:
        return False
    positions = np.arange(side)
    middle = (side - 1) / 2
    return all(abs(positions @ mass / total - middle) <= 1.5 for mass in (columns, rows))


def _photo_image(image: Image.Image, image_size: int, channels: int) -> np.ndarray:
    """The whole picture with its proportions kept; beside its shorter side, the pixels of its edges go on."""
    if image.mode in ("LA", "RGBA"):
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    image = image.convert("L" if channels == 1 else "RGB")
    scale = image_size / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    pixels = np.asarray(image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0))
    if int(pixels.max()) - int(pixels.min()) < LEAST_CONTRAST:
        raise BlankImageError("the image is blank: it has the same tone everywhere")
    top, left = (image_size - height) // 2, (image_size - width) // 2
    margins = [(top, image_size - height - top), (left, image_size - width - left)]
    return np.pad(pixels, margins + [(0, 0)] * (pixels.ndim - 2), mode="edge")


def _ink_image(image: Image.Image, config: PreprocessConfig, image_size: int) -> tuple[np.ndarray, str]:
    """The drawing of any image as a canonical one, uint8 (image_size, image_size), and a remark on it."""
    pixels = flatten(image)
    ink = find_ink(pixels, config.version)
    drawing = _crop(ink) if config.aspect == "kept" else _stretch(_crop(ink))
    box = image_size * config.box_fraction
    return _compose(_normalise_strokes(drawing, box), box, image_size), remark_on(ink, pixels)


def _crop(ink: np.ndarray) -> np.ndarray:
    rows, columns = np.flatnonzero(ink.max(axis=1) > 0.1), np.flatnonzero(ink.max(axis=0) > 0.1)
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _stretch(drawing: np.ndarray) -> np.ndarray:
    """A cropped drawing (h, w) in 0..1, nearer to a square where it is wide or tall, for more of the image's pixels.

    The ratio of its sides becomes its square root (Liu et al. 2004, "aspect ratio adaptive normalization"). Below BAR[1] it
    does so less and less: a bar stays one, whose strokes would only become blots.
    """
    ratio = min(drawing.shape) / max(drawing.shape)
    root = float(np.interp(ratio, BAR, (1, 0.5)))
    longer = min(max(drawing.shape), DRAWING_SIDE)  # the side that it would have later
    shorter = max(1, round(longer * ratio**root))
    return _resize_fine(drawing, (shorter, longer) if drawing.shape[0] < drawing.shape[1] else (longer, shorter))


def _normalise_strokes(drawing: np.ndarray, box: float) -> np.ndarray:
    """Thicken or thin the strokes of a cropped drawing until their width, once scaled into the box, is one MNIST has."""
    scale = DRAWING_SIDE / max(drawing.shape)
    if scale > 1 and max(drawing.shape) < box * 1.5:  # already about the final size: too coarse to measure
        return drawing
    shape = tuple(max(1, round(side * scale)) for side in drawing.shape)
    pad = DRAWING_SIDE // 8
    enlarged = np.pad(_resize_fine(drawing, shape), pad)
    inside = enlarged > 0.5
    if not inside.any():
        return drawing
    depth = ndimage.distance_transform_edt(inside)
    unit = DRAWING_SIDE / box  # px of the enlarged drawing to one px of the box
    width = 4 * depth[inside].mean() / unit  # of a bar of width w, the mean depth is w / 4
    low, high = STROKE_WIDTHS
    target = min(max(width, low), high)
    if target == width:
        return drawing
    growth = (target - width) * unit / 2
    if growth > 0:
        distance = ndimage.distance_transform_edt(~inside)
        changed = np.clip(growth + 1 - distance, 0, 1)
    else:
        # Never deeper than what keeps most of the middle lines of the strokes.
        growth = max(growth, -0.8 * float(np.percentile(depth[inside], 75)))
        changed = np.clip(depth + growth, 0, 1)
    return _crop(changed)


def _resize_fine(values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Bicubic when enlarging, area average when shrinking; float in 0..1."""
    shrinks = max(shape) < max(values.shape)
    method = Image.Resampling.HAMMING if shrinks else Image.Resampling.BICUBIC
    resized = Image.fromarray(values.astype(np.float32)).resize(shape[::-1], method)
    return np.clip(np.asarray(resized), 0, 1)


def _compose(drawing: np.ndarray, box: float, image_size: int) -> np.ndarray:
    """The drawing scaled into the box, its centre of mass in the middle; as near to it as keeps it inside the image."""
    scale = box / max(drawing.shape)
    height, width = (min(max(1, round(side * scale)), image_size) for side in drawing.shape)
    small = drawing if drawing.shape == (height, width) else _resize_fine(drawing, (height, width))
    mass = small.sum()
    canvas = np.zeros((image_size, image_size), np.float32)
    place = []
    for axis, side in enumerate((height, width)):
        centre = (np.arange(side) @ small.sum(axis=1 - axis)) / mass
        place.append(int(np.clip(round((image_size - 1) / 2 - centre), 0, image_size - side)))
    top, left = place
    canvas[top : top + height, left : left + width] = small
    return np.round(canvas * 255).astype(np.uint8)
