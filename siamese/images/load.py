"""Any image source -> a decoded, upright image within bounds."""

import contextlib
import functools
import io
import os
import threading
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from siamese.images.formats import HEIC, HEIC_ADVICE, LONGEST_BEGINNING
from siamese.images.ink import WORKING_SIDE

MAX_SIDE = 12_000  # px
MAX_PIXELS = 50_000_000  # what phones of 2026 make; decoded as RGBA this is 200 MB
MAX_FILE_BYTES = 100_000_000
MOST_AT_ONCE = MAX_PIXELS  # of all pictures that are decoded at the same time, see Decoding
LFS_POINTER = b"version https://git-lfs.github.com/spec/"  # how a text begins that Git LFS leaves in place of a file

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM", "AVIF", "JPEG2000")


class Decoding:
    """One bound on the pixels that all threads together hold decoded: a file of 100 KB may take 250 MB when it is opened.

    `with decoding.turn() as turn: use(load_image(source, turn))` waits, once the size of the picture is known, until it and
    all others have at most `most` pixels, or it is alone. Each turn is for one picture, and ends with the block.
    """

    def __init__(self, most: int) -> None:
        self.most, self.held = most, 0
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def turn(self) -> Iterator["Turn"]:
        """A turn."""
        turn = Turn(self)
        try:
            yield turn
        except Exception as error:
            _let_go(error)
            raise
        finally:
            turn.wait_for(0)

    def exchange(self, before: int, now: int) -> None:
        """Give so many pixels back, and wait until as many as `now` can be had."""
        with self._changed:
            self.held -= before
            self._changed.notify_all()
            self._changed.wait_for(lambda: now == 0 or self.held == 0 or self.held + now <= self.most)
            self.held += now


class Turn:
    """What one thread holds of a Decoding."""

    def __init__(self, decoding: Decoding) -> None:
        self._decoding, self._pixels = decoding, 0

    def wait_for(self, pixels: int) -> None:
        """Hold so many pixels, instead of those before, once that is possible."""
        self._pixels, before = 0, self._pixels
        self._decoding.exchange(before, pixels)
        self._pixels = pixels


