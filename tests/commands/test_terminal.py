"""A training on the terminal: a line for what happens, and Ctrl-C as a wish, the second time as an order."""

import dataclasses
import os
import re
import signal

import pytest
import torch

from siamese.commands.terminal import StopRequest, describe_seen, epoch_bar, follow
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
    assert lines[3] == "evaluating on the test images"
    pairs = config.metrics.same_pairs + config.metrics.different_pairs
    assert f"test, {pairs:,} pairs: balanced accuracy {config.metrics.balanced_accuracy:.2f}%" in lines[4]
    assert lines[5].startswith("3 of 1,234 images are nearer to another class than to their own: see ")
    assert lines[5].endswith(f"{trained_folder / 'README.md'}")
    assert lines[6] == f"wrote {trained_folder}; try: python -m siamese compare A.png B.png --model {trained_folder}"
    assert f"left out {tmp_path / 'bad.png'}: no picture" in stderr
    assert "note: few images" in stderr


def test_images_of_classes_seen_in_training_have_a_line_where_there_are_some():
    seen = Metrics(balanced_accuracy=91.234, balanced_accuracy_low=89.9, balanced_accuracy_high=92, same_pairs=1200)
    assert describe_seen(None) == ""
    assert "1,200 same" in describe_seen(seen)
    assert "91.23% (89.90 to 92.00)" in describe_seen(seen)
    few = dataclasses.replace(seen, balanced_accuracy_low=None, balanced_accuracy_high=None)
    assert "91.23% (no interval: too few test classes)" in describe_seen(few)


def test_a_bar_goes_on_where_an_epoch_was_left_and_there_is_none_after_the_last():
    bar = epoch_bar(2, 3, 28, done=5)
    assert (bar.n, bar.total, bar.disable) == (5, 28, False)
    bar.close()
    assert epoch_bar(4, 3, 28).disable


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
