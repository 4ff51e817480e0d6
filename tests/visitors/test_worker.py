"""What the process that trains for visitors says: true of the data and of the model, plain, small, and on time."""

import base64
import dataclasses
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from brought import write_classes
from full_disk import files_of_at_most
from PIL import Image

from siamese import Verifier
from siamese.config import from_dict
from siamese.training.snapshot import MOST_POINTS
from siamese.visitors.task import FINISH, SAMPLE, STOP, Task, Update
from siamese.visitors.worker import SHOWN_CLASSES, SHOWN_FILES, SHOWN_OF_CLASS, SHOWN_PAIRS, check_data, updates

LARGEST = 60_000  # bytes of an update but the last, which has pictures


def task(kind: str, folder: Path, dataset: str = SAMPLE, **choices) -> Task:
    folder.mkdir(exist_ok=True)
    return Task(kind, str(folder), dataset, encoder="compact", device="cpu", **choices)


def pixels(png: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(png))))


@pytest.fixture(scope="module")
def training(few_digits, tmp_path_factory) -> tuple[Task, list[Update]]:
    """A training of three epochs on 300 of the bundled digits, and all that was said of it."""
    asked = task("train", tmp_path_factory.mktemp("trained") / "task", str(few_digits), split="within", epochs=3)
    return asked, list(updates(asked))


# ---- The check ----


def test_a_check_counts_names_and_shows_what_there_is(digits, tmp_path):
    folder = write_classes(tmp_path / "own", digits)
    (folder / "class 1" / "broken.png").write_bytes(b"no image")
    (folder / "class 2" / "0.png").unlink()
    (folder / "class 2" / "copy.png").write_bytes((folder / "class 0" / "3.png").read_bytes())
    report = check_data(str(folder))
    assert (report.classes, report.images, report.smallest, report.largest) == (3, 59, 19, 20)
    assert report.seen == "seen as ink, 28 x 28 px, grey"
    assert [(shown.name, shown.images) for shown in report.shown] == [("class 0", 20), ("class 1", 20), ("class 2", 19)]
    assert {len(shown.pictures) for shown in report.shown} == {SHOWN_OF_CLASS}
    assert all(pixels(png).shape == (28, 28) for shown in report.shown for png in shown.pictures)
    assert report.left_out == 2
    (broken, copy) = report.files
    assert broken[0] == "class 1/broken.png"
    assert copy == ("class 2/copy.png", "the same image as class 0/3.png, in another class (class 0)")
    assert str(tmp_path) not in str(report)


def test_the_sample_is_checked_as_it_is():
    report = check_data(SAMPLE)
    assert (report.classes, report.images, report.smallest, report.largest) == (10, 3000, 300, 300)
    assert [shown.name for shown in report.shown] == list("0123456789")
    assert report.files == report.remarks == ()


def test_a_check_of_much_stays_small(tmp_path):
    generator = np.random.default_rng(0)
    for label in range(SHOWN_CLASSES + 6):
        place = tmp_path / "own" / f"class {label:03}"
        place.mkdir(parents=True)
        for number in range(2):
            Image.fromarray(generator.integers(0, 256, (32, 32), np.uint8)).save(place / f"{number}.png")
        for number in range(5):
            (place / f"broken {number}.png").write_bytes(b"no image")
    report = check_data(str(tmp_path / "own"))
    assert (report.classes, len(report.shown)) == (SHOWN_CLASSES + 6, SHOWN_CLASSES)
    assert (report.left_out, len(report.files)) == (5 * (SHOWN_CLASSES + 6), SHOWN_FILES)


def test_data_that_are_none_are_called_the_visitors(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "uploaded-pictures").mkdir()
    (last,) = updates(task("check", tmp_path / "task", "uploaded-pictures"))
    assert last == Update(problem=last.problem)
    assert "there are no images in your data" in last.problem


# ---- The training ----


