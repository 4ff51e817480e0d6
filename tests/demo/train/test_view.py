"""The tab that trains: what it says is true of the events, the map neither flips nor turns, what is not ours is escaped."""

import dataclasses
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from page_elements import HOSTILE, Elements, pixels_of

from siamese.config import DataRecord, EpochRecord
from siamese.demo.train import view as page_train
from siamese.training.events import EpochEnded, Finished, Fitted, Sample, Started, Stepped
from siamese.training.loop import train
from siamese.training.progress import Watch, flatten
from siamese.training.settings import TrainingSettings


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Watch:
    """A training of two epochs on real digits, watched from its start to its end."""
    watch = Watch()
    output = tmp_path_factory.mktemp("watched") / "model"
    for event in train(TrainingSettings("mnist-sample", device="cpu", batch_size=64, epochs=2, output=output)):
        watch.take(event)
    return watch


def started(steps: int = 40, epochs: int = 4, step: int = 0) -> Started:
    return Started(TrainingSettings(), "", DataRecord(), (), (), 1000, "a device", "float32", step, steps, epochs)


def ended(epoch: int, accuracy: float, sample: Sample, is_best: bool = True) -> EpochEnded:
    return EpochEnded(EpochRecord(epoch, 1.0, accuracy, 5.0, 0.9, 10.0 * epoch), is_best, sample)


def a_sample(names: tuple[str, ...] | None = None, has_classes: bool = True) -> Sample:
    embeddings = torch.randn(60, 8, generator=torch.Generator().manual_seed(0))
    return Sample(embeddings, np.arange(60) % 3 if has_classes else None, names)


def watch_of(*events) -> Watch:
    watch = Watch()
    for event in events:
        watch.take(event)
    return watch


def labels_of(html: str) -> list[str]:
    """The accessible names of all drawings, each of which must have one."""
    drawings = [attributes for tag, attributes in Elements(html).elements if tag == "svg"]
    assert all(attributes["role"] == "img" and attributes["aria-label"] for attributes in drawings)
    return [attributes["aria-label"] for attributes in drawings]


# ---- The watch ----


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


def test_the_watch_counts_what_happened(trained):
    assert (trained.step, trained.steps, len(trained.history), trained.map_number) == (56, 56, 2, 2)
    assert len(trained.losses()) == 56
    assert np.mean(trained.losses()[:28]) == pytest.approx(trained.history[0].loss, rel=1e-5)
    assert trained.best_epoch == trained.fitted.best_epoch == trained.finished.config.training.best_epoch
    assert trained.seconds_left() == 0


def test_time_left_follows_from_the_pace_since_the_first_step():
    steps = [Stepped(n, 40, 1, torch.tensor(1.0), 5 + 2.0 * n) for n in range(1, 11)]  # the first one took 7 s
    watch = watch_of(started(), steps[0])
    assert watch.seconds_left() is None
    for step in steps[1:]:
        watch.take(step)
    assert watch.seconds_left() == pytest.approx(60)
    assert "about 60 s left" in page_train.progress(watch)
    continued = watch_of(started(step=20), *(Stepped(n, 40, 3, torch.tensor(1.0), 100 + 3.0 * n) for n in (21, 22, 23)))
    assert continued.seconds_left() == pytest.approx(51)


# ---- Progress and curves ----


def test_nothing_is_claimed_before_anything_happened():
    watch = Watch()
    assert "Nothing is being trained" in page_train.progress(watch)
    assert [label.split(":")[0] for label in labels_of(page_train.curves(watch))] == [
        "Loss so far",
        "Validation accuracy so far",
    ]
    assert "empty" in labels_of(page_train.embedding_map(watch))[0]
    assert "%" not in page_train.curves(watch)
    assert "No data" in page_train.data_check({})


def test_the_bar_says_to_all_how_far_it_is():
    watch = watch_of(started(), *(Stepped(n, 40, 1, torch.tensor(1.0), float(n)) for n in range(1, 11)))
    (bar,) = Elements(page_train.progress(watch)).of_class("track")
    assert (bar["role"], bar["aria-valuenow"], bar["aria-label"]) == ("progressbar", "25", "Training")
    assert "Step 10 of 40, epoch 1 of 4" in bar["aria-valuetext"]
    watch.take(Fitted(1, 40.0))
    assert "measuring" in page_train.progress(watch)


def test_a_message_is_text_and_a_problem_is_announced():
    elements = Elements(page_train.progress(Watch(), HOSTILE, problem=True))
    assert HOSTILE in elements.text
    assert [tag for tag, _ in elements.elements] == ["div", "div", "div", "p"]
    assert elements.elements[-1][1] == {"role": "alert"}


def test_the_curves_end_where_the_training_is_and_mark_the_best_epoch(trained):
    html = page_train.curves(trained)
    loss, accuracy = labels_of(html)
    best = trained.history[trained.best_epoch - 1].balanced_accuracy
    assert f"epoch {trained.best_epoch} is the best so far, {best:.2f}%" in accuracy
    assert f"{trained.history[-1].balanced_accuracy:.2f}%" in accuracy
    for line in re.findall(r'class="line" d="M([^"]+)"', html):
        xs = [float(point.split()[0]) for point in line.split("L")]
        assert xs == sorted(xs)
        assert xs[-1] == page_train.RIGHT
        ys = [float(point.split()[1]) for point in line.split("L")]
        assert min(ys) >= page_train.TOP - 0.1
        assert max(ys) <= page_train.BASE + 0.1
    assert loss.startswith("Loss so far: ")


