"""Limits of trainings: from the environment, in words, and without anything heavy."""

import subprocess
import sys

import pytest

from siamese.visitors.limits import TrainingLimits, duration


def test_limits_come_from_the_environment_and_are_said():
    limits = TrainingLimits.from_environment({"SIAMESE_TRAIN_SECONDS": "90", "SIAMESE_TRAIN_MEGABYTES": " 7 "})
    assert limits == TrainingLimits(seconds=90, megabytes=7)
    assert "90 seconds and 40 epochs, on up to 2,000 images of 200 classes and 7 MB" in limits.sentence()
    assert "at the latest after 60 minutes" in limits.sentence()


def test_training_can_be_switched_off():
    assert TrainingLimits.from_environment({"SIAMESE_TRAIN": "Off"}) is None
    assert TrainingLimits.from_environment({"SIAMESE_TRAIN": ""}) == TrainingLimits()


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "many", "9" * 30, "²"])
def test_a_limit_that_is_none_is_named_with_what_is_allowed(value):
    with pytest.raises(ValueError, match=r"^SIAMESE_TRAIN_EPOCHS is '.*', allowed: a whole number from 1 to 1000$"):
        TrainingLimits.from_environment({"SIAMESE_TRAIN_EPOCHS": value})
    with pytest.raises(ValueError, match=r"^SIAMESE_TRAIN is 'maybe', allowed: on, off$"):
        TrainingLimits.from_environment({"SIAMESE_TRAIN": "maybe"})


def test_an_archive_may_hold_what_the_limits_say():
    archive = TrainingLimits(megabytes=50, images=300).archive
    assert (archive.archive_bytes, archive.unpacked_bytes, archive.files) == (50_000_000, 200_000_000, 600)
    assert archive.file_bytes == 20_000_000
    assert TrainingLimits(megabytes=3).archive.file_bytes == 3_000_000  # no more than the whole


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "1 second"), (90, "90 seconds"), (60, "1 minute"), (300, "5 minutes"), (86_400, "1,440 minutes")],
)
def test_a_duration_is_said_in_minutes_where_they_are_whole(seconds, words):
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("siamese.visitors.limits", ("numpy", "scipy", "torch")),
        ("siamese.visitors.task", ("numpy", "scipy", "torch")),
        ("siamese.visitors.worker", ("torch", "huggingface_hub")),  # a check of pictures should start soon
        ("siamese.version", ("huggingface_hub", "torch")),
    ],
)
def test_what_has_to_start_soon_imports_nothing_heavy(module, heavy):
    script = f"import sys, {module}; sys.exit(', '.join(set({heavy}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stderr.strip() == ""  # or the names of what it imports
