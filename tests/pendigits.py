"""Digits drawn with a pen on a tablet, rendered as a sketchpad would show them: black strokes on white.

The file is the UCI "Pen-Based Recognition of Handwritten Digits" (Alpaydin and Alimoglu 1998, CC BY 4.0): per line 8 points
x, y in 0..100 (y up) in drawing order, then the digit. Pen lifts are lost, so some digits have a joining stroke.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

OVERSAMPLING = 4  # drawn this much larger and averaged down: smooth edges, as a browser's canvas has


def load_pendigits(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Strokes float (N, 8, 2) of x, y in 0..100 (y up) and digits int64 (N,)."""
    rows = np.loadtxt(path, delimiter=",", dtype=np.int64)
    return rows[:, :16].reshape(-1, 8, 2).astype(float), rows[:, 16]


def render(stroke: np.ndarray, canvas: int = 280, brush: float = 0.05, x_scale: float = 0.7) -> Image.Image:
    """Draw one stroke (8, 2) with a round brush of width `brush` (share of the canvas): mode L, black on white.

    The points are joined by a Catmull-Rom curve; x is narrowed by `x_scale`, since the data stretches it to 0..100.
    """
    points = np.array([[0.5 + (x / 100 - 0.5) * x_scale, 1 - y / 100] for x, y in stroke])
    curve = _catmull_rom(0.1 + 0.8 * points) * canvas * OVERSAMPLING
    image = Image.new("L", (canvas * OVERSAMPLING,) * 2, 255)
    draw = ImageDraw.Draw(image)
    radius = brush * canvas * OVERSAMPLING / 2
    for x, y in curve:
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=0)
    return image.resize((canvas, canvas), Image.Resampling.BOX)


def _catmull_rom(points: np.ndarray, steps: int = 40) -> np.ndarray:
    """Points on the smooth curve through `points` (N, 2): ((N - 1) * steps, 2)."""
    padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = np.linspace(0, 1, steps)[:, None]
    parts = []
    for before, start, end, after in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        parts.append(
            0.5
            * (
                2 * start
                + (end - before) * t
                + (2 * before - 5 * start + 4 * end - after) * t**2
                + (3 * start - before - 3 * end + after) * t**3
            )
        )
    return np.concatenate(parts)
