"""Finding the ink: which parts of a picture were drawn, on whatever paper, under whatever light."""

import numpy as np
from PIL import Image
from scipy import ndimage

from siamese.images.light import even_out, has_two_grounds, strongest_tone

WORKING_SIDE = 320  # px: the drawing is found at this resolution; a stroke of 1% of the side is still 3 px wide
SMALLEST_CONTRAST = 0.06  # of the full range: fainter marks are paper, not ink
FAINT_PART = 0.6  # of the strongest part of a photograph: what is fainter all over is the rest of a shadow
COARSE_SIDE = 64  # px: in smaller images, the shades at the edges of strokes are part of their shape


class BlankImageError(ValueError):
    """Nothing is drawn on the image."""


def flatten(image: Image.Image) -> np.ndarray:
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


def find_ink(pixels: np.ndarray, version: int = 2) -> np.ndarray:
    """How much ink there is at each pixel: float (H, W, C) in 0..1 -> float (H, W), 0 paper, 1 ink.

    `version` is that of siamese.config.PreprocessConfig: 1 takes light to change slowly, 2 knows the edges of shadows and of
    the paper. Drawings on paper of one tone, and small images, are the same in both.

    Raises BlankImageError where no mark stands out from the paper.
    """
    grey = _strongest_tone(pixels)
    if version >= 2 and min(grey.shape) >= COARSE_SIDE and has_two_grounds(grey):
        return _ink_of_photograph(pixels)
    # The typical step between neighbours: strokes and shades change over many pixels, noise at each.
    noise = 1.4826 / np.sqrt(2) * float(np.median(np.abs(np.diff(grey, axis=1)))) if grey.shape[1] > 1 else 0.0
    level = _paper_tone(grey)
    is_flat = level is not None
    deviation = grey - (level if is_flat else _local_background(grey))
    sign = _polarity(deviation, is_flat)
    signed = sign * deviation
    if not is_flat:
        # Again with the ink left out, now that it is known where about it is: a thick stroke biases its own background.
        marks = signed > 0.5 * _peak(signed, noise)
        signed = sign * (grey - _background_without(grey, ndimage.binary_dilation(marks, iterations=3)))
    ink = _threshold(signed, noise)
    ink = _without_ruling(ink)
    return _without_specks(ink, drop_border=not is_flat)


def _ink_of_photograph(pixels: np.ndarray) -> np.ndarray:
    """As `find_ink`, of paper on which shadows lie, or beside which there is something else."""
    signed = even_out(pixels)
    noise = 1.4826 / np.sqrt(2) * float(np.median(np.abs(np.diff(signed[::3], axis=1))))
    ink = _without_ruling(_threshold(signed, noise))
    return _without_specks(_without_faint_parts(ink, signed), drop_border=True)


def _without_faint_parts(ink: np.ndarray, signed: np.ndarray) -> np.ndarray:
    """The ink without parts that are nowhere near as strong as the strongest one of some size."""
    labels, count = ndimage.label(ink > 0, np.ones((3, 3)))
    if count < 2:
        return ink
    sizes, strength = (np.bincount(labels.ravel(), each.ravel())[1:] for each in (ink, ink * signed))
    strength /= np.maximum(sizes, 1e-9)
    keep = strength >= FAINT_PART * strength[sizes >= 0.03 * sizes.max()].max()
    return np.where(np.concatenate([[False], keep])[labels], ink, 0)


def _strongest_tone(pixels: np.ndarray) -> np.ndarray:
    """Colour -> one tone, along the direction in which the colours differ most: red on green is as clear as black."""
    if pixels.shape[2] == 1:
        return pixels[..., 0]
    deviation = pixels - np.median(pixels.reshape(-1, 3), axis=0)
    return deviation @ strongest_tone(deviation)


def _paper_tone(grey: np.ndarray) -> float | None:
    """The tone of the paper where it is the same all over, else None."""
    thick = max(1, round(min(grey.shape) * 0.03))
    ring = np.concatenate([grey[:thick].ravel(), grey[-thick:].ravel(), grey[:, :thick].ravel(), grey[:, -thick:].ravel()])
    level = float(np.median(ring))
    if (np.abs(ring - level) < 0.04).mean() > 0.6 or min(grey.shape) < 24:
        return level
    # A drawing cut out tightly leaves little paper at the border. It has two tones far apart, and is more paper than ink.
    middle = (grey.min() + grey.max()) / 2
    light = grey > middle
    dark_tone, light_tone = float(np.median(grey[~light])), float(np.median(grey[light]))
    between = light.mean() * (1 - light.mean()) * (grey[light].mean() - grey[~light].mean()) ** 2
    if light_tone - dark_tone > 0.45 and between > 0.85 * grey.var():
        return light_tone if light.mean() + (ring > middle).mean() > 1 else dark_tone
    return None


