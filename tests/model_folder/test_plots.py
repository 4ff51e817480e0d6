"""The pictures of a card draw the numbers that were measured: read back from the figures, and against scikit-learn."""

import io
import itertools

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image
from sklearn.metrics import roc_auc_score, roc_curve

from siamese.config import Calibration, EpochRecord
from siamese.evaluation.calibration import fit_calibration, probability_same
from siamese.evaluation.metrics import PairDistances, pair_distances
from siamese.model_folder import plots

THRESHOLD = 8.0


@pytest.fixture(scope="module")
def pairs(digits) -> PairDistances:
    """Distances between the pixels of 300 digits."""
    images, labels = digits
    return pair_distances(torch.from_numpy(images[:300]).flatten(1).float() / 255, torch.from_numpy(labels[:300]))


@pytest.fixture(scope="module")
def calibration(pairs) -> Calibration:
    return fit_calibration(pairs)


def curves(figure: Figure, place: int = 0) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The lines of one of the axes, by what the legend calls them."""
    return {line.get_label(): line.get_data() for line in figure.axes[place].lines}


def test_the_curve_of_a_training_is_its_history():
    history = tuple(EpochRecord(epoch, 1 / epoch, 100 - 8 / epoch, 5 / epoch, 0.9, 10.0) for epoch in (1, 2, 3, 4))
    figure = plots.training_curve((*history, EpochRecord(5, 0.2, 100.0, 0.0, 1.0, 10.0)), best_epoch=4)
    ((epochs, losses),) = curves(figure).values()
    assert list(epochs) == [1, 2, 3, 4, 5]
    assert list(losses) == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4, 0.2])
    found = curves(figure, 1)
    assert list(found["100 - balanced accuracy"][1]) == pytest.approx([8, 4, 8 / 3, 2, 1e-3])  # 0 has no logarithm
    assert list(found["equal error rate"][1]) == pytest.approx([5, 2.5, 5 / 3, 1.25, 1e-3])
    assert set(found["kept"][0]) == {4}


def test_the_roc_curve_is_that_of_scikit_learn(pairs):
    figure = plots.roc_curve(pairs, THRESHOLD)
    (far, tar), (at_far, at_tar) = curves(figure).values()
    truth = np.concatenate([np.ones(len(pairs.same)), np.zeros(len(pairs.different))])
    expected_far, expected_tar, _ = roc_curve(truth, -np.concatenate([pairs.same, pairs.different]), drop_intermediate=False)
    for allowed, rate in list(zip(far, tar, strict=True))[::25]:
        assert rate == pytest.approx(100 * expected_tar[expected_far <= allowed / 100 + 1e-12].max(), abs=1e-9)
    assert at_far[0] == pytest.approx(100 * (pairs.different <= THRESHOLD).mean())
    assert at_tar[0] == pytest.approx(100 * (pairs.same <= THRESHOLD).mean())
    assert f"AUC {roc_auc_score(truth, -np.concatenate([pairs.same, pairs.different])):.6f}" in figure.axes[0].get_title(
        "left"
    )


def test_the_histogram_holds_all_pairs_of_each_kind_and_the_threshold(pairs):
    (axes,) = (figure := plots.distance_histogram(pairs, THRESHOLD)).axes
    for patch, distances in zip(axes.patches, (pairs.same, pairs.different), strict=True):
        values, edges, _ = patch.get_data()
        assert values.sum() == pytest.approx(100)
        for low, high, share in list(zip(edges, edges[1:], values, strict=False))[20:100:20]:
            assert share == pytest.approx(100 * ((distances >= low) & (distances < high)).mean())
        assert f"{len(distances):,} pairs" in patch.get_label()
    assert set(curves(figure)[f"threshold {THRESHOLD:.3f}"][0]) == {THRESHOLD}


def test_the_reliability_diagram_is_what_was_predicted_and_observed(pairs, calibration):
    figure = plots.reliability_diagram(pairs, calibration, 1.5)
    _, (predicted, observed) = curves(figure).values()
    rows = [(float(probability_same(d, calibration)), 1, 0.5 / len(pairs.same)) for d in pairs.same]
    rows += [(float(probability_same(d, calibration)), 0, 0.5 / len(pairs.different)) for d in pairs.different]
    places, is_same, weights = (np.array(column) for column in zip(*rows, strict=True))
    groups = [np.minimum((places * 15).astype(int), 14) == number for number in range(15)]
    groups = [group for group in groups if group.any()]
    assert list(predicted) == pytest.approx([np.average(places[g], weights=weights[g]) for g in groups], abs=1e-6)
    assert list(observed) == pytest.approx([np.average(is_same[g], weights=weights[g]) for g in groups], abs=1e-6)
    assert sum(bar.get_height() for bar in figure.axes[1].patches) == pytest.approx(100)
    assert "1.50%" in figure.axes[0].get_title("left")
    (dots,) = figure.axes[0].collections
    mass = [weights[g].sum() for g in groups]
    assert list(np.argsort(dots.get_sizes(), kind="stable")) == list(np.argsort(mass, kind="stable"))


def test_the_reliability_diagram_has_an_interval_where_one_is_known(pairs, calibration):
    intervals = np.linspace([0.1, 0.4], [0.5, 0.9], 15)
    intervals[3:9] = np.nan
    figure = plots.reliability_diagram(pairs, calibration, 1.5, intervals)
    predicted = curves(figure)["observed; larger: more pairs"][0]
    bars = next(each for each in figure.axes[0].collections if each.get_label() == "95% interval")
    shown = {round(float(low[0]), 6): (low[1], high[1]) for low, high in bars.get_segments()}
    bins = np.minimum((np.array(predicted) * 15).astype(int), 14)
    expected = {round(float(x), 6): tuple(intervals[b]) for x, b in zip(predicted, bins, strict=True) if not 3 <= b < 9}
    assert len(expected) > 1
    assert shown == {place: pytest.approx(ends) for place, ends in expected.items()}


@pytest.mark.parametrize("shape", [(28, 28), (28, 28, 3)], ids=["grey", "colour"])
def test_pairs_are_shown_side_by_side_with_their_titles(shape, digits):
    images = np.broadcast_to(digits[0][:6].reshape(6, 28, 28, *[1] * (len(shape) - 2)), (6, *shape))
    shown = [(0, 1, 0.5), (2, 3, 0.75), (4, 5, 1.0)]
    figure = plots.pair_gallery(images, shown, ["first", "second", "third"], "the hardest", columns=2)
    assert figure.get_suptitle() == "the hardest"
    assert [axes.get_title() for axes in figure.axes] == ["first", "second", "third", ""]
    for axes, (a, b, _) in zip(figure.axes, shown, strict=False):
        (picture,) = axes.images
        np.testing.assert_array_equal(picture.get_array()[:, :28], images[a])
        np.testing.assert_array_equal(picture.get_array()[:, -28:], images[b])
    assert plots.pair_gallery(images, [], [], "the hardest").get_suptitle() == "the hardest: none"


# ---- How they are read ----


@pytest.mark.parametrize(
    ("low", "high"), [(1e-4, 100), (2e-6, 100), (0.3, 1.5), (3.3, 4.2), (0.02, 9), (0.5, 0.5), (1e-3, 1e-3)]
)
def test_the_ticks_of_a_logarithmic_axis_are_few_round_numbers_within_it(low, high):
    ticks = plots.log_ticks(low, high)
    assert 0 < len(ticks) <= 8
    assert all(0.9 * low <= tick <= high * 1.1 for tick in ticks)
    assert all(len(np.format_float_positional(tick, trim="-").replace("0", "").replace(".", "")) <= 2 for tick in ticks)
    if high >= 2 * low:
        assert len(ticks) >= 3


def all_figures(pairs, calibration, images) -> dict[str, Figure]:
    history = tuple(EpochRecord(epoch, 1 / epoch, 100 - 0.9 / epoch, 0.8 / epoch, 0.9, 10.0) for epoch in (1, 2, 3, 4))
    return {
        "training": plots.training_curve(history, 4),
        "roc": plots.roc_curve(pairs, THRESHOLD),
        "distances": plots.distance_histogram(pairs, THRESHOLD),
        "reliability": plots.reliability_diagram(pairs, calibration, 1.5, np.tile([0.2, 0.6], (15, 1))),
        "pairs": plots.pair_gallery(images, [(0, 1, 0.5)] * 16, ["4 vs 9\n0.05, >99.9%"] * 16, "the hardest"),
    }


def test_all_are_legible_on_a_phone_in_one_style_and_no_legend_lies_on_data(pairs, calibration, digits):
    """Drawn 350 px wide, no letter is lower than 9 px; ticks are plain numbers."""
    for name, figure in all_figures(pairs, calibration, digits[0]).items():
        with Image.open(io.BytesIO(plots.png(figure))) as drawn:
            assert drawn.width == 1000, name
        renderer = figure._get_renderer()
        shown = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text()]
        sizes = [text.get_fontsize() * 350 / (72 * figure.get_figwidth()) for text in shown]
        assert min(sizes) > 9, name
        assert not any("mathdefault" in text.get_text() for text in shown), name
        for legend in figure.legends:
            place = legend.get_window_extent(renderer)
            assert not any(place.overlaps(axes.get_window_extent(renderer)) for axes in figure.axes), name
            assert place.x1 <= figure.bbox.x1, name
        assert not any(axes.get_legend() for axes in figure.axes), name
        for axes in figure.axes:
            signs = [label.get_window_extent(renderer) for label in axes.get_xticklabels() if label.get_text()]
            assert not any(left.overlaps(right) for left, right in itertools.pairwise(signs)), name


def test_titles_of_pairs_stand_under_them_and_beside_each_other(pairs, calibration, digits):
    figure = all_figures(pairs, calibration, digits[0])["pairs"]
    plots.png(figure)
    renderer = figure._get_renderer()
    titles = [axes.title.get_window_extent(renderer) for axes in figure.axes]
    assert all(title.y1 < axes.get_window_extent().y0 for title, axes in zip(titles, figure.axes, strict=True))
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(titles[:4]))
    assert all(title.y0 > axes.get_window_extent().y1 for title, axes in zip(titles, figure.axes[4:], strict=False))
