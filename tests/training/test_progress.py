"""A training as an onlooker knows it: its numbers are those of the events, and the map neither flips nor turns."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from siamese.config import DataRecord, EpochRecord
from siamese.training.events import EpochEnded, Finished, Fitted, Sample, Started, Stepped
from siamese.training.loop import train
from siamese.training.progress import TrainingProgress, flatten, smooth
from siamese.training.settings import TrainingSettings
from siamese.training.snapshot import MOST_POINTS, Snapshot


@pytest.fixture(scope="module")
def events(tmp_path_factory) -> list:
    """Those of a training of two epochs on real digits."""
    output = tmp_path_factory.mktemp("watched") / "model"
    return list(train(TrainingSettings("mnist-sample", device="cpu", batch_size=64, epochs=2, output=output)))


def progress_of(*events) -> TrainingProgress:
    progress = TrainingProgress()
    for event in events:
        progress.take(event)
    return progress


def started(steps: int = 40, epochs: int = 4, step: int = 0) -> Started:
    return Started(TrainingSettings(), "", DataRecord(), (), (), 1000, "a device", "float32", step, steps, epochs)


def steps(*seconds: float, first: int = 1, epoch: int = 1) -> list[Stepped]:
    return [Stepped(number, 40, epoch, torch.tensor(1.0), spent) for number, spent in enumerate(seconds, first)]


def ended(epoch: int, sample: Sample) -> EpochEnded:
    return EpochEnded(EpochRecord(epoch, 1.0, 80.0, 5.0, 0.9, 10.0 * epoch), True, sample)


def test_a_snapshot_holds_what_happened(events):
    last, (fitted, finished) = progress_of(*events).snapshot(), events[-2:]
    assert isinstance(fitted, Fitted)
    assert isinstance(finished, Finished)
    assert (last.phase, last.step, last.steps, last.epoch, last.epochs) == ("finished", 56, 56, 2, 2)
    assert last.best_epoch == fitted.best_epoch == finished.config.training.best_epoch
    assert last.accuracies == tuple((record.epoch, record.balanced_accuracy) for record in finished.config.history)
    assert (last.seconds, last.seconds_left) == (fitted.seconds, 0.0)
    assert [step for step, _ in last.losses] == list(range(1, 57))
    losses = [event.loss.item() for event in events if isinstance(event, Stepped)]
    assert last.losses[-1][1] == pytest.approx(np.mean(losses[-2:]))
    assert np.mean(losses[:28]) == pytest.approx(finished.config.history[0].loss, rel=1e-5)


def test_phases_follow_the_events(events):
    progress, phases = TrainingProgress(), ["reading"]
    for event in events:
        progress.take(event)
        phases.append(progress.snapshot().phase)
    assert phases == ["reading", *["training"] * (len(events) - 2), "measuring", "finished"]


def test_a_snapshot_is_plain(events):
    progress = progress_of(*events)
    for part in (progress.snapshot(), progress.map()):
        json.dumps(vars(part), allow_nan=False)
    assert TrainingProgress().map() is None
    with pytest.raises(ValueError, match=r"^phase is '<b>', allowed: none, reading, training, measuring, finished$"):
        Snapshot(phase="<b>")


def test_time_left_follows_from_the_pace_since_the_first_step():
    made = steps(*(5 + 2.0 * number for number in range(1, 11)))  # the first one took 7 s
    assert progress_of(started(), made[0]).seconds_left() is None
    assert progress_of(started(), *made).snapshot().seconds_left == pytest.approx(60)
    continued = steps(163.0, 166.0, 169.0, first=21, epoch=3)
    assert progress_of(started(step=20), *continued).seconds_left() == pytest.approx(51)


@given(st.lists(st.floats(0, 1e6) | st.just(float("nan")) | st.just(float("inf")), min_size=1, max_size=600))
def test_any_losses_make_a_short_curve_of_finite_numbers(losses):
    made = [Stepped(number, 1000, 1, torch.tensor(loss), number) for number, loss in enumerate(losses, 1)]
    curve = progress_of(started(steps=1000), *made).snapshot().losses
    assert len(curve) <= min(len(losses), MOST_POINTS)
    assert all(np.isfinite(loss) for _, loss in curve)
    assert [step for step, _ in curve] == sorted({step for step, _ in curve})
    if np.isfinite(losses).all():
        assert curve[-1][0] == len(losses)


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=60), st.integers(1, 20))
def test_smoothing_is_the_mean_of_the_last_values(values, window):
    expected = [np.mean(values[max(0, end - window) : end]) for end in range(1, len(values) + 1)]
    assert smooth(values, window) == pytest.approx(expected, abs=1e-9)


# ---- The map ----


@given(st.integers(0, 1000), st.integers(1, 6), st.integers(3, 40))
def test_a_map_is_the_same_however_the_embeddings_are_turned_or_mirrored(seed, dim, count):
    generator = torch.Generator().manual_seed(seed)
    # Spread that differs by direction, so that there is one plane of widest spread.
    embeddings = torch.randn(count, dim, generator=generator) * torch.arange(dim, 0, -1) ** 2
    turn = torch.linalg.qr(torch.randn(dim, dim, generator=generator)).Q
    flat = flatten(embeddings)
    assert flat.shape == (count, 2)
    again = flatten(embeddings @ turn + 5, flat)
    assert again == pytest.approx(flat, abs=1e-3 * float(np.abs(flat).max()))


def test_a_map_holds_as_much_of_the_spread_as_a_plane_can():
    embeddings = torch.randn(100, 12, generator=torch.Generator().manual_seed(0)).double()
    variances = torch.linalg.eigvalsh(torch.cov(embeddings.T))  # ascending
    assert np.cov(flatten(embeddings).T).trace() == pytest.approx(float(variances[-2:].sum()), rel=1e-4)


def test_a_map_has_each_image_of_the_sample_with_its_class(events):
    first, last = (event.sample for event in events if isinstance(event, EpochEnded))
    shown = progress_of(*events).map()
    assert shown.epoch == 2
    assert [shown.names[number] for number in shown.classes] == last.labels.astype(str).tolist()
    before = flatten(first.embeddings)
    for places, flat in ((shown.before, before), (shown.now, flatten(last.embeddings, before))):
        assert np.array(places) == pytest.approx(flat / np.abs(flat).max(), abs=1e-6)


def test_names_of_classes_are_short_and_pairs_have_none():
    embeddings = torch.randn(60, 8, generator=torch.Generator().manual_seed(0))
    labels = np.arange(60) % 3 * 2  # classes 0, 2, 4 of five
    names = ("cat", "", "a dog\nthat has " + "a very long name " * 9, "", "<b>")
    shown = progress_of(started(), ended(1, Sample(embeddings, labels, names))).map()
    assert shown.names[::2] == ("cat", "<b>")
    assert shown.names[1].startswith("a dog that has a very long name")
    assert len(shown.names[1]) <= 40
    assert shown.classes == tuple(np.arange(60) % 3)
    assert shown.before == shown.now
    without = progress_of(started(), ended(1, Sample(embeddings, None, None))).map()
    assert (without.classes, without.names, len(without.now)) == ((), (), 60)
