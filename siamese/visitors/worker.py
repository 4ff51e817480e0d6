"""What a training for the page does, as frames of HTML: for a process of its own, or a function on a hosted GPU.

Only JSON leaves that process, so that pictures from strangers are decoded, and their results drawn, away from the server.
`python -m siamese.visitors.worker` reads a job from the first line of its input and writes frames, a line each. It ends when
its input does: when the server is gone, so is it.
"""

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from siamese.data.check import check
from siamese.demo.train import view as page_train
from siamese.visitors.task import FINISH, STOP, Frame, Job

SECONDS_PER_FRAME = 0.4
NICE = 5  # how much a training gives way to the server; it gets all that is left over


def frames(job: Job) -> Iterator[Frame]:
    """Do the job; what changes on the page. The last frame holds "done", or "problem" with a sentence for the visitor."""
    try:
        if job.kind == "check":
            yield check(job.dataset)
        else:
            yield from _training(job)
    except (ValueError, OSError, MemoryError) as error:
        message = str(error) or type(error).__name__
        yield {"problem": message.replace(f"{job.dataset}/", "").replace(repr(job.dataset), "your data")}


def _training(job: Job) -> Iterator[Frame]:
    # Here, since all that a training needs takes seconds to import, for which a check should not wait.
    from siamese.training.events import Ask, EpochEnded, Finished, Fitted, Stepped
    from siamese.training.loop import train
    from siamese.training.progress import Watch
    from siamese.training.settings import TrainingSettings

    folder, watch, started = Path(job.folder), Watch(), time.monotonic()

    def asked() -> Ask | None:
        is_late = time.monotonic() - started > job.seconds
        return Ask.FINISH if is_late or (folder / FINISH).exists() else None

    names = ("dataset", "encoder", "loss", "epochs", "batch_size", "split", "device")
    settings = TrainingSettings(**{name: getattr(job, name) for name in names}, output=job.model)
    shown, events = 0.0, train(settings, asked=asked)
    yield {"progress": page_train.progress(watch, "Reading the images and building the network.")}
    with contextlib.closing(events):
        for event in events:
            watch.take(event)
            if (folder / STOP).exists():
                return
            if not isinstance(event, Stepped) or time.monotonic() - shown > SECONDS_PER_FRAME:
                frame = {"progress": page_train.progress(watch), "curves": page_train.curves(watch)}
                if isinstance(event, EpochEnded):
                    frame |= {"map": page_train.embedding_map(watch), "epoch": event.record.epoch}
                if isinstance(event, Fitted):
                    frame["progress"] = page_train.progress(watch, "Measuring the best epoch on images kept aside.")
                if isinstance(event, Finished):
                    frame |= {"report": page_train.report(event), "done": True}
                yield frame
                shown = time.monotonic()


def main() -> int:
    """Do the job that comes as JSON on the first line of standard input; frames go to standard output."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is no frame
    with contextlib.suppress(AttributeError, OSError):  # another system
        os.nice(NICE)
    job = Job(**json.loads(sys.stdin.readline()))
    threading.Thread(target=_end_with_the_server, daemon=True).start()
    if job.kind == "train":
        import torch

        torch.set_num_threads(job.threads)
    for frame in frames(job):
        out.write(json.dumps(frame) + "\n")
        out.flush()
    return 0


def _end_with_the_server() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
