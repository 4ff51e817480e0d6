"""A training on the terminal: how far it is, a line for each epoch, and Ctrl-C as a wish."""

import contextlib
import shlex
import signal
import sys
from collections.abc import Iterator

from siamese.command_line import program, styled
from siamese.config import EpochRecord, Metrics
from siamese.evaluation.bootstrap import interval_in_words
from siamese.inputs import INPUTS, reworded
from siamese.model_folder.files import CARD_FILE
from siamese.training.events import Ask, EpochEnded, Event, Finished, Fitted, Started, Stepped
from siamese.training.progress import Pace

HEADINGS = "epoch      loss  balanced accuracy      EER      AUC     time"  # of the lines of `row`


def follow(events: Iterator[Event], stop: "StopRequest") -> None:
    """Train, and say what happens; once the loop runs, `stop` waits for the step to end.

    On a terminal the epochs are a table, with a bar for the whole training below it. Elsewhere there is no bar, and a line
    for each epoch says how much time is left.
    """
    pace, is_terminal = Pace(), sys.stdout.isatty()
    with contextlib.ExitStack() as stack:
        bar = None
        for event in events:
            match event:
                case Started():
                    stop.is_patient = True
                    print_start(event)
                    epochs = event.epochs
                    if is_terminal:
                        print(f"\n{styled(HEADINGS, 'bold')}")
                        bar = stack.enter_context(Bar(event))
                case Stepped():
                    pace.take(event)
                    if bar:
                        bar.move(event, pace.seconds_left())
                case EpochEnded(record, is_best):
                    if is_terminal:
                        print(styled(row(record, epochs, is_best), "bold green" if is_best else ""))
                    else:
                        print(line(record, epochs, is_best, pace.seconds_left()), flush=True)
                case Fitted():
                    stack.close()  # the bar is done
                    best = f"best: epoch {event.best_epoch} of {epochs}" if epochs else "the weights stay as they are"
                    print(f"{best}; evaluating on the test images", flush=True)
                case Finished():
                    print(f"{describe_result(event)}\n{what_next(event)}")


def print_start(started: Started) -> None:
    """What is trained on what, and what is wrong with the data."""
    for file, reason in started.left_out:
        print(f"left out {file}: {reason}", file=sys.stderr)
    for remark in started.remarks:
        print(f"{styled('note:', 'yellow', sys.stderr)} {remark}", file=sys.stderr)
    print(started.description)
    if started.step:
        print(f"continuing after step {started.step:,} of {started.steps:,}")


