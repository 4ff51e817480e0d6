"""Characters that six people drew with a stylus, rendered as a sketchpad would show them: black strokes on white.

The file is "Russian Tracked Handwritings" (Yacenko and Smirnov, doi 10.17632/3h6h5d7xg2.1) as a table of writer, session,
label and strokes: pen-downs parted by "|", points "x:y" in px, y down, parted by spaces, in drawing order.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw


@dataclass(frozen=True)
class Drawing:
    """A character as it was drawn."""

    writer: str
    day: str
    sign: str
    strokes: tuple[np.ndarray, ...]  # float (P, 2) each: x and y in px, y down

    def render(self, brush: float = 20, size: float = 260, canvas: int = 400) -> Image.Image:
        """With a round brush, its longer side `size`, in the middle of a canvas, all in px: mode L, black on white."""
        low, high = (end(np.concatenate(self.strokes), axis=0) for end in (np.min, np.max))
        scale, radius = size / max(*(high - low), 1), brush / 2
        image = Image.new("L", (canvas, canvas), 255)
        draw = ImageDraw.Draw(image)
        for stroke in self.strokes:
            points = [tuple(point) for point in (stroke - (low + high) / 2) * scale + canvas / 2]
            draw.line(points, fill=0, width=round(brush), joint="curve")
            for x, y in points:
                draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=0)
        return image


def load_tablet(path: str | Path) -> list[Drawing]:
    """The drawings in the order of the file."""
    with open(path, encoding="utf-8", newline="") as file:
        return [
            Drawing(row["writer"], row["session"], row["label"], tuple(_strokes(row["strokes"])))
            for row in csv.DictReader(file)
        ]


def _strokes(text: str) -> Iterator[np.ndarray]:
    for stroke in text.split("|"):
        if stroke.strip():
            yield np.array([point.split(":") for point in stroke.split()], float)