@given(st.lists(st.floats(0, 1e6) | st.just(float("nan")) | st.just(float("inf")), min_size=1, max_size=600))
def test_any_losses_make_a_drawing_of_bounded_length(losses):
    watch = watch_of(started(steps=1000), *(Stepped(n, 1000, 1, torch.tensor(v), n) for n, v in enumerate(losses, 1)))
    html = page_train.curves(watch)
    labels_of(html)
    assert "nan" not in html
    assert "inf" not in html
    assert html.count("L") < 2 * page_train.MOST_POINTS


# ---- The map ----


def test_each_dot_comes_from_where_it_was(trained):
    html = page_train.embedding_map(trained)
    dots = re.findall(r'class="class-(\d)" d="M(-?\d+) (-?\d+)h0" style="--dx:(-?\d+)px;--dy:(-?\d+)px"', html)
    assert len(dots) == len(trained.labels) == 200
    places = {(label, float(x), float(y)) for label, x, y, _, _ in dots}
    before, now = ((page_train._place(flat)) for flat in trained.maps)
    classes = np.unique(trained.labels).tolist()
    expected = {
        (str(classes.index(c)), round(float(x)), round(float(y))) for c, (x, y) in zip(trained.labels, now, strict=True)
    }
    assert places == expected
    for (label, x, y, dx, dy), number in zip(dots, np.argsort(trained.labels, kind="stable"), strict=True):
        assert label == str(classes.index(trained.labels[number]))
        assert (float(x) + float(dx), float(y) + float(dy)) == pytest.approx(before[number], abs=1.1)
    assert re.findall(r"<text[^>]*>(\d)<", html) == list("0123456789")
    assert labels_of(html) == ["Map of 200 validation images after epoch 2"]


def test_names_of_classes_are_text_and_long_ones_stand_beside_the_map():
    names = ("cat", "a dog that has a very long name", HOSTILE)
    html = page_train.embedding_map(watch_of(started(), ended(1, 80.0, a_sample(names))))
    elements = Elements(html)
    assert re.findall(r"<text[^>]*>([^<]*)<", html) == ["cat", "2", "3"]
    assert f"3: {HOSTILE}"[:20] in elements.text
    assert "script" not in {tag for tag, _ in elements.elements}


def test_pairs_have_a_map_without_classes():
    html = page_train.embedding_map(watch_of(started(), ended(1, 80.0, a_sample(has_classes=False))))
    assert html.count('class="many"') == 60
    assert "<text" not in html


# ---- The data check and the result ----


def test_the_data_check_names_classes_files_and_reasons_below_the_folder(digits, tmp_path):
    images, labels = digits
    classes = {HOSTILE: images[labels == 1], "two": images[labels == 2][:7]}
    left_out = [(tmp_path / "two" / "bad.png", f"the same image as {tmp_path}/two/good.png"), (HOSTILE, "no image")]
    html = page_train.data_check(classes, left_out, [f"look at {tmp_path}/two"], tmp_path, "ink, 28 x 28 px, grey")
    elements = Elements(html)
    assert "2 classes with 7 to 100 images each, 107 images in all; ink, 28 x 28 px, grey" in elements.text
    assert str(tmp_path) not in html
    assert "two/bad.png: the same image as two/good.png" in elements.text
    assert elements.text.count(HOSTILE) == 2
    assert "script" not in {tag for tag, _ in elements.elements}
    assert "2 files were left out" in elements.text


def test_a_data_check_of_much_stays_short(digits):
    classes = {f"class {number}": digits[0][:3] for number in range(500)}
    left_out = [(f"{number}.png", "broken") for number in range(5000)]
    html = page_train.data_check(classes, left_out)
    assert "and 476 more classes" in html
    assert "and 4,900 more" in html
    assert len(html) < 200_000


def test_the_report_says_what_was_measured_and_shows_the_hardest_pairs(trained):
    html = page_train.report(trained.finished)
    elements, metrics = Elements(html), trained.finished.config.metrics
    for number in (
        f"{metrics.balanced_accuracy:.2f}%",
        f"{metrics.balanced_accuracy_low:.2f} to {metrics.balanced_accuracy_high:.2f}%",
        f"{metrics.equal_error_rate:.2f}%",
        f"{trained.finished.config.calibration.threshold:.3f}",
        "49,500 same and 450,000 different pairs",
        "all pairs of 1,000 images that the training never saw",
    ):
        assert number in elements.text
    labels_of(html)
    ids = [attributes["id"] for _, attributes in elements.elements if "id" in attributes]
    assert "stripes" not in ids  # that of another drawing on the same page
    pictures = [attributes for tag, attributes in elements.elements if tag == "img"]
    assert len(pictures) == 4 * page_train.SHOWN_PAIRS
    test = trained.finished.test
    (a, b, distance), *_ = test.hardest(trained.finished.embeddings, False, 1)
    for index, shown in zip((a, b), pictures, strict=False):
        assert np.array_equal(pixels_of(shown["src"]), test.images[index])
        assert shown["alt"] == str(test.labels[index])
    assert f"distance {distance:.3f}, wrongly called same" in elements.text


def test_a_training_that_ended_early_says_so(trained):
    config = trained.finished.config
    training = dataclasses.replace(config.training, finished_at_step=30, epochs=9)
    early = dataclasses.replace(trained.finished, config=dataclasses.replace(config, training=training))
    assert isinstance(early, Finished)
    assert "2 of 9 epochs" in page_train.report(early)
