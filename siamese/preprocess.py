"""Any image -> the canonical image that the encoder sees: the one path of training data, command line and demo.

"ink" preprocessing follows how MNIST itself was made (LeCun et al. 1998): find the drawing, scale it into a 20 px box with
its proportions kept, put its centre of mass in the middle of 28 px, light on black. An image that is made like that already
passes unchanged, so canonical images stay what they are.
"""

import os
import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from scipy import ndimage
from torch import Tensor

from siamese.config import PreprocessConfig

MAX_SIDE = 12_000  # px
MAX_PIXELS = 50_000_000  # what phones of 2026 make; decoded as RGBA this is 200 MB
MAX_FILE_BYTES = 100_000_000
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "MPO")

WORKING_SIDE = 320  # px: the drawing is found at this resolution; a stroke of 1% of the side is still 3 px wide
SMALLEST_CONTRAST = 0.06  # of the full range: fainter marks are paper, not ink
STROKE_WIDTHS = (2.2, 3.6)  # px of 28: MNIST's middle 80%; thinner and thicker strokes are brought to the nearer end
DRAWING_SIDE = 112  # px: longer side of the cropped drawing while its strokes are changed


class BlankImageError(ValueError):
    """Nothing is drawn on the image."""


def load_image(source: str | os.PathLike | Image.Image | np.ndarray) -> Image.Image:
    """Open, bound and upright an image: a PIL image of mode L, LA, RGB or RGBA, uint8.

    `source` is a path, a PIL image, or a uint8 array (H, W), (H, W, 3) or (H, W, 4). Raises ValueError that says what is
    wrong: no such file, not an image, another format, too large, damaged. Sizes are checked before any pixel is decoded.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, Image.Image):
        _check_size(source.size)
        return _decode(source, "image")
    if not isinstance(source, str | os.PathLike):
        raise ValueError(f"image is a {type(source).__name__}, allowed: a path, a PIL image or a uint8 numpy array")
    path = Path(source)
    if not path.is_file():
        raise ValueError(f"{str(path)!r} is not a file")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise ValueError(f"{path.name!r} has {path.stat().st_size:,} bytes, allowed: at most {MAX_FILE_BYTES:,}")
    try:
        with warnings.catch_warnings(), Image.open(path, formats=FORMATS) as image:
            warnings.simplefilter("ignore")  # Pillow warns of sizes below our own limit
            _check_size(image.size)
            image.draft("RGB", (2 * WORKING_SIDE, 2 * WORKING_SIDE))  # JPEG: decode no more than is needed
            return _decode(image, repr(path.name))
    except UnidentifiedImageError as error:
        raise ValueError(f"{path.name!r} is not an image, allowed: {', '.join(FORMATS)}") from error
    except Image.DecompressionBombError as error:
        raise ValueError(f"{path.name!r} is too large, allowed: at most {MAX_PIXELS:,} pixels") from error
    except OSError as error:
        raise ValueError(f"{path.name!r} cannot be read: {error}") from error


def canonical_image(image: Image.Image, config: PreprocessConfig, image_size: int, channels: int) -> np.ndarray:
    """What the encoder sees of an image from `load_image`: uint8 (image_size, image_size), or (..., 3) for 3 channels.

    Raises BlankImageError where nothing is drawn.
    """
    if image.mode == "L" and image.size == (image_size, image_size):
        canonical = np.asarray(image)
        if not _is_canonical(canonical, config.box_fraction):
            canonical = _ink_image(image, config, image_size)
    else:
        canonical = _ink_image(image, config, image_size)
    return np.repeat(canonical[..., None], 3, axis=2) if channels == 3 else canonical


def canonical_images(images: np.ndarray, config: PreprocessConfig, image_size: int, channels: int) -> np.ndarray:
    """`canonical_image` of a batch: uint8 (N, H, W[, 3 or 4]) -> uint8 (N, image_size, image_size[, 3])."""
    return np.stack([canonical_image(_from_array(image), config, image_size, channels) for image in images])


def to_tensor(images: np.ndarray | Tensor) -> Tensor:
    """Canonical images as the encoder takes them: uint8 (N, H, W) or (N, H, W, 3) -> float32 (N, C, H, W) in 0..1."""
    images = torch.as_tensor(images)
    images = images[:, None] if images.ndim == 3 else images.movedim(3, 1)  # (N, C, H, W)
    return images.float() / 255


def _check_size(size: tuple[int, int]) -> None:
    width, height = size
    if min(size) < 1 or max(size) > MAX_SIDE or width * height > MAX_PIXELS:
        raise ValueError(
            f"image is {width}x{height} px, allowed: 1 to {MAX_SIDE} px a side and at most {MAX_PIXELS:,} pixels in all"
        )


def _from_array(array: np.ndarray) -> Image.Image:
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise ValueError(
            f"image is a {array.dtype} array of shape {array.shape}, allowed: uint8 of shape (H, W), (H, W, 3) or (H, W, 4)"
        )
    _check_size((array.shape[1], array.shape[0]))
    return Image.fromarray(np.ascontiguousarray(array))


def _decode(image: Image.Image, name: str) -> Image.Image:
    """The pixels, turned as EXIF says, as mode L, LA, RGB or RGBA."""
    try:
        image.load()
        image = ImageOps.exif_transpose(image)
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise ValueError(f"{name} is damaged or incomplete: {error}") from error
    if image.mode.startswith("I") or image.mode == "F":  # 16 and 32 bits a pixel: stretch what is there to 0..255
        values = np.asarray(image, dtype=np.float32)
        if not np.isfinite(values).all():
            raise ValueError(f"{name} holds values that are not finite")
        low, high = values.min(), values.max()
        image = Image.fromarray(((values - low) * (255 / max(high - low, 1e-9))).astype(np.uint8))
    if image.mode in ("L", "LA", "RGB", "RGBA"):
        return image
    has_transparency = "transparency" in image.info or image.mode in ("PA", "La", "RGBa")
    return image.convert("L" if image.mode == "1" else "RGBA" if has_transparency else "RGB")


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


# ---- Finding the ink ----


def _ink_image(image: Image.Image, config: PreprocessConfig, image_size: int) -> np.ndarray:
    """The drawing of any image as a canonical one, uint8 (image_size, image_size)."""
    ink = _find_ink(_flatten_transparency(image))
    drawing = _crop(ink)
    box = image_size * config.box_fraction
    return _compose(_normalise_strokes(drawing, box), box, image_size)


def _flatten_transparency(image: Image.Image) -> np.ndarray:
    """Float (H, W, 1 or 3) in 0..1, at most WORKING_SIDE px a side, transparent parts white, or black around light ink."""
    if max(image.size) > WORKING_SIDE:
        image = image.copy()
        image.thumbnail((WORKING_SIDE, WORKING_SIDE), Image.Resampling.BOX, reducing_gap=2.0)
    pixels = np.asarray(image, dtype=np.float32) / 255
    if pixels.ndim == 2:
        return pixels[..., None]
    if image.mode in ("L", "RGB"):
        return pixels
    colour, alpha = pixels[..., :-1], pixels[..., -1:]
    if alpha.max() == 0:
        raise BlankImageError("the image is blank: it is fully transparent")
    is_light = (colour.mean(axis=2, keepdims=True) * alpha).sum() > 0.5 * alpha.sum()
    background = 0.0 if is_light and alpha.min() < 0.5 else 1.0
    return colour * alpha + background * (1 - alpha)


def _find_ink(pixels: np.ndarray) -> np.ndarray:
    """How much ink there is at each pixel: float (H, W, C) in 0..1 -> float (H, W), 0 paper, 1 ink.

    Raises BlankImageError where no mark stands out from the paper.
    """
    grey = _strongest_tone(pixels)
    is_flat, level = _border(grey)
    height, width = grey.shape
    tiny = min(height, width) < 24
    deviation = grey - level if is_flat or tiny else grey - _local_background(grey)
    sign = _polarity(deviation, is_flat or tiny)
    signed = sign * deviation
    if not (is_flat or tiny):
        # Again with the ink left out, now that it is known where about it is: a thick stroke biases its own background.
        marks = signed > 0.5 * _peak(signed)
        signed = sign * (grey - _background_without(grey, ndimage.binary_dilation(marks, iterations=3)))
    noise = 1.4826 * np.median(np.abs(signed - np.median(signed)))
    ink = _threshold(signed, noise)
    ink = _without_ruling(ink)
    return _without_specks(ink, drop_border=not (is_flat or tiny))


def _strongest_tone(pixels: np.ndarray) -> np.ndarray:
    """Colour -> one tone, along the direction in which the colours differ most: red on green is as clear as black."""
    if pixels.shape[2] == 1:
        return pixels[..., 0]
    deviation = pixels - np.median(pixels.reshape(-1, 3), axis=0)
    flat = deviation.reshape(-1, 3)
    _, directions = np.linalg.eigh(flat.T @ flat)
    direction = directions[:, -1]
    direction = direction if direction.sum() >= 0 else -direction
    return deviation @ (direction / np.abs(direction).sum())


def _border(grey: np.ndarray) -> tuple[bool, float]:
    """Whether the border has one even tone for the most part, and that tone."""
    thick = max(1, round(min(grey.shape) * 0.03))
    ring = np.concatenate([grey[:thick].ravel(), grey[-thick:].ravel(), grey[:, :thick].ravel(), grey[:, -thick:].ravel()])
    level = float(np.median(ring))
    return bool((np.abs(ring - level) < 0.04).mean() > 0.6), level


def _local_background(grey: np.ndarray) -> np.ndarray:
    """The median of a large window around each pixel, from a coarse copy of the image."""
    step = max(1, max(grey.shape) // 64)
    coarse = grey[::step, ::step]
    window = max(3, max(coarse.shape) // 3)
    background = ndimage.median_filter(coarse, size=window, mode="nearest")
    return _resize(ndimage.gaussian_filter(background, 2), grey.shape)


def _background_without(grey: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """The blurred image as it would be without the marked pixels (normalised convolution)."""
    sigma = max(grey.shape) / 16
    step = max(1, int(sigma // 3))
    weight = ndimage.uniform_filter((~marks).astype(np.float32), step)[::step, ::step]
    total = ndimage.uniform_filter(np.where(marks, 0, grey), step)[::step, ::step]
    weight, total = (ndimage.gaussian_filter(each, sigma / step, mode="nearest") for each in (weight, total))
    return _resize(total / np.maximum(weight, 1e-3), grey.shape)


def _resize(values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    resized = Image.fromarray(values.astype(np.float32)).resize(shape[::-1], Image.Resampling.BILINEAR)
    return np.asarray(resized)


def _polarity(deviation: np.ndarray, is_flat: bool) -> int:
    """1 for ink lighter than the paper, -1 for darker."""
    if is_flat:  # the border is paper: ink is whatever differs from it, most strongly where both kinds do
        return 1 if (np.maximum(deviation, 0) ** 2).sum() >= (np.minimum(deviation, 0) ** 2).sum() else -1
    return 1 if (deviation**3).sum() >= 0 else -1  # strokes are few and strong, so they make the long tail


def _peak(signed: np.ndarray) -> float:
    """The strongest mark, smoothed over 3x3 px so that a single noisy pixel is none."""
    return float(ndimage.uniform_filter(signed, 3).max()) if min(signed.shape) >= 24 else float(signed.max())


def _threshold(signed: np.ndarray, noise: float) -> np.ndarray:
    """Ink strength 0..1: 0 below a quarter of the typical mark, 1 from three quarters on."""
    peak = _peak(signed)
    if peak < max(SMALLEST_CONTRAST, 4 * noise):
        raise BlankImageError("the image is blank: nothing is drawn on it, or it is too faint to tell from the paper")
    typical = np.median(signed[signed > 0.5 * peak])
    low, high = max(0.25 * typical, 2.5 * noise), max(0.75 * typical, 4 * noise)
    return np.clip((signed - low) / (high - low), 0, 1)


def _without_ruling(ink: np.ndarray) -> np.ndarray:
    """The ink without the lines of ruled or squared paper: thin, straight, from one side of the image to the other."""
    for axis in (0, 1):
        ink = _without_rows(ink) if axis == 0 else _without_rows(ink.T).T
    return ink


def _without_rows(ink: np.ndarray) -> np.ndarray:
    height, width = ink.shape
    if min(height, width) < 64:  # too coarse to tell a ruling from a stroke
        return ink
    mask = ink > 0.1
    # A ruling may lean a little: thickened, it still holds long level runs, which strokes do not over the whole width.
    runs = ndimage.binary_opening(ndimage.binary_dilation(mask, np.ones((3, 1))), np.ones((1, max(9, width // 8))))
    labels, count = ndimage.label(runs, np.ones((3, 3)))
    lines = np.zeros_like(mask)
    for number, place in enumerate(ndimage.find_objects(labels, count), 1):
        part = labels[place] == number
        spans = place[1].stop - place[1].start >= 0.9 * width
        if spans and np.median(part.sum(axis=0)) <= 0.04 * height + 3:
            lines[place] |= part
    if not lines.any():
        return ink
    # Where a stroke crosses, the mark is taller than the line: keep it.
    tallest = 3 + np.median(lines.sum(axis=0)[lines.any(axis=0)])
    tall = ndimage.binary_opening(mask, np.ones((int(tallest), 1)))
    return np.where(lines & ~tall, 0, ink)


def _without_specks(ink: np.ndarray, drop_border: bool) -> np.ndarray:
    """The ink without parts under 3% of the largest, nor, on a photograph, such as run out of the picture."""
    labels, count = ndimage.label(ink > 0.3, np.ones((3, 3)))
    if not count:
        raise BlankImageError("the image is blank: there is nothing on it but the ruling of the paper")
    if count == 1:
        return ink
    sizes = ndimage.sum_labels(ink, labels, np.arange(1, count + 1))
    keep = sizes >= 0.03 * sizes.max()
    if drop_border:
        inner = np.ones(count, bool)
        edge = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
        inner[np.unique(edge[edge > 0]) - 1] = False
        if sizes[inner].sum() >= 0.2 * sizes.sum():
            keep = inner & (sizes >= 0.03 * sizes[inner].max())
    # The soft rim of a part goes with it: look up the nearest part rather than the pixel's own.
    nearest = ndimage.maximum_filter(labels * np.concatenate([[False], keep])[labels], 5)
    return np.where(nearest > 0, ink, 0)


# ---- Making it canonical ----


def _crop(ink: np.ndarray) -> np.ndarray:
    rows, columns = np.flatnonzero(ink.max(axis=1) > 0.25), np.flatnonzero(ink.max(axis=0) > 0.25)
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


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