def _local_background(grey: np.ndarray) -> np.ndarray:
    """The median of a large window around each pixel, from a coarse copy of the image."""
    step = max(1, max(grey.shape) // 64)
    coarse = _resize(grey, (max(1, grey.shape[0] // step), max(1, grey.shape[1] // step)))
    # Light falls off smoothly, and a window at the edge sees one side only: take a curved surface off beforehand.
    y, x = (axis / max(coarse.shape) for axis in np.mgrid[: coarse.shape[0], : coarse.shape[1]])
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1).reshape(-1, 6)
    surface = (terms @ np.linalg.lstsq(terms, coarse.ravel(), rcond=None)[0]).reshape(coarse.shape)
    window = max(3, max(coarse.shape) // 3)
    background = surface + ndimage.median_filter(coarse - surface, size=window, mode="nearest")
    return _resize(ndimage.gaussian_filter(background, 2, mode="nearest"), grey.shape)


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


def _peak(signed: np.ndarray, noise: float) -> float:
    """The strongest mark, smoothed over 3x3 px so that a single noisy pixel is none; BlankImageError where it is none."""
    peak = float(ndimage.uniform_filter(signed, 3).max()) if min(signed.shape) >= 24 else float(signed.max())
    if peak < max(SMALLEST_CONTRAST, 4 * noise):
        raise BlankImageError("the image is blank: nothing is drawn on it, or it is too faint to tell from the paper")
    return peak


def _threshold(signed: np.ndarray, noise: float) -> np.ndarray:
    """Ink strength 0..1: 0 below a quarter of the typical mark, 1 from three quarters on; small images keep all shades."""
    peak = _peak(signed, noise)
    typical = np.median(signed[signed > 0.5 * peak])
    faint, full = (0.25, 0.75) if max(signed.shape) >= COARSE_SIDE else (0.02, 1.0)
    low, high = max(faint * typical, 2.5 * noise), max(full * typical, 4 * noise)
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
    margin = width // 20
    if not (mask[:, :margin].any() and mask[:, -margin:].any()):
        return ink
    # A ruling may lean a little: thickened, it still holds long level runs, which strokes do not over the whole width.
    runs = _runs(ndimage.maximum_filter1d(mask.astype(np.uint8), 3, axis=0), max(9, width // 8), axis=1)
    labels, count = ndimage.label(runs, np.ones((3, 3)))
    lines, found, thickness = np.zeros_like(mask), 0, 0.0
    for number, place in enumerate(ndimage.find_objects(labels, count), 1):
        part = labels[place] == number
        thick = float(np.median(part.sum(axis=0)))  # of the line where no stroke crosses it, and 2 px of the thickening
        if place[1].stop - place[1].start >= 0.6 * width and thick <= 0.03 * height + 2:
            lines[place] |= part
            found, thickness = found + 1, max(thickness, thick)
    if not found:
        return ink
    # Where a stroke crosses or runs along, the mark is taller than the line: keep it.
    thin = mask & ~_runs(mask.astype(np.uint8), int(thickness) + 1, axis=0)
    lines &= thin
    rest = thin & ~lines
    if rest.sum() < 0.3 * (mask & ~lines).sum():  # the pen is thicker than the ruling, so thin level bits are ruling as well
        lines |= thin & _runs(ndimage.maximum_filter1d(rest.astype(np.uint8), 3, axis=0), max(5, width // 40), axis=1)
    # One or two lines may be strokes of a sign that fills its picture, as in 4 or 7: then the rest of it fills it too.
    others = np.flatnonzero((mask & ~lines).any(axis=1))
    if found < 3 and (not len(others) or others[0] < height // 20 or others[-1] >= height - height // 20):
        return ink
    return np.where(lines, 0, ink)


def _runs(mask: np.ndarray, length: int, axis: int) -> np.ndarray:
    """The pixels of runs of at least about `length` marked pixels along an axis (a morphological opening), bool."""
    size = length | 1  # odd, so that the window has a middle
    return ndimage.maximum_filter1d(ndimage.minimum_filter1d(mask, size, axis), size, axis).astype(bool)


def _without_specks(ink: np.ndarray, drop_border: bool) -> np.ndarray:
    """The ink without parts under 3% of the largest, nor, on a photograph, such as run out of the picture."""
    labels, count = ndimage.label(ink > 0.3, np.ones((3, 3)))
    if not count:
        raise BlankImageError("the image is blank: there is nothing on it but the lines of the paper")
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
