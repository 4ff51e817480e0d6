"""What a task is, done: in a process of its own, or in a function on a GPU that the Hub lends (ZeroGPU).

Only numbers, short texts and small pictures leave that process, so that what strangers bring is decoded away from the
server. `python -m siamese.visitors.worker` reads a task from the first line of its input and writes updates, a line of JSON
each. It ends when its input does: when the server is gone, so is it.
"""

import base64
import contextlib
import dataclasses
import io
import json
import os
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from siamese.config import counted, one_line
from siamese.data.check import check_folder
from siamese.data.class_lists import Layout
from siamese.data.class_tree import find_classes
from siamese.images.load import ignore_pillow_warnings
from siamese.visitors.task import FEW_CLASSES, FINISH, SAMPLE, STOP, DataReport, HardPair, Result, ShownClass, Task, Update

if TYPE_CHECKING:
    from siamese.training.events import Event, Finished
    from siamese.training.progress import TrainingProgress

SECONDS_PER_UPDATE = 0.4
NICE = 5  # how much a training gives way to the server; it gets all that is left over
SHOWN_CLASSES, SHOWN_OF_CLASS, SHOWN_FILES, SHOWN_NAMES = 24, 4, 100, 6  # of a check
SHOWN_PAIRS = 6  # of each kind
LONGEST_NAME, LONGEST_FILE = 60, 120  # characters


def updates(task: Task) -> Iterator[Update]:
    """Do the task; what becomes of it. The last one has data, a result, or a problem with a sentence for the visitor."""
    try:
        if task.kind == "check":
            yield Update(data=check_data(task.dataset))
        else:
            yield from _training(task)
    except (ValueError, OSError, MemoryError) as error:
        if not isinstance(error, ValueError):  # not of the visitor's making: to the log, which the server reads
            with contextlib.suppress(OSError):  # where the disk is full, that cannot be written either
                traceback.print_exc()
        message = str(error)
        if _is_of_a_full_disk(error):
            message = "the server's disk is full, this was not your fault: try again later"
        elif isinstance(error, MemoryError):
            message = "there is not enough memory here for this: bring fewer pictures, or smaller ones"
        elif isinstance(error, OSError) and error.strerror:  # without the path, which is the server's
            message = f"this went wrong on the server, not by your fault: {error.strerror}"
        # Where things lie no browser is told.
        message = message.replace(tempfile.gettempdir(), "one of the server's").replace(repr(str(task.model)), "the model")
        yield Update(problem=message.replace(f"{task.dataset}/", "").replace(repr(task.dataset), "your data"))


def _is_of_a_full_disk(error: BaseException | None) -> bool:
    from siamese.hub.errors import DISK_FULL  # here, since a check need not wait for what that imports

    while error is not None:
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            return True
        error = error.__cause__ or error.__context__
    return False


def check_data(dataset: str) -> DataReport:
    """What there is to train on in a folder of class folders, or in SAMPLE. Raises ValueError where nothing is."""
    if dataset == SAMPLE:
        from siamese.data.datasets.mnist import load_mnist_sample

        training, test = load_mnist_sample()
        images, labels = np.concatenate([training.images, test.images]), np.concatenate([training.labels, test.labels])
        return _report(images, labels, tuple("0123456789"), "seen as ink, 28 x 28 px, grey")
    checked = check_folder(dataset, few_classes=FEW_CLASSES)
    found = checked.found

    def below(words: str, longest: int) -> str:
        """With paths cut off at the folder."""
        return one_line(words.replace(f"{dataset}/", ""), longest)

    return dataclasses.replace(
        _report(found.images, found.labels, found.names, f"seen as {checked.seen}"),
        left_out=len(found.left_out),
        files=tuple((below(str(file), LONGEST_FILE), below(why, 300)) for file, why in found.left_out[:SHOWN_FILES]),
        remarks=tuple(below(remark, 300) for remark in found.remarks),
        split=checked.split,
        problem=below(checked.problem, 500),
        by_names=_classes_by_names(dataset, checked.suggestion) if checked.suggestion else "",
    )


