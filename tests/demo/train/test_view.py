"""The tab that trains: what it says is true of the numbers, what is not ours is escaped, the bar and drawings have words."""

import base64
import dataclasses
import io
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from page_elements import HOSTILE, Elements
from PIL import Image

from siamese.config import DataRecord, DistanceCurve, EpochRecord, Metrics, ModelFolderConfig
from siamese.demo.train import view
from siamese.training.snapshot import MOST_POINTS, EmbeddingMap, Snapshot
from siamese.visitors.limits import TrainingLimits
from siamese.visitors.task import DataReport, HardPair, Result, ShownClass, Update

TRAINING = Snapshot("training", step=10, steps=40, epoch=1, epochs=4, seconds=20.0, seconds_left=60.0)


def png(shade: int) -> str:
    buffer = io.BytesIO()
    Image.fromarray(np.full((4, 4), shade, np.uint8)).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


@pytest.fixture
def result() -> Result:
    """What was measured of a model, with one hard pair of each kind on each side of the threshold."""
    config = ModelFolderConfig()
    metrics = Metrics(
        same_pairs=4950, different_pairs=45_000, balanced_accuracy=93.456, balanced_accuracy_low=92.5,
        balanced_accuracy_high=94.25, equal_error_rate=6.789, false_accept_rate=5.5, false_reject_rate=7.5,
    )  # fmt: skip
    training = dataclasses.replace(config.training, epochs=9, best_epoch=2, seconds=100.0)
    history = (EpochRecord(1, 1.0, 80.0, 5.0, 0.9, 10.0), EpochRecord(2, 0.9, 82.0, 5.0, 0.9, 20.0))
    curve = DistanceCurve(2.0, (0.5, 0.3, 0.1, 0.1), (0.1, 0.1, 0.3, 0.5), 0.4, None)
    config = dataclasses.replace(config, metrics=metrics, training=training, history=history, distances=curve)
    different = (HardPair(0.5, (png(1), png(2)), ("3", HOSTILE)), HardPair(1.5, (png(3), png(4)), ("7", "8")))
    same = (HardPair(1.75, (png(5), png(6)), ("4", "4")), HardPair(0.25, (png(7), png(8)), ("5", "5")))
    return Result(config, 1000, different, same)


def labels_of(html: str) -> list[str]:
    """The accessible names of all drawings, each of which must have one."""
    drawings = [attributes for tag, attributes in Elements(html).elements if tag == "svg"]
    assert all(attributes["role"] == "img" and attributes["aria-label"] for attributes in drawings)
    return [attributes["aria-label"] for attributes in drawings]


def plane(count: int = 60, names: tuple[str, ...] = ("cat", "dog", "cow"), epoch: int = 2) -> EmbeddingMap:
    before, now = np.random.default_rng(0).uniform(-1, 1, (2, count, 2)).tolist()
    classes = tuple(number % len(names) for number in range(count)) if names else ()
    return EmbeddingMap(epoch, tuple(map(tuple, before)), tuple(map(tuple, now)), classes, names)


# ---- Around it ----


def test_the_limits_are_said_and_classes_by_hand_are_listed_as_text():
    assert TrainingLimits().sentence() in Elements(view.introduction(TrainingLimits())).text
    elements = Elements(view.by_hand({HOSTILE: 1234, "b": 2}, HOSTILE, problem=True))
    assert elements.text.count(HOSTILE) == 2
    assert "1,234" in elements.text
    assert "problem" in elements.elements[0][1]["class"]
    assert "No class yet." in view.by_hand({})
    assert f'href="{"https://hub/a/b"}"' in view.pushed("a/b", "https://hub/a/b")


# ---- Progress and curves ----


def test_nothing_is_claimed_before_anything_happened():
    assert "Nothing is being trained" in view.progress()
    assert [label.split(":")[0] for label in labels_of(view.curves())] == ["Loss so far", "Validation accuracy so far"]
    assert "empty" in labels_of(view.embedding_map())[0]
    assert "%" not in view.curves()
    assert "No data" in view.data_check(None)


def test_the_bar_says_to_all_how_far_it_is():
    (bar,) = Elements(view.progress(TRAINING)).of_class("track")
    assert (bar["role"], bar["aria-valuenow"], bar["aria-label"]) == ("progressbar", "25", "Training")
    assert bar["aria-valuetext"] == "25%, Step 10 of 40, epoch 1 of 4; about 60 s left"
    assert Elements(view.progress(TRAINING)).of_class("progress")[0]["data-step"] == "10"


