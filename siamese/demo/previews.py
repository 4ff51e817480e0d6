"""Pictures of formats that browsers do not show, such as TIFF and PGM, as ones that they do."""

from PIL import Image

from siamese.images.load import DECODING, load_image

SHOWN_BY_BROWSERS = ("PNG", "JPEG", "MPO", "WEBP", "GIF", "BMP", "AVIF")
MOST_PIXELS = 12_000_000  # of a preview: to make and to send one of more takes longer than one would wait


def preview(path: str | None) -> Image.Image | None:
    """The same picture, pixel by pixel, for a browser to show; None where it shows the file itself, or nobody can."""
    if path is None:
        return None
    try:
        with Image.open(path) as opened:
            if opened.format in SHOWN_BY_BROWSERS or opened.width * opened.height > MOST_PIXELS:
                return None
        with DECODING.turn() as turn:
            return load_image(path, turn)
    except (ValueError, OSError, SyntaxError, Image.DecompressionBombError):  # what is wrong with it, the answer says
        return None
