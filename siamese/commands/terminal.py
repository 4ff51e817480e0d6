"""A training on the terminal: what happens, a line each, and Ctrl-C as a wish."""

import contextlib
import signal
import sys
from collections.abc import Iterator

from tqdm import tqdm

from siamese.config import Metrics
from siamese.evaluation.bootstrap import interval_in_words
from siamese.model_folder.files import CARD_FILE
from siamese.training.events import Ask, EpochEnded, Event, Finished, Fitted, Started, Stepped


def follow(events: Iterator[Event], stop: "StopRequest") -> None:
    """Train, and say on the terminal what happens; once the loop runs, `stop` waits for the step to end."""
    bar = None
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: bar and bar.close())
        for event in events:
            match event:
                case Started():
                    stop.is_patient = True
                    print_start(event)
                    epochs, length = event.epochs, event.steps // event.epochs
                    bar = epoch_bar(event.step // length + 1, epochs, length, event.step % length)
                case Stepped():
                    bar.update()
                case EpochEnded(record, is_best):
                    bar.close()
                    print(
                        f"epoch {record.epoch}/{epochs}  loss {record.loss:.4f}  validation: balanced accuracy "
                        f"{record.balanced_accuracy:.2f}%  EER {record.equal_error_rate:.2f}%  AUC {record.roc_auc:.5f}  "
                        f"({record.seconds:.0f} s{', best so far' if is_best else ''})"
                    )
                    bar = epoch_bar(record.epoch + 1, epochs, length)
                case Fitted():
                    print("evaluating on the test images")
                case Finished():
                    print(describe_result(event))


def print_start(started: Started) -> None:
    """What is trained on what, and what is wrong with the data."""
    for file, reason in started.left_out:
        print(f"left out {file}: {reason}", file=sys.stderr)
    for remark in started.remarks:
        print(f"note: {remark}", file=sys.stderr)
    print(started.description)
    if started.step:
        print(f"continuing after step {started.step:,} of {started.steps:,}")


def epoch_bar(epoch: int, epochs: int, length: int, done: int = 0) -> tqdm:
    """The progress bar of an epoch of `length` steps, of which some are done; none after the last epoch."""
    return tqdm(desc=f"epoch {epoch}/{epochs}", total=length, leave=False, initial=done, disable=epoch > epochs)


def describe_result(finished: Finished) -> str:
    """What was measured, and how to use what was written."""
    metrics, folder, split = finished.config.metrics, finished.folder, finished.config.data.split
    return (
        f"test, {metrics.same_pairs + metrics.different_pairs:,} pairs: balanced accuracy "
        f"{metrics.balanced_accuracy:.2f}% ({interval_in_words(metrics, 'balanced_accuracy', 2, split)}), "
        f"EER {metrics.equal_error_rate:.2f}%, AUC {metrics.roc_auc:.5f}, "
        f"calibration error {metrics.calibration_error:.2f}%\n{describe_seen(finished.config.seen, split)}"
        f"{describe_doubtful(finished)}wrote {folder}; try: python -m siamese compare A.png B.png --model {folder}"
    )


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
    return f"{finished.doubtful.in_words}: see the list in {finished.folder / CARD_FILE}\n"


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