@pytest.mark.parametrize(
    ("phase", "words"),
    [
        ("reading", "Reading the images and building the network."),
        ("training", "Step 10 of 40, epoch 1 of 4; about 2 min left"),
        ("measuring", "Measuring the best epoch on images kept aside."),
        ("finished", "Trained in 20 s, and measured on the test images."),
    ],
)
def test_each_phase_has_its_words(phase, words):
    now = dataclasses.replace(TRAINING, phase=phase, seconds_left=120.0)
    assert Elements(view.progress(now)).text == words


def test_no_time_is_promised_without_a_pace():
    assert "left" not in view.progress(dataclasses.replace(TRAINING, seconds_left=None))


def test_a_message_is_text_and_a_problem_is_announced():
    elements = Elements(view.progress(message=HOSTILE, problem=True))
    assert HOSTILE in elements.text
    assert [tag for tag, _ in elements.elements] == ["div", "div", "div", "p"]
    assert elements.elements[-1][1] == {"role": "alert"}


def test_the_curves_end_where_the_training_is_and_mark_the_best_epoch():
    losses = tuple((step, 3.0 - step / 20) for step in range(1, 31))
    now = Snapshot("training", 30, 40, 3, 4, losses=losses, accuracies=((1, 70.0), (2, 85.5), (3, 84.25)), best_epoch=2)
    html = view.curves(now)
    loss, accuracy = labels_of(html)
    assert loss == "Loss so far: 1.500"
    assert accuracy == "Validation accuracy so far: 84.25%; epoch 2 is the best so far, 85.50%: its weights are kept"
    lines = re.findall(r'class="line" d="M([^"]+)"', html)
    for line in lines:
        places = [tuple(map(float, point.split())) for point in line.split("L")]
        assert places == sorted(places, key=lambda place: place[0])
        assert places[-1][0] == pytest.approx(view.LEFT + 0.75 * (view.RIGHT - view.LEFT), abs=0.1)
        assert all(view.TOP - 0.1 <= y <= view.BASE + 0.1 for _, y in places)
    (best,) = Elements(html).of_class("best")
    assert f"{best['cx']} {best['cy']}" == lines[1].split("L")[1]


@given(st.lists(st.floats(0, 1e6), max_size=MOST_POINTS), st.lists(st.floats(0, 100), max_size=30))
def test_any_numbers_make_drawings_of_bounded_length(losses, accuracies):
    now = Snapshot(
        "training", 300, 1000, 3, 30, losses=tuple(enumerate(losses, 1)), accuracies=tuple(enumerate(accuracies, 1))
    )
    html = view.curves(now)
    labels_of(html)
    assert "nan" not in html
    assert "inf" not in html
    assert html.count("L") < 2 * MOST_POINTS


# ---- The map ----


def test_each_dot_comes_from_where_it_was():
    shown = plane()
    html = view.embedding_map(shown)
    dots = re.findall(r'class="class-(\d)" d="M(-?\d+) (-?\d+)h0" style="--dx:(-?\d+)px;--dy:(-?\d+)px"', html)
    assert len(dots) == 60
    middle, half = view.SIDE / 2, view.SIDE / 2 - view.RIM
    for (label, x, y, dx, dy), number in zip(dots, np.argsort(shown.classes, kind="stable"), strict=True):
        assert int(label) == shown.classes[number]
        assert (float(x), float(y)) == pytest.approx(middle + half * np.array(shown.now[number]), abs=0.51)
        came_from = (float(x) + float(dx), float(y) + float(dy))
        assert came_from == pytest.approx(middle + half * np.array(shown.before[number]), abs=1.1)
    assert re.findall(r"<text[^>]*>(\w+)<", html) == ["cat", "dog", "cow"]
    assert labels_of(html) == ["Map of 60 validation images after epoch 2"]


def test_names_of_classes_are_text_and_long_ones_stand_beside_the_map():
    html = view.embedding_map(plane(names=("cat", "a dog that has a very long name", HOSTILE)))
    elements = Elements(html)
    assert re.findall(r"<text[^>]*>([^<]*)<", html) == ["cat", "2", "3"]
    assert f"3: {HOSTILE}" in elements.text
    assert "script" not in {tag for tag, _ in elements.elements}


def test_pairs_have_a_map_without_classes():
    html = view.embedding_map(plane(names=()))
    assert html.count('class="many"') == 60
    assert "<text" not in html


# ---- The data check and the result ----