class Bar:
    """The progress of a whole training at the foot of the terminal, within `with`."""

    def __init__(self, started: Started) -> None:
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn  # for terminals alone

        words = (TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"), BarColumn(), TaskProgressColumn())
        left = TextColumn("{task.fields[left]}")
        self._progress = Progress(*words, left, transient=True)
        self._task = self._progress.add_task(
            "", completed=started.step, total=started.steps, epochs=started.epochs, left="",
            epoch=min(started.step * started.epochs // max(started.steps, 1) + 1, started.epochs),
        )  # fmt: skip

    def __enter__(self) -> "Bar":
        self._progress.start()
        return self

    def __exit__(self, *_) -> None:
        self._progress.stop()

    def move(self, step: Stepped, seconds_left: float | None) -> None:
        """Show that a step was made."""
        left = "" if seconds_left is None else f"{in_words(seconds_left)} left"
        self._progress.update(self._task, completed=step.step, epoch=step.epoch, left=left)


def row(record: EpochRecord, epochs: int, is_best: bool) -> str:
    """An epoch in the table below HEADINGS."""
    return (
        f"{f'{record.epoch}/{epochs}':>7} {record.loss:7.4f}  {record.balanced_accuracy:16.2f}%"
        f"  {record.equal_error_rate:6.2f}%  {record.roc_auc:.5f}  {in_words(record.seconds):>7}"
        f"{'  best so far' if is_best else ''}"
    )


def line(record: EpochRecord, epochs: int, is_best: bool, seconds_left: float | None) -> str:
    """An epoch where there is no table."""
    left = f", {in_words(seconds_left)} left" if seconds_left else ""
    return (
        f"epoch {record.epoch}/{epochs}  loss {record.loss:.4f}  validation: balanced accuracy "
        f"{record.balanced_accuracy:.2f}%  EER {record.equal_error_rate:.2f}%  AUC {record.roc_auc:.5f}  "
        f"({in_words(record.seconds)}{', best so far' if is_best else ''}{left})"
    )


def in_words(seconds: float) -> str:
    """A time as people say it: "45 s", "12 min", "3.5 h"."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 99.5 * 60 else f"{seconds / 3600:.1f} h"


def describe_result(finished: Finished) -> str:
    """What was measured."""
    metrics, split = finished.config.metrics, finished.config.data.split
    return (
        f"test, {metrics.same_pairs + metrics.different_pairs:,} pairs: balanced accuracy "
        f"{metrics.balanced_accuracy:.2f}% ({interval_in_words(metrics, 'balanced_accuracy', 2, split)}), "
        f"EER {metrics.equal_error_rate:.2f}%, AUC {metrics.roc_auc:.5f}, "
        f"calibration error {metrics.calibration_error:.2f}%\n{describe_seen(finished.config.seen, split)}"
        f"{describe_doubtful(finished)}".rstrip()
    )


def what_next(finished: Finished) -> str:
    """What was written, and three commands to try with it."""
    folder, start = shlex.quote(str(finished.folder)), program()
    kind = INPUTS[finished.config.preprocess.mode]
    commands = [
        (f"{start} compare {shlex.join(kind.examples)} --model {folder}", "same or different?"),
        (f"SIAMESE_MODEL={folder} {start} demo", "the page"),
        (f"{start} push {folder} --repo-id USER/NAME", "share it"),
    ]
    width = max(len(command) for command, _ in commands)
    listed = "\n".join(f"  {command:{width}}  {styled('# ' + why, 'dim')}" for command, why in commands)
    return f"wrote {finished.folder}; try next:\n{listed}"


def describe_seen(seen: Metrics | None, split: str = "classes") -> str:
    """The line on images of classes that training has seen, to be compared with the test; "" where none were held out."""
    if seen is None:
        return ""
    return (
        f"new images of classes seen in training, {seen.same_pairs:,} same and {seen.different_pairs:,} different pairs: "
        f"balanced accuracy {seen.balanced_accuracy:.2f}% ({interval_in_words(seen, 'balanced_accuracy', 2, split)})\n"
    )


def describe_doubtful(finished: Finished) -> str:
    """The line on images that disagree with their class, and where they are listed; "" where there are none."""
    if not finished.doubtful or not finished.doubtful.count:
        return ""
    in_words = reworded(finished.doubtful.in_words, INPUTS[finished.config.preprocess.mode].noun)
    return f"{in_words}: see the list in {finished.folder / CARD_FILE}\n"


class StopRequest:
    """Within `with`, Ctrl-C ends a training, and so does SIGTERM, as batch systems and containers send it.

    Before the first step it ends at once, by KeyboardInterrupt. Then the first signal asks the loop to stop after its step;
    a second one ends it at once.
    """

    number: int | None = None  # of the signal that came
    is_patient = False  # whether there is a step to wait for

    @property
    def code(self) -> int:
        """The exit code of an interrupted training: as shells and schedulers say it, 128 and the number of the signal."""
        return 128 + (self.number or signal.SIGINT)

    def __enter__(self) -> "StopRequest":
        self.previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        for number in self.previous:
            signal.signal(number, self._handle)
        return self

    def __exit__(self, *_) -> None:
        for number, handler in self.previous.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _) -> None:
        is_first, self.number = self.number is None, number
        if not (is_first and self.is_patient):
            raise KeyboardInterrupt

    def asked(self) -> Ask | None:
        """What the loop is asked."""
        return Ask.INTERRUPT if self.number else None
