"""The pictures of a model card: each function takes measured numbers and returns one matplotlib figure; `png` draws it.

All are of one column and one style, with the colours of the page. On a phone, or where a card shows them, a point of theirs
is about a pixel; they are drawn with more than twice as many.
"""

import io
from collections.abc import Sequence

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from siamese.config import Calibration, EpochRecord
from siamese.evaluation.calibration import probability_same
from siamese.evaluation.metrics import PairDistances
from siamese.evaluation.reliability import BINS, bin_of

SAME_COLOUR, DIFFERENT_COLOUR, NEUTRAL_COLOUR = "#1d4ed8", "#b45309", "#52606d"  # those of the page, static/page.css
WIDTH, DPI = 5.0, 200  # inches; pixels an inch
STYLE = {
    "font.size": 12, "axes.titlesize": 13, "axes.titleweight": "bold", "axes.titlelocation": "left", "axes.grid": True,
    "figure.titlesize": 13, "figure.titleweight": "bold", "axes.spines.top": False, "axes.spines.right": False,
    "grid.alpha": 0.3, "legend.frameon": False, "legend.fontsize": 11, "lines.linewidth": 2, "hatch.linewidth": 1.5,
}  # fmt: skip


@rc_context(STYLE)
def training_curve(history: tuple[EpochRecord, ...], best_epoch: int) -> Figure:
    """Loss, and validation error (100 - balanced accuracy) and EER, by epoch; both axes logarithmic in height."""
    figure, (top, bottom) = _figure(2.3, 3.2)
    epochs = [record.epoch for record in history]
    top.semilogy(epochs, losses := [record.loss for record in history], color=NEUTRAL_COLOUR, marker=".")
    top.set_title("Training loss")
    errors = [max(100 - record.balanced_accuracy, 1e-3) for record in history]
    bottom.semilogy(epochs, errors, color=SAME_COLOUR, marker=".", label="100 - balanced accuracy")
    eers = [max(record.equal_error_rate, 1e-3) for record in history]
    bottom.semilogy(epochs, eers, color=DIFFERENT_COLOUR, linestyle="--", marker=".", label="equal error rate")
    bottom.axvline(best_epoch, color=NEUTRAL_COLOUR, linestyle=":", label="kept")
    bottom.set(xlabel="epoch", title="Error on validation pairs")
    for axes, shown, unit in ((top, losses, ""), (bottom, errors + eers, "%")):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _label(axes.yaxis, log_ticks(min(shown), max(shown)), unit)
    _legend_below(figure)
    return figure


@rc_context(STYLE)
def roc_curve(pairs: PairDistances, threshold: float) -> Figure:
    """True accepts against false accepts, the latter logarithmic: the corner near 0 is what matters."""
    figure, (axes,) = _figure(3.8)
    lowest = max(1 / len(pairs.different), 1e-6)
    far = np.geomspace(lowest, 1, 400)
    axes.semilogx(100 * far, [100 * pairs.tar_at_far(rate) for rate in far], color=SAME_COLOUR)
    point = 100 * max(pairs.false_accept_rate(threshold), lowest), 100 * pairs.true_accept_rate(threshold)
    axes.plot(*point, "o", markersize=9, color=DIFFERENT_COLOUR, label=f"threshold {threshold:.3f}")
    axes.set(xlabel="different pairs accepted", ylabel="same pairs accepted", title=f"ROC, AUC {pairs.roc_auc():.6f}")
    _label(axes.xaxis, log_ticks(100 * lowest, 100, most=5), "%")
    axes.yaxis.set_major_formatter(_plain("%"))
    _legend_below(figure)
    return figure


@rc_context(STYLE)
def distance_histogram(pairs: PairDistances, threshold: float) -> Figure:
    """Shares of the distances of same and of different pairs, with the threshold; height is logarithmic."""
    figure, (axes,) = _figure(3.8)
    edges = np.linspace(0, max(pairs.same[-1], pairs.different[-1]), 121)
    lowest = 100.0
    for distances, colour, name, hatch in (
        (pairs.same, SAME_COLOUR, "same", None),
        (pairs.different, DIFFERENT_COLOUR, "different", "//"),
    ):
        share = 100 * np.histogram(distances, edges)[0] / len(distances)
        look = {"facecolor": "none" if hatch else f"{colour}47", "edgecolor": colour, "hatch": hatch, "linewidth": 1.5}
        axes.stairs(share, edges, fill=True, label=f"{name}: {len(distances):,} pairs", **look)
        lowest = min(lowest, share[share > 0].min())
    axes.axvline(threshold, color="black", linestyle="--", label=f"threshold {threshold:.3f}")
    axes.set(yscale="log", xlabel="distance", ylabel="share of its kind", title="Distances of all test pairs")
    _label(axes.yaxis, log_ticks(lowest, 100), "%")
    _legend_below(figure)
    return figure