def _classes_by_names(dataset: str, names: str) -> str:
    found = list(find_classes(dataset, Layout(names=names)))
    listed = ", ".join(one_line(name, LONGEST_NAME) for name in found[:SHOWN_NAMES])
    return f"{counted(len(found), 'class', 'classes')}: {listed}{', ...' if len(found) > SHOWN_NAMES else ''}"


def _report(images: np.ndarray, labels: np.ndarray, names: tuple[str, ...], seen: str) -> DataReport:
    sizes = np.bincount(labels).tolist()
    shown = tuple(
        ShownClass(
            one_line(name or "without a name", LONGEST_NAME),
            sizes[number],
            tuple(map(png, images[np.flatnonzero(labels == number)[:SHOWN_OF_CLASS]])),
        )
        for number, name in enumerate(names[:SHOWN_CLASSES])
    )
    return DataReport(len(names), len(labels), min(sizes), max(sizes), seen, shown)


def png(image: np.ndarray) -> str:
    """An image, uint8 (H, W) or (H, W, 3), as a PNG in base64."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def _training(task: Task) -> Iterator[Update]:
    # Here, since all that a training needs takes seconds to import, for which a check should not wait.
    from siamese.training.events import Ask, Stepped
    from siamese.training.loop import train
    from siamese.training.progress import TrainingProgress
    from siamese.training.settings import TrainingSettings

    folder, progress, started = Path(task.folder), TrainingProgress(), time.monotonic()

    def asked() -> Ask | None:
        is_late = time.monotonic() - started > task.seconds
        return Ask.FINISH if is_late or (folder / FINISH).exists() else None

    names = ("dataset", "encoder", "loss", "epochs", "batch_size", "split", "device")
    settings = TrainingSettings(**{name: getattr(task, name) for name in names}, output=task.model)
    shown, events = 0.0, train(settings, asked=asked)
    yield Update(progress.snapshot())
    with contextlib.closing(events):
        for event in events:
            progress.take(event)
            if (folder / STOP).exists():
                return
            if not isinstance(event, Stepped) or time.monotonic() - shown > SECONDS_PER_UPDATE:
                yield _update(event, progress)
                shown = time.monotonic()


def _update(event: "Event", progress: "TrainingProgress") -> Update:
    from siamese.training.events import EpochEnded, Finished

    return Update(
        progress=progress.snapshot(),
        map=progress.map() if isinstance(event, EpochEnded) else None,
        result=result_of(event) if isinstance(event, Finished) else None,
    )


def result_of(finished: "Finished") -> Result:
    """What was measured of a trained model, with the pairs that it finds hardest."""
    test = finished.test

    def name(index: int) -> str:
        label = int(test.labels[index])
        return one_line(test.names[label], 40) if test.names else str(label)

    def hardest(is_same: bool) -> tuple[HardPair, ...]:
        return tuple(
            HardPair(
                distance,
                (png(test.images[a]), png(test.images[b])),
                (name(a), name(b)) if hasattr(test, "labels") else (),  # labelled pairs have no classes
            )
            for a, b, distance in test.hardest(finished.embeddings, is_same, SHOWN_PAIRS)
        )

    return Result(finished.config, len(test.images), hardest(False), hardest(True))


def main() -> int:
    """Do the task that comes as JSON on the first line of standard input; updates go to standard output."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is no update
    with contextlib.suppress(AttributeError, OSError):  # another system
        os.nice(NICE)
    ignore_pillow_warnings()
    task = Task(**json.loads(sys.stdin.readline()))
    threading.Thread(target=_end_with_the_server, daemon=True).start()
    if task.kind == "train":
        import torch

        torch.set_num_threads(task.threads)
    for update in updates(task):
        out.write(json.dumps(dataclasses.asdict(update), allow_nan=False) + "\n")
        out.flush()
    return 0


def _end_with_the_server() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
