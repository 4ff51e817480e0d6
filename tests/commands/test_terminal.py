"""A training on the terminal: a line for what happens, and Ctrl-C as a wish, the second time as an order."""

import dataclasses
import os
import re
import signal
import sys

import pytest
import torch
from pseudo_terminal import COLUMNS, at_a_terminal, without_colours

from siamese.commands.terminal import HEADINGS, StopRequest, describe_seen, follow, in_words, row
from siamese.config import DataRecord, EpochRecord, Metrics
from siamese.model_folder.doubtful import Doubtful
from siamese.training.events import Ask, EpochEnded, Finished, Fitted, Sample, Started, Stepped
from siamese.training.settings import TrainingSettings


def test_what_happens_is_said_a_line_each(verifier, trained_folder, tmp_path, capsys):
    """The numbers are those of the events, and of the model folder in the end."""
    bad = ((tmp_path / "bad.png", "no picture"),)
    sample = Sample(torch.zeros(2, 2), None, None)
    started = Started(
        TrainingSettings(), "what it is", DataRecord(), bad, ("few images",), 7, "a device", "float32", 2, 4, 2
    )
    steps = [Stepped(number, 4, 2, torch.tensor(1.0), 1.0) for number in (3, 4)]
    ended = EpochEnded(EpochRecord(2, 0.1234, 90.5, 9.5, 0.98765, 61.2), True, sample)
    config = dataclasses.replace(verifier.config, seen=None)
    finished = Finished(trained_folder, config, None, torch.zeros(2, 2), Doubtful(3, 1234, ()))
    follow(iter([started, *steps, ended, Fitted(2, 61.2), finished]), StopRequest())
    stdout, stderr = capsys.readouterr()
    lines = stdout.splitlines()
    assert lines[:2] == ["what it is", "continuing after step 2 of 4"]
    assert re.findall(r"[\d.]+", lines[2]) == ["2", "2", "0.1234", "90.50", "9.50", "0.98765", "61"]
    assert lines[2].endswith("(61 s, best so far)")
    assert lines[3] == "best: epoch 2 of 2; evaluating on the test images"
    pairs = config.metrics.same_pairs + config.metrics.different_pairs
    assert f"test, {pairs:,} pairs: balanced accuracy {config.metrics.balanced_accuracy:.2f}%" in lines[4]
    assert lines[5].startswith("3 of 1,234 images are nearer to another class than to their own: see ")
    assert lines[5].endswith(f"{trained_folder / 'README.md'}")
    assert lines[6] == f"wrote {trained_folder}; try next:"
    assert [line.partition("  #")[0].strip() for line in lines[7:]] == [
        f"python -m siamese compare A.png B.png --model {trained_folder}",
        f"SIAMESE_MODEL={trained_folder} python -m siamese demo",
        f"python -m siamese push {trained_folder} --repo-id USER/NAME",
    ]
    assert f"left out {tmp_path / 'bad.png'}: no picture" in stderr
    assert "note: few images" in stderr


def test_images_of_classes_seen_in_training_have_a_line_where_there_are_some():
    seen = Metrics(balanced_accuracy=91.234, balanced_accuracy_low=89.9, balanced_accuracy_high=92, same_pairs=1200)
    assert describe_seen(None) == ""
    assert "1,200 same" in describe_seen(seen)
    assert "91.23% (89.90 to 92.00)" in describe_seen(seen)
    few = dataclasses.replace(seen, balanced_accuracy_low=None, balanced_accuracy_high=None)
    assert "91.23% (no interval: too few test classes)" in describe_seen(few)


def test_the_time_left_follows_the_pace(capsys):
    started = Started(TrainingSettings(), "", DataRecord(), (), (), 7, "a device", "float32", 0, 40, 4)
    steps = [Stepped(number, 40, 1, torch.tensor(1.0), 20.0 * number) for number in range(1, 11)]
    ended = EpochEnded(EpochRecord(1, 0.1, 90.5, 9.5, 0.98, 200.0), False, Sample(torch.zeros(2, 2), None, None))
    follow(iter([started, *steps, ended]), StopRequest())
    assert capsys.readouterr().out.splitlines()[-1].endswith("(3 min, 10 min left)")
    assert [in_words(seconds) for seconds in (0.4, 99.4, 99.6, 5969, 5971, 36_000)] == [
        "0 s", "99 s", "2 min", "99 min", "1.7 h", "10.0 h",
    ]  # fmt: skip


def test_the_lines_of_the_table_are_below_their_headings_within_80_columns():
    line = row(EpochRecord(123, 12.3456, 100.0, 50.0, 0.98765, 5900.0), 300, True)
    ends = [found.end() for found in re.finditer(r"epoch|loss|balanced accuracy|EER|AUC|time", HEADINGS)]
    assert [found.end() for found in re.finditer(r"\d+/\d+|[\d.]+%?( min)?", line)][1:] == ends[1:]
    assert len(line) <= 80


FOLLOW = """
import sys, torch
from siamese.commands.terminal import StopRequest, follow
from siamese.config import DataRecord, EpochRecord
from siamese.training.events import EpochEnded, Fitted, Sample, Started, Stepped
from siamese.training.settings import TrainingSettings

def events():
    yield Started(TrainingSettings(), "what it is", DataRecord(), (), (), 7, "a device", "float32", 0, 4, 2)
    for step, epoch in ((1, 1), (2, 1), (3, 2), (4, 2)):
        yield Stepped(step, 4, epoch, torch.tensor(1.0), 30.0 * step)
        if step == 2 * epoch:
            record = EpochRecord(epoch, 1 / epoch, 95 - epoch, 5.0, 0.98, 60.0 * epoch)
            yield EpochEnded(record, epoch == 1, Sample(torch.zeros(2, 2), None, None))
    yield Fitted(1, 120.0)

follow(events(), StopRequest())
"""


def test_at_a_terminal_there_is_a_table_and_one_bar_that_is_gone_in_the_end():
    code, seen = at_a_terminal([sys.executable, "-c", FOLLOW])
    assert code == 0
    assert "epoch 2/2" in seen
    assert "0 s left" in seen
    lines = [line for line in without_colours(seen).splitlines() if line.strip()]
    assert max(map(len, lines)) <= COLUMNS
    assert [line for line in lines if not line.startswith("epoch ")] + [HEADINGS] == [
        "what it is",
        row(EpochRecord(1, 1.0, 94.0, 5.0, 0.98, 60.0), 2, True),
        row(EpochRecord(2, 0.5, 93.0, 5.0, 0.98, 120.0), 2, False),
        "best: epoch 1 of 2; evaluating on the test images",
        HEADINGS,
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_a_wish_the_second_stops_at_once_and_then_all_is_as_before(number):
    before = signal.getsignal(number)
    with StopRequest() as stop:
        stop.is_patient = True
        assert stop.asked() is None
        os.kill(os.getpid(), number)
        assert stop.asked() is Ask.INTERRUPT
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before
    assert StopRequest().asked() is None


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_before_the_first_step_a_signal_stops_at_once_and_the_code_says_which(number, code):
    with StopRequest() as stop:
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
        assert stop.code == code