def test_the_data_check_says_what_there_is_and_all_of_it_is_text():
    shown = (ShownClass(HOSTILE, 100, (png(1), png(2))), ShownClass("two", 7, ('"><b>',)))
    report = DataReport(
        2, 107, 7, 100, "seen as ink, 28 x 28 px, grey", shown, 2, (("two/bad.png", "no image"), (HOSTILE, HOSTILE)),
        (HOSTILE,),
    )  # fmt: skip
    html = view.data_check(report)
    elements = Elements(html)
    assert "2 classes with 7 to 100 images each, 107 images in all; seen as ink, 28 x 28 px, grey." in elements.text
    assert "two/bad.png: no image" in elements.text
    assert elements.text.count(HOSTILE) == 4
    assert {"script", "b>"}.isdisjoint({tag for tag, _ in elements.elements})
    assert "2 files were left out" in elements.text
    assert [attributes["src"] for tag, attributes in elements.elements if tag == "img"] == [
        f"data:image/png;base64,{data}" for data in (png(1), png(2), '"><b>')
    ]
    assert "classes with 7 images each" in view.data_check(dataclasses.replace(report, largest=7)).replace("</b>", "")


def test_a_data_check_says_how_much_it_does_not_list():
    shown = tuple(ShownClass(f"class {number}", 3, (png(0),)) for number in range(24))
    files = tuple((f"{number}.png", "broken") for number in range(100))
    html = view.data_check(DataReport(500, 1500, 3, 3, "", shown, 5000, files))
    assert "and 476 more classes" in html
    assert "and 4,900 more" in html


def test_the_report_says_what_was_measured_and_shows_the_hardest_pairs(result):
    elements = Elements(view.report(result))
    for words in (
        "93.46%",
        "92.50 to 94.25%",
        "6.79%",
        "1.000",
        "4,950 same and 45,000 different pairs",
        "Different pairs called same5.50%",
        "Same pairs called different7.50%",
        "2 min, 9 epochs, epoch 2 kept",
        "all pairs of 1,000 images that the training never saw",
        f"3 vs {HOSTILE} distance 0.500, wrongly called same",
        "7 vs 8 distance 1.500, rightly called different",
        "4 distance 1.750, wrongly called different",
        "5 distance 0.250, rightly called same",
    ):
        assert words in elements.text
    few = dataclasses.replace(result.config.metrics, balanced_accuracy_low=None, balanced_accuracy_high=None)
    config = dataclasses.replace(result.config, metrics=few, data=DataRecord(split="classes"))
    assert "no interval: too few test classes" in view.report(dataclasses.replace(result, config=config))
    labels_of(view.report(result))
    ids = [attributes["id"] for _, attributes in elements.elements if "id" in attributes]
    assert "stripes" not in ids  # that of another drawing on the same page
    pictures = [attributes for tag, attributes in elements.elements if tag == "img"]
    assert [attributes["src"].partition(",")[2] for attributes in pictures] == [png(number) for number in range(1, 9)]
    assert [attributes["alt"] for attributes in pictures] == ["3", HOSTILE, "7", "8", "4", "4", "5", "5"]


def test_a_report_on_labelled_pairs_and_on_classes_held_out_says_so(result):
    data = dataclasses.replace(result.config.data, split="pairs")
    pairs = (HardPair(0.5, (png(1), png(2)), ()),)
    labelled = dataclasses.replace(result, config=dataclasses.replace(result.config, data=data), different=pairs)
    elements = Elements(view.report(labelled))
    assert "all labelled pairs of 1,000 images that" in elements.text
    assert "different distance 0.500, wrongly called same" in elements.text
    data = dataclasses.replace(data, split="classes")
    unseen = dataclasses.replace(result, config=dataclasses.replace(result.config, data=data))
    assert "1,000 images of classes that the training never saw" in view.report(unseen)


def test_a_training_that_ended_early_says_so(result):
    training = dataclasses.replace(result.config.training, finished_at_step=30)
    early = dataclasses.replace(result, config=dataclasses.replace(result.config, training=training))
    assert "2 of 9 epochs" in view.report(early)


# ---- What is drawn anew ----


def test_only_what_has_changed_is_drawn_anew(result):
    start, reading = Update(), Update(Snapshot("reading"))
    assert view.changes(start, start, 0) == {"progress": view.progress(message="Starting.")}
    assert view.changes(start, start, 2) == {"progress": view.progress(message="You are number 2 in the queue.")}
    assert view.changes(reading, start, 0) == {"progress": view.progress(reading.progress)}
    stepped = reading.then(Update(TRAINING))
    assert view.changes(stepped, reading, 0) == {"progress": view.progress(TRAINING), "curves": view.curves(TRAINING)}
    mapped = stepped.then(Update(map=plane()))
    assert set(view.changes(mapped, stepped, 0)) == {"progress", "map"}
    assert set(view.changes(mapped.then(Update(result=result)), mapped, 0)) == {"progress", "result"}
    assert view.changes(mapped.then(Update(problem=HOSTILE)), mapped, 0) == {
        "progress": view.progress(message=HOSTILE, problem=True)
    }
