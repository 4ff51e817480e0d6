"""Any image source -> a decoded, upright image within bounds."""

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from siamese.images.ink import WORKING_SIDE

if TYPE_CHECKING:
    pass

MAX_SIDE = 12_000  # px

MAX_PIXELS = 50_000_000  # what phones of 2026 make; decoded as RGBA this is 200 MB

MAX_FILE_BYTES = 100_000_000

LFS_POINTER = b"version https://git-lfs.github.com/spec/"  # how a text begins that Git LFS leaves in place of a file

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")


def load_image(source: str | os.PathLike | Image.Image | np.ndarray) -> Image.Image:
    """Open, bound and upright an image: a PIL image of mode L, LA, RGB or RGBA, uint8.

    `source` is a path, a PIL image, or a uint8 array (H, W), (H, W, 3) or (H, W, 4). Raises ValueError that says what is
    wrong: no such file, not an image, another format, too large, damaged. Sizes are checked before any pixel is decoded.
    """
    if isinstance(source, np.ndarray):
        return from_array(source)
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
        if is_lfs_pointer(path):
            raise ValueError(
                f"{path.name!r} only points to a picture that Git LFS keeps elsewhere: run `git lfs pull` where it lies"
            ) from error
        raise ValueError(f"{path.name!r} is not an image, allowed: {', '.join(FORMATS)}") from error
    except Image.DecompressionBombError as error:
        raise ValueError(f"{path.name!r} is too large, allowed: at most {MAX_PIXELS:,} pixels") from error
    except OSError as error:
        raise ValueError(f"{path.name!r} cannot be read: {error}") from error


def is_lfs_pointer(path: Path) -> bool:
    """Whether a file is not what its name says but what Git LFS leaves in its place where the content was not fetched."""
    with path.open("rb") as file:
        return file.read(len(LFS_POINTER)) == LFS_POINTER


def _check_size(size: tuple[int, int]) -> None:
    width, height = size
    if min(size) < 1 or max(size) > MAX_SIDE or width * height > MAX_PIXELS:
        raise ValueError(
            f"image is {width}x{height} px, allowed: 1 to {MAX_SIDE} px a side and at most {MAX_PIXELS:,} pixels in all"
        )


def from_array(array: np.ndarray) -> Image.Image:
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