def _let_go(error: BaseException | None) -> None:
    """Keep no picture alive through an error, which remembers all that was at hand where it was raised."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


DECODING = Decoding(MOST_AT_ONCE)


class NotAnImageError(ValueError):
    """A file that is not an image of a format that is read here."""


def load_image(source: str | os.PathLike | bytes | Image.Image | np.ndarray, turn: Turn | None = None) -> Image.Image:
    """Open, bound and upright an image: a PIL image of mode L, LA, RGB or RGBA, uint8.

    `source` is a path, the bytes of a file, a PIL image, or a uint8 array (H, W), (H, W, 3) or (H, W, 4). Raises ValueError
    that says what is wrong: no such file, not an image or of another format (NotAnImageError), too large, damaged. Sizes
    are checked before any pixel is decoded, and with a `turn` that is waited for; see Decoding.
    """
    if isinstance(source, np.ndarray):
        return from_array(source)
    if isinstance(source, Image.Image):
        _check_size(source.size)
        if turn:
            turn.wait_for(source.width * source.height)
        return _decode(source, "image")
    if isinstance(source, bytes):
        return _read(io.BytesIO(source), len(source), "it", turn)
    if not isinstance(source, str | os.PathLike):
        raise ValueError(f"image is a {type(source).__name__}, allowed: a path, a PIL image or a uint8 numpy array")
    path = Path(source)
    if not path.is_file():
        raise ValueError(f"{str(path)!r} is not a file")
    try:
        with path.open("rb") as file:
            return _read(file, path.stat().st_size, repr(path.name), turn)
    except OSError as error:
        raise ValueError(f"{path.name!r} cannot be read: {error}") from error


def _read(file: BinaryIO, size: int, name: str, turn: Turn | None) -> Image.Image:
    """The image in a file of `size` bytes, called `name` where something is wrong with it."""
    if size > MAX_FILE_BYTES:
        raise ValueError(f"{name} has {size:,} bytes, allowed: at most {MAX_FILE_BYTES:,}")
    try:
        with Image.open(file, formats=_formats()) as image:
            _check_size(image.size)
            image.draft("RGB", (2 * WORKING_SIDE, 2 * WORKING_SIDE))  # JPEG: decode no more than is needed
            if turn:
                turn.wait_for(image.width * image.height)
            return _decode(image, name)
    except UnidentifiedImageError as error:
        file.seek(0)
        beginning = file.read(max(LONGEST_BEGINNING, len(LFS_POINTER)))
        if HEIC.match(beginning):
            raise NotAnImageError(f"{name} {'is damaged' if 'HEIF' in _formats() else f'is {HEIC_ADVICE}'}") from error
        if beginning.startswith(LFS_POINTER):
            raise NotAnImageError(
                f"{name} only points to a picture that Git LFS keeps elsewhere: run `git lfs pull` where it lies"
            ) from error
        raise NotAnImageError(f"{name} is not an image, allowed: {', '.join(FORMATS)}") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:  # the latter where warnings are errors
        raise ValueError(f"{name} is too large, allowed: at most {MAX_PIXELS:,} pixels") from error
    except OSError as error:
        raise ValueError(f"{name} cannot be read: {error}") from error


@functools.cache
def _formats() -> tuple[str, ...]:
    """FORMATS, and HEIC where pillow-heif is installed."""
    try:
        import pillow_heif
    except ImportError:
        return FORMATS
    pillow_heif.register_heif_opener()
    return (*FORMATS, "HEIF")


def ignore_pillow_warnings() -> None:
    """Have a program print no warnings of Pillow's, on metadata and on sizes that we judge ourselves.

    For the beginning of a program, since what Python does with warnings is one thing for all threads.
    """
    warnings.filterwarnings("ignore", module=r"PIL\.", append=True)


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
    transparent = _transparent_colour(image)  # decoding forgets how it is to be read
    try:
        image.load()
        image = ImageOps.exif_transpose(image)
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise ValueError(f"{name} is damaged or incomplete: {error}") from error
    if image.mode.startswith("I") or image.mode == "F":
        return _stretch(np.asarray(image, dtype=np.float32), transparent, name)
    if image.mode in ("1", "L", "RGB"):
        if transparent is None:
            return image.convert("L") if image.mode == "1" else image
        image.info["transparency"] = transparent  # of a copy: turning it upright made one
        return image.convert("RGBA" if image.mode == "RGB" else "LA")
    if image.mode in ("LA", "RGBA"):
        return image
    has_transparency = "transparency" in image.info or image.mode in ("PA", "La", "RGBa")
    return image.convert("RGBA" if has_transparency else "RGB")


def _transparent_colour(image: Image.Image) -> int | tuple[int, int, int] | None:
    """The one colour that stands for "transparent" (tRNS of PNG), as decoded pixels hold it; None where there is none.

    To be asked before decoding. Pillow gives the number as the file holds it, whose pixels may have 1 to 16 bits.
    """
    colour = image.info.get("transparency")
    layout = image.tile[0].args if getattr(image, "tile", None) else image.mode
    if image.mode == "RGB" and isinstance(colour, tuple) and len(colour) == 3:
        return tuple(int(part) >> 8 for part in colour) if layout == "RGB;16B" else tuple(int(part) & 255 for part in colour)
    if image.mode in ("1", "L", "I;16", "I") and isinstance(colour, int):
        return colour * {"L;2": 85, "L;4": 17}.get(layout, 1) if isinstance(layout, str) else colour
    return None


def _stretch(values: np.ndarray, transparent: int | None, name: str) -> Image.Image:
    """Pixels of 16 or 32 bits (H, W), of which those are stretched to 0..255 that can be seen: mode L or LA."""
    if not np.isfinite(values).all():
        raise ValueError(f"{name} holds values that are not finite")
    is_seen = np.ones(values.shape, bool) if transparent is None else values != transparent
    low, high = (values[is_seen].min(), values[is_seen].max()) if is_seen.any() else (0, 0)
    grey = Image.fromarray(((np.clip(values, low, high) - low) * (255 / max(high - low, 1e-9))).astype(np.uint8))
    return grey if transparent is None else Image.merge("LA", (grey, Image.fromarray(np.uint8(255) * is_seen)))
