"""A page of small pictures with captions, in one file that needs nothing beside it and loads nothing from anywhere."""

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from siamese.config import readable
from siamese.images.load import load_image
from siamese.model_folder.files import write_text

STYLE = Path(__file__).with_name("contact_sheet.css")
SIDE = 144  # px
MOST_PICTURES = 2000  # on a page, 10 MB: browsers open it in a moment


class Section(NamedTuple):
    """Pictures below a heading."""

    heading: str
    pictures: Sequence[tuple[Path, str, bool]]  # the file, what stands below it, and whether it is marked


def write_sheet(place: Path, title: str, sections: Sequence[Section]) -> None:
    """Write the page, of the first MOST_PICTURES pictures. Names and captions are shown as they are, whatever they hold.

    Raises WriteError.
    """
    parts, room = [], MOST_PICTURES
    for section in sections:
        shown = section.pictures[:room]
        room -= len(shown)
        items = "".join(_item(*picture) for picture in shown)
        parts.append(f"<h2>{_escaped(section.heading)}</h2><ul>{items}</ul>" if shown or not section.pictures else "")
    left = sum(len(section.pictures) for section in sections) - MOST_PICTURES
    parts.append(f"<p>{left:,} more pictures are not shown.</p>" if left > 0 else "")
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    write_text(
        place,
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{_escaped(title)}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE.read_text(encoding="utf-8")}</style></head>'
        f"<body><h1>{_escaped(title)}</h1>{''.join(parts)}</body></html>\n",
    )


def _item(file: Path, caption: str, is_marked: bool) -> str:
    kind, name = ' class="marked"' if is_marked else "", _escaped(str(file))
    return f'<li{kind}><img src="{_small(file)}" alt="{name}" loading="lazy"><p>{_escaped(caption)}</p></li>'


def _small(file: Path) -> str:
    """The picture as a data URI; empty where it cannot be read any more."""
    try:
        image = load_image(file)
    except ValueError:
        return "data:,"
    if image.mode in ("LA", "RGBA"):
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    image = image.convert("RGB")
    image.thumbnail((2 * SIDE, 2 * SIDE))  # sharp on screens with two pixels for one
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _escaped(text: str) -> str:
    return html.escape(readable(text))