def test_a_training_says_how_far_it_is_and_ends_with_its_result(training):
    asked, said = training
    phases = [update.progress.phase for update in said]
    assert phases == sorted(phases, key=["reading", "training", "measuring", "finished"].index)
    assert set(phases) == {"reading", "training", "measuring", "finished"}
    assert [update.map.epoch for update in said if update.map] == [1, 2, 3]
    assert [update.is_done for update in said] == [False] * (len(said) - 1) + [True]
    last = said[-1]
    assert (last.progress.step, last.progress.epoch, last.progress.epochs) == (last.progress.steps, 3, 3)
    assert len(last.progress.accuracies) == 3
    config = json.loads((asked.model / "config.json").read_text())
    assert json.loads(json.dumps(dataclasses.asdict(last.result.config))) == config
    assert last.progress.best_epoch == config["training"]["best_epoch"]


def test_what_is_said_is_plain_small_and_read_back_as_it_was(training):
    for update in training[1]:
        line = json.dumps(dataclasses.asdict(update), allow_nan=False)
        assert from_dict(Update, json.loads(line), "update") == update
        assert len(update.progress.losses) <= MOST_POINTS
        assert len(line) < LARGEST or update.is_done
    assert len(line) < 1_000_000


def test_the_hardest_pairs_are_those_of_the_model_with_their_pictures(training, digits):
    asked, said = training
    result, model = said[-1].result, Verifier.from_pretrained(asked.model)
    seen = np.stack([model.canonical(image) for image in digits[0]])
    assert result.test_images == result.config.data.test_images == 60
    for pairs, is_same in ((result.different, False), (result.same, True)):
        assert len(pairs) == SHOWN_PAIRS
        for pair in pairs:
            shown = [pixels(png) for png in pair.pictures]
            labels = [int(digits[1][np.flatnonzero((seen == image).all(axis=(1, 2)))[0]]) for image in shown]
            assert pair.names == tuple(f"digit {label}" for label in labels)
            assert (labels[0] == labels[1]) == is_same
            a, b = model.embed_canonical(np.stack(shown))
            assert pair.distance == pytest.approx(float(np.linalg.norm(a - b)), abs=1e-4)
    assert [pair.distance for pair in result.different] == sorted(pair.distance for pair in result.different)
    assert [pair.distance for pair in result.same] == sorted((pair.distance for pair in result.same), reverse=True)


@pytest.mark.slow
@pytest.mark.parametrize("why", ["time", "finish"])
def test_a_training_ends_with_the_best_so_far_once_it_should(why, few_digits, tmp_path):
    asked = task("train", tmp_path / "task", str(few_digits), epochs=30, seconds=0 if why == "time" else 300)
    for update in updates(asked):
        if why == "finish" and update.map:
            (tmp_path / "task" / FINISH).touch()
    training = update.result.config.training
    assert training.epochs == 30
    assert 0 < training.finished_at_step < update.progress.steps


def test_a_training_that_is_to_end_at_once_leaves_no_model(tmp_path):
    asked = task("train", tmp_path / "task", epochs=30)
    said = []
    for update in updates(asked):
        said.append(update)
        (tmp_path / "task" / STOP).touch()
    assert len(said) == 1
    assert not asked.model.exists()


def test_as_a_program_it_writes_updates_alone_and_ends_with_them(tmp_path):
    asked = task("check", tmp_path / "task")
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-m", "siamese.visitors.worker"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True)
    process.stdin.write(json.dumps(dataclasses.asdict(asked)) + "\n")
    process.stdin.flush()
    assert process.wait(60) == 0
    (line,) = process.stdout.read().splitlines()
    assert from_dict(Update, json.loads(line), "update").data == check_data(SAMPLE)
    process.stdin.close()
    process.stdout.close()


def test_a_disk_that_is_full_is_said_in_words_without_where_things_lie(tmp_path):
    with files_of_at_most(50_000):
        said = list(updates(task("train", tmp_path / "task", epochs=1)))
    assert said[-1].problem == "the server's disk is full, this was not your fault: try again later"
