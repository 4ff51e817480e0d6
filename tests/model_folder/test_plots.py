"""The pictures of a card draw the numbers that were measured: read back from the figures, and against scikit-learn."""

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from sklearn.metrics import roc_curve

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
    assert "1.50%" in figure.axes[1].get_title()


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
