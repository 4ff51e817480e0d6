"""Where a pair stands among the test pairs: the rates are those of the pairs, and the drawing says what it shows."""

import itertools
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from page_elements import Elements, verdict_at

from siamese.config import DistanceCurve, ModelFolderConfig
from siamese.demo import charts
from siamese.evaluation.calibration import distance_curve
from siamese.evaluation.metrics import PairDistances


def spread(seed: int, count: int = 3000) -> PairDistances:
    generator = np.random.default_rng(seed)
    same, different = generator.gamma(2, 0.15, count), generator.normal(1.2, 0.2, 4 * count).clip(0)
    return PairDistances(np.sort(same).astype(np.float32), np.sort(different).astype(np.float32))


@given(st.integers(0, 50), st.floats(0.001, 3))
def test_the_rates_at_any_threshold_are_those_of_the_pairs_within_a_bin(seed, threshold):
    pairs = spread(seed)
    curve = distance_curve(pairs)
    bin_width = curve.upper / len(curve.same)
    false_accepts, false_rejects = charts.error_rates(curve, threshold)
    for rate, kind, at in (
        (false_accepts, pairs.different, pairs.false_accept_rate),
        (1 - false_rejects, pairs.same, pairs.true_accept_rate),
    ):
        low, high = at(max(threshold - bin_width, 1e-9)), at(threshold + bin_width)
        assert low - 0.002 <= rate <= high + 0.002, (kind, rate)
        assert 0 <= rate <= 1


def test_the_curve_counts_every_pair_once():
    pairs = spread(1)
    curve = distance_curve(pairs)
    edges = np.linspace(0, curve.upper, len(curve.same) + 1)
    for shares, kind in ((curve.same, pairs.same), (curve.different, pairs.different)):
        counts = [((kind >= low) & (kind < high)).mean() for low, high in itertools.pairwise(edges)]
        assert shares == pytest.approx(counts, abs=1e-3)
        assert sum(shares) == pytest.approx(1, abs=0.01)
    assert curve.threshold_at_far_1 == pairs.threshold_at_far(0.01)
    assert pairs.false_accept_rate(curve.threshold_at_far_01) <= 0.001


def test_few_pairs_support_no_small_rate_of_false_accepts():
    pairs = PairDistances(np.array([0.1, 0.2], np.float32), np.linspace(0.8, 1.2, 50).astype(np.float32))
    curve = distance_curve(pairs)
    assert curve.threshold_at_far_1 is curve.threshold_at_far_01 is None
    assert charts.operating_points(curve, 0.5) == {"Balanced": 0.5}


def test_pairs_that_all_have_distance_0_have_a_curve():
    pairs = PairDistances(np.zeros(40, np.float32), np.zeros(60, np.float32))
    curve = distance_curve(pairs)
    assert curve.upper > 0
    assert curve.same[0] == curve.different[0] == 1


def test_a_curve_travels_with_the_model_and_a_wrong_one_is_refused():
    curve = distance_curve(spread(2))
    config = ModelFolderConfig(distances=curve)
    assert ModelFolderConfig.from_json(config.to_json()) == config
    for changes in ({"upper": 0.0}, {"same": ()}, {"same": (1.0,)}, {"different": (0.0,) * 200}):
        with pytest.raises(ValueError, match="distances"):
            DistanceCurve(**{**vars(curve), **changes})


def test_the_drawing_and_the_sentence_name_threshold_rates_and_pair():
    curve = distance_curve(spread(3))
    html = charts.section(curve, 0.65, verdict_at(0.4321, 0.9, threshold=0.65))
    elements = Elements(html)
    false_accepts, false_rejects = charts.error_rates(curve, 0.65)
    for name, text in (
        ("chosen", "0.650"),
        ("pair", "0.432"),
        ("false-accepts", f"{false_accepts:.2%}"),
        ("false-rejects", f"{false_rejects:.2%}"),
    ):
        assert re.search(rf'class="{name}">([^<]*)<', html)[1] == text
    (drawing,) = elements.of_class("curves")
    assert drawing["role"] == "img"
    assert "0.650" in drawing["aria-label"]
    assert "0.432" in drawing["aria-label"]
    assert "this pair" not in charts.section(curve, 0.65, None).lower().replace("this pair lies", "this pair")
    assert "does not say" in charts.section(None, 0.65, None)
