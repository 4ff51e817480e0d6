"""The pair that is drawn as the page opens, stroke by stroke: one digit in two hands, as nobody would have to be told."""

import itertools
import math
from collections.abc import Sequence

from PIL import Image, ImageDraw

from siamese.demo.compare import view
from siamese.demo.compare.comparison import compare
from siamese.demo.inputs import BRUSH_RADIUS, CANVAS
from siamese.verifier import Verifier

# Points of each stroke of each drawing, in hundredths of the paper's side.
Stroke = Sequence[tuple[int, int]]
PAIR: tuple[tuple[Stroke, ...], tuple[Stroke, ...]] = (
    (
        (
            (31, 32), (33, 25), (39, 18), (48, 15), (57, 17), (63, 23), (65, 31), (63, 40), (57, 49), (49, 58), (40, 67),
            (31, 75), (25, 79), (22, 77), (24, 72), (30, 70), (38, 73), (48, 78), (58, 81), (67, 80), (74, 76),
        ),
    ),
    (
        ((33, 28), (38, 20), (48, 16), (58, 18), (65, 25), (65, 34), (60, 44), (52, 54), (43, 65), (34, 77), (32, 80)),
        ((32, 80), (45, 80), (58, 80), (70, 80)),
    ),
)  # fmt: skip
SPEED = 0.01  # s for each hundredth of the paper's side
PAUSE = 0.3  # s, before each stroke


def opening(verifier: Verifier) -> str:
    """The pair and what the model says of it, as HTML; empty where it knows no such drawings, and is not sure."""
    found = compare(verifier, [drawing(strokes) for strokes in PAIR])
    verdict = found.verdict(verifier.config.calibration.threshold)
    if verdict is None or verdict.is_familiar is False or verdict.remark or verifier.config.preprocess.mode != "ink":
        return ""
    begin, shown = 0.0, []
    for strokes in PAIR:
        svg, begin = animation(strokes, begin)
        shown.append(svg)
    return view.opening(found.seen, verdict, shown)


def drawing(strokes: Sequence[Stroke]) -> Image.Image:
    """What a sketchpad would hold after these strokes: mode "L", dark on white."""
    paper = Image.new("L", (CANVAS, CANVAS), "white")
    pen = ImageDraw.Draw(paper)
    for stroke in strokes:
        points = [(x * CANVAS / 100, y * CANVAS / 100) for x, y in smooth(stroke)]
        pen.line(points, "black", 2 * BRUSH_RADIUS)
        for point in points:  # round joints and ends
            pen.circle(point, BRUSH_RADIUS, "black")
    return paper


def animation(strokes: Sequence[Stroke], begin: float) -> tuple[str, float]:
    """The strokes as SVG that is drawn from the second `begin` on, and the second in which it is complete."""
    lines = ""
    for stroke in strokes:
        begin += PAUSE
        points = smooth(stroke)
        seconds = SPEED * sum(math.dist(*step) for step in itertools.pairwise(points))
        joined = " ".join(f"{x:.4g},{y:.4g}" for x, y in points)
        style = f"animation-delay: {begin:.2f}s; animation-duration: {seconds:.2f}s"
        lines += f'<polyline pathLength="1" points="{joined}" style="{style}"></polyline>'
        begin += seconds
    width = 200 * BRUSH_RADIUS / CANVAS
    return f'<svg viewBox="0 0 100 100" stroke-width="{width:g}" aria-hidden="true">{lines}</svg>', begin


def smooth(stroke: Stroke) -> list[tuple[float, float]]:
    """A stroke without corners: each is cut off, and what that leaves once more (Chaikin 1974)."""
    points = list(stroke)
    for _ in range(2):
        cut = [
            (a + (b - a) * share, c + (d - c) * share)
            for (a, c), (b, d) in itertools.pairwise(points)
            for share in (0.25, 0.75)
        ]
        points = [points[0], *cut, points[-1]]
    return points