@rc_context(STYLE)
def reliability_diagram(
    pairs: PairDistances, calibration: Calibration, calibration_error: float, intervals: np.ndarray | None = None
) -> Figure:
    """Observed against predicted share of same pairs, in bins of equal width, with the mass of each bin as dots and below.

    Equal-mass bins, on which the calibration error is measured, nearly all lie at 0 or 1: equal width shows the middle, and
    `intervals`, float (BINS, 2), how little is known where few images are behind it.
    """
    figure, (top, bottom) = _figure(3.6, 2.2)
    edges = np.linspace(0, 1, BINS + 1)
    totals = np.zeros((3, BINS))  # mass of same pairs, mass of all, sum of predictions
    for distances, is_same in ((pairs.same, 1), (pairs.different, 0)):
        for chunk in np.array_split(distances, len(distances) // 1_000_000 + 1):
            predicted = probability_same(chunk, calibration)
            bins = bin_of(predicted)
            weight = 0.5 / len(distances)
            mass = weight * np.bincount(bins, minlength=BINS)
            totals += [is_same * mass, mass, weight * np.bincount(bins, predicted, minlength=BINS)]
    same, mass, predicted = totals
    filled = mass > 0
    places = predicted[filled] / mass[filled], same[filled] / mass[filled]
    top.plot([0, 1], [0, 1], color=NEUTRAL_COLOUR, linestyle=":", label="as predicted")
    top.plot(*places, color=SAME_COLOUR, label="observed; larger: more pairs")
    if intervals is not None and (known := np.isfinite(intervals[filled]).all(axis=1)).any():
        look = {"color": SAME_COLOUR, "linewidth": 6, "alpha": 0.25, "label": "95% interval"}
        top.vlines(places[0][known], *intervals[filled][known].T, **look)
    # The middle has a ten-thousandth of what the ends have: areas by the logarithm, down to a millionth of all.
    top.scatter(*places, s=25 * np.log10(10 * np.maximum(1e6 * mass[filled], 1)), color=SAME_COLOUR, zorder=3)
    top.set(ylabel="really the same", title=f"Reliability, calibration error {calibration_error:.2f}%")
    bottom.bar((edges[:-1] + edges[1:]) / 2, 100 * mass, width=1 / (BINS + 1), color=SAME_COLOUR)
    bottom.set(yscale="log", xlabel="predicted probability of same", ylabel="share of pairs")
    _label(bottom.yaxis, log_ticks(100 * mass[filled].min(), 100), "%")
    for axis in (top.xaxis, top.yaxis, bottom.xaxis):
        axis.set_major_formatter(_plain("%", 100))
    _legend_below(figure)
    return figure


@rc_context(STYLE)
def pair_gallery(
    images: np.ndarray, pairs: list[tuple[int, int, float]], titles: list[str], heading: str, columns: int = 4
) -> Figure:
    """Pairs of images side by side: `pairs` index into images, uint8 (N, H, W[, 3]); `titles` stand under them."""
    rows = max(1, -(-len(pairs) // columns))
    lines = max((title.count("\n") + 1 for title in titles), default=1)
    figure = Figure(figsize=(WIDTH, (0.6 + 0.2 * lines) * rows + 0.3 * (heading.count("\n") + 1)), layout="constrained")
    figure.suptitle(heading if pairs else f"{heading}: none", x=0.01, horizontalalignment="left")
    for axes in (grid := figure.subplots(rows, columns, squeeze=False)).flat:
        axes.axis("off")
    for axes, (a, b, _), title in zip(grid.flat, pairs, titles, strict=False):
        gap = np.full((images.shape[1], 2, *images.shape[3:]), 128, np.uint8)
        axes.imshow(np.concatenate([images[a], gap, images[b]], axis=1), cmap="gray", vmin=0, vmax=255)
        axes.set_title(title, fontsize=11, fontweight="normal", loc="center", y=0, pad=-4, verticalalignment="top")
    return figure


@rc_context(STYLE)
def png(figure: Figure) -> bytes:
    """The figure as a PNG, 1,000 pixels wide."""
    drawn = io.BytesIO()  # to a file itself it would say "encoder error -2" where the disk is full
    figure.savefig(drawn, dpi=DPI, format="png")
    return drawn.getvalue()


def log_ticks(low: float, high: float, most: int = 8) -> list[float]:
    """Up to `most` round numbers from `low` to `high`, both above 0, spread over a logarithmic axis."""
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    finest = MaxNLocator(7, steps=[1, 2, 5, 10]).tick_values(low, high) if high < 8 * low else []
    choices = [finest, *(np.outer(powers, factors).ravel() for factors in ([1, 2, 5], [1]))]
    within = [[float(f"{tick:.6g}") for tick in ticks if low <= tick <= high * (1 + 1e-9)] for ticks in choices]
    ticks = next((each for each in within if 2 < len(each) <= most), within[-1])
    step = -(-len(ticks) // most)
    return ticks[::-1][:: max(step, 1)][::-1] or [float(f"{low:.2g}")]


def _label(axis: Axis, ticks: Sequence[float], unit: str) -> None:
    """These ticks and no others, as plain numbers."""
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(_plain(unit))


def _plain(unit: str, factor: int = 1):
    """How a tick is written: "0.6%", not as a power of ten."""
    return lambda value, _: np.format_float_positional(factor * value, precision=8, trim="-") + unit


def _figure(*heights: float) -> tuple[Figure, list[Axes]]:
    """A figure of one column, with axes of about these heights in inches."""
    figure = Figure(figsize=(WIDTH, sum(heights)), layout="constrained")
    return figure, list(figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0])


def _legend_below(figure: Figure) -> None:
    """What the lines and areas are, beside the data and not on them."""
    figure.legend(loc="outside lower left", ncols=2)
