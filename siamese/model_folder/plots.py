"""The pictures of a model card: each function takes measured numbers and returns one matplotlib figure."""

import numpy as np
from matplotlib.figure import Figure

from siamese.config import Calibration, EpochRecord
from siamese.evaluation.calibration import probability_same
from siamese.evaluation.metrics import PairDistances

# Blue and orange of the Okabe-Ito palette: told apart in all common kinds of colour blindness.
SAME_COLOUR, DIFFERENT_COLOUR, NEUTRAL_COLOUR = "#0072B2", "#E69F00", "#555555"


def training_curve(history: tuple[EpochRecord, ...], best_epoch: int) -> Figure:
    """Loss, and validation error (100 - balanced accuracy) and EER, by epoch; both axes logarithmic in height."""
    figure, (left, right) = _figure(2)
    epochs = [record.epoch for record in history]
    left.semilogy(epochs, [record.loss for record in history], color=NEUTRAL_COLOUR, marker=".")
    left.set(xlabel="epoch", ylabel="training loss", title="Training loss")
    errors = [max(100 - record.balanced_accuracy, 1e-3) for record in history]
    right.semilogy(epochs, errors, color=SAME_COLOUR, marker=".", label="100 - balanced accuracy")
    eers = [max(record.equal_error_rate, 1e-3) for record in history]
    right.semilogy(epochs, eers, color=DIFFERENT_COLOUR, marker=".", label="equal error rate")
    right.axvline(best_epoch, color=NEUTRAL_COLOUR, linestyle=":", label="kept")
    right.set(xlabel="epoch", ylabel="percent of validation pairs", title="Validation error")
    right.legend()
    return figure


def roc_curve(pairs: PairDistances, threshold: float) -> Figure:
    """True accepts against false accepts, the latter logarithmic: the corner near 0 is what matters."""
    figure, (axes,) = _figure(1)
    lowest = max(1 / len(pairs.different), 1e-6)
    far = np.geomspace(lowest, 1, 400)
    axes.semilogx(100 * far, [100 * pairs.tar_at_far(rate) for rate in far], color=SAME_COLOUR)
    point = 100 * max(pairs.false_accept_rate(threshold), lowest), 100 * pairs.true_accept_rate(threshold)
    axes.plot(*point, "o", color=DIFFERENT_COLOUR, label=f"threshold {threshold:.3f}")
    axes.set(xlabel="false accepts, % of different pairs", ylabel="true accepts, % of same pairs", title="ROC")
    axes.legend(loc="lower right")
    return figure


def distance_histogram(pairs: PairDistances, threshold: float) -> Figure:
    """Densities of the distances of same and of different pairs, with the threshold; height is logarithmic."""
    figure, (axes,) = _figure(1)
    edges = np.linspace(0, max(pairs.same[-1], pairs.different[-1]), 121)
    for distances, colour, name in (
        (pairs.same, SAME_COLOUR, "same"),
        (pairs.different, DIFFERENT_COLOUR, "different"),
    ):
        share = 100 * np.histogram(distances, edges)[0] / len(distances)
        axes.stairs(share, edges, fill=True, color=colour, alpha=0.6, label=f"{name} ({len(distances):,} pairs)")
    axes.axvline(threshold, color="black", linestyle="--", label=f"threshold {threshold:.3f}")
    axes.set(yscale="log", xlabel="distance", ylabel="% of its kind", title="Distances of all test pairs")
    axes.legend()
    return figure


def reliability_diagram(pairs: PairDistances, calibration: Calibration, calibration_error: float) -> Figure:
    """Observed against predicted share of same pairs, in bins of equal width, with the mass of each bin below.

    Equal-mass bins, on which the calibration error is measured, nearly all lie at 0 or 1: equal width shows the middle.
    """
    figure, (top, bottom) = _figure(2)
    edges = np.linspace(0, 1, 16)
    totals = np.zeros((3, 15))  # mass of same pairs, mass of all, sum of predictions
    for distances, is_same in ((pairs.same, 1), (pairs.different, 0)):
        for chunk in np.array_split(distances, len(distances) // 1_000_000 + 1):
            predicted = probability_same(chunk, calibration)
            bins = np.clip(np.digitize(predicted, edges) - 1, 0, 14)
            weight = 0.5 / len(distances)
            mass = weight * np.bincount(bins, minlength=15)
            totals += [is_same * mass, mass, weight * np.bincount(bins, predicted, minlength=15)]
    same, mass, predicted = totals
    filled = mass > 0
    top.plot([0, 1], [0, 1], color=NEUTRAL_COLOUR, linestyle=":")
    top.plot(predicted[filled] / mass[filled], same[filled] / mass[filled], "o-", color=SAME_COLOUR)
    top.set(xlabel="predicted probability of same", ylabel="observed share", title="Reliability")
    bottom.bar((edges[:-1] + edges[1:]) / 2, 100 * mass, width=1 / 16, color=SAME_COLOUR)
    bottom.set(yscale="log", xlabel="predicted probability of same", ylabel="% of balanced pairs")
    bottom.set_title(f"Where the pairs lie (calibration error {calibration_error:.2f}%)")
    return figure


def pair_gallery(
    images: np.ndarray, pairs: list[tuple[int, int, float]], titles: list[str], heading: str, columns: int = 8
) -> Figure:
    """Pairs of images side by side: `pairs` index into images, uint8 (N, H, W[, 3]); `titles` one line for each."""
    rows = max(1, -(-len(pairs) // columns))
    figure = Figure(figsize=(1.3 * columns, 1.05 * rows + 0.4), layout="constrained")
    figure.suptitle(heading if pairs else f"{heading}: none")
    for axes in (grid := figure.subplots(rows, columns, squeeze=False)).flat:
        axes.axis("off")
    for axes, (a, b, _), title in zip(grid.flat, pairs, titles, strict=False):
        gap = np.full((images.shape[1], 2, *images.shape[3:]), 128, np.uint8)
        axes.imshow(np.concatenate([images[a], gap, images[b]], axis=1), cmap="gray", vmin=0, vmax=255)
        axes.set_title(title, fontsize=7)
    return figure


def _figure(columns: int) -> tuple[Figure, np.ndarray]:
    figure = Figure(figsize=(5 * columns, 3.6), layout="constrained")
    axes = figure.subplots(1, columns, squeeze=False)[0]
    for each in axes:
        each.grid(alpha=0.3)
    return figure, axes
