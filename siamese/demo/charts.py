"""Where a pair stands among the test pairs, and what a threshold would accept: SVG and HTML for the demo's page."""

from typing import TYPE_CHECKING

import numpy as np

from siamese.config import DistanceCurve

if TYPE_CHECKING:
    from siamese.verifier import Verdict

WIDTH, HEIGHT = 720, 190  # of the drawing, in its own units; it is scaled to the width that there is
TOP, BASE = 18, 160  # the highest and the lowest point of the curves
OPERATING_POINTS = {"balanced": "Balanced", "far_1": "1% false accepts", "far_01": "0.1% false accepts"}


def operating_points(curve: DistanceCurve | None, own: float) -> dict[str, float]:
    """The thresholds that have a name, by the words for it; `own` is the one that the model was calibrated to."""
    found = {"balanced": own}
    if curve:
        found |= {"far_1": curve.threshold_at_far_1, "far_01": curve.threshold_at_far_01}
    return {OPERATING_POINTS[name]: value for name, value in found.items() if value}


def largest_threshold(curve: DistanceCurve | None, own: float) -> float:
    """The end of the scale on which a threshold is chosen, a number of three digits after the point."""
    return np.ceil(1000 * (curve.upper if curve else 2 * own)) / 1000


def error_rates(curve: DistanceCurve, threshold: float) -> tuple[float, float]:
    """Shares 0..1 of test pairs judged wrongly at `threshold`, even within bins: (false accepts, false rejects)."""
    edges = np.linspace(0, curve.upper, len(curve.same) + 1)
    accepted = (
        np.interp(threshold, edges, np.concatenate([[0], np.cumsum(kind)])) for kind in (curve.different, curve.same)
    )
    false_accepts, true_accepts = (float(min(max(share, 0), 1)) for share in accepted)
    return false_accepts, 1 - true_accepts


def section(curve: DistanceCurve | None, threshold: float, verdict: "Verdict | None") -> str:
    """The curves of same and different test pairs with the threshold and this pair, and what the threshold means."""
    if curve is None:
        return '<p class="rates">This model does not say how its test pairs were spread.</p>'
    rates = error_rates(curve, threshold)
    false_accepts, false_rejects = (_percent(rate) for rate in rates)
    pair = "&nbsp;" if verdict is None else f'This pair lies at <b class="pair">{verdict.distance:.3f}</b>.'
    return (
        f"{_drawing(curve, threshold, None if verdict is None else verdict.distance)}"
        '<div class="legend"><span class="same-key">same test pairs</span>'
        '<span class="different-key">different test pairs</span></div>'
        f'<p class="rates">Up to a distance of <b class="chosen">{threshold:.3f}</b> two images are called same. Of the '
        f'test pairs, <b class="false-accepts">{false_accepts}</b> of the different ones would be (false accepts), and '
        f'<b class="false-rejects">{false_rejects}</b> of the same ones would not (false rejects).</p>'
        f'<p class="rates">{pair}</p>'
    )


def _percent(share: float) -> str:
    if 0 < share < 0.0001:
        return "under 0.01%"
    return f"{share:.2%}"


def _drawing(curve: DistanceCurve, threshold: float, distance: float | None) -> str:
    def x(value: float) -> float:
        return round(min(value / curve.upper, 1) * WIDTH, 1)

    def area(shares: tuple[float, ...]) -> str:
        step, highest = WIDTH / len(shares), max(shares)
        # The square root shows the tails, which is where pairs are judged wrongly.
        heights = [BASE - (BASE - TOP) * (share / highest) ** 0.5 for share in shares]
        points = " ".join(f"{(i + 0.5) * step:.1f},{height:.1f}" for i, height in enumerate(heights))
        return f"0,{BASE} {points} {WIDTH},{BASE}"

    scale = "".join(
        f'<text x="{x(value):.1f}" y="{BASE + 26}" text-anchor="middle">{value:g}</text>'
        for value in ticks(curve.upper)
        if x(value) < 0.88 * WIDTH  # the rest is for the word
    )
    pair = ""
    if distance is not None:
        place = x(distance)
        pair = f'<path class="this" d="M{place} {BASE}V{TOP}"></path><circle cx="{place}" cy="{TOP}" r="7"></circle>'
    label = f"Distances of same and different test pairs; the threshold is at {threshold:.3f}"
    label += "" if distance is None else f", this pair at {distance:.3f}"
    return (
        f'<svg class="curves" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">'
        '<defs><pattern id="stripes" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(-45)">'
        '<rect width="4" height="8"></rect></pattern></defs>'
        f'<polygon class="different-area" points="{area(curve.different)}"></polygon>'
        f'<polygon class="same-area" points="{area(curve.same)}"></polygon>'
        f'<path class="axis" d="M0 {BASE}H{WIDTH}"></path>{scale}'
        f'<path class="limit" d="M{x(threshold)} {BASE + 6}V4"></path>{pair}'
        f'<text x="{WIDTH}" y="{BASE + 26}" text-anchor="end">distance</text></svg>'
    )


def ticks(upper: float) -> list[float]:
    """Round numbers from 0 to `upper`, 3 to 7 of them."""
    step = 10 ** np.floor(np.log10(upper / 3))
    step *= next(factor for factor in (1, 2, 5, 10) if upper / (step * factor) <= 6)
    return [float(f"{step * number:.6g}") for number in range(int(upper / step) + 1)]
