"""Training for the visitors of a page: a workspace for each, one training at a time, and nothing that stays behind.

A workspace is an object that the server holds for a page; whoever has no reference to it has no way to what is in it. Its
folder has a random name, which no browser is told or asked for.
"""

import contextlib
import contextvars
import logging
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from siamese.visitors.limits import TrainingLimits
from siamese.visitors.process import Worker
from siamese.visitors.task import FINISH, STOP, Frame, Job

SWEEP_SECONDS = 10  # between two looks for workspaces that nobody uses any more
CHECK_SECONDS = 120  # that a look through a visitor's data may take
LATE_SECONDS = 120  # after its time is up, for a training to measure its best epoch and to write it, before it is ended

logger = logging.getLogger(__name__)


class Run:
    """A training that was asked for: in the queue, under way, or over."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.page: Frame = {}  # the latest of each part
        self.version = 0  # grows with each change
        self.is_over = self.is_stopped = False
        self.worker: Worker | None = None

    def show(self, frame: Frame) -> None:
        """Take in a frame."""
        self.page = {**self.page, **frame}
        self.version += 1

    def finish(self) -> None:
        """End with the best so far; one that waits is taken out of the queue."""
        self.is_stopped = True
        (Path(self.job.folder) / FINISH).touch()

    def end(self) -> None:
        """End at once."""
        self.is_over = True
        with contextlib.suppress(OSError):
            (Path(self.job.folder) / STOP).touch()
        if self.worker:
            self.worker.kill()


class Workshop:
    """All workspaces of a server. `on_gpu` does a job elsewhere than in a process here; `close` leaves nothing behind."""

    def __init__(self, limits: TrainingLimits, on_gpu: Callable[[Job], Iterator[Frame]] | None = None) -> None:
        self.limits = limits
        self._on_gpu = on_gpu
        self._queue: list[Run] = []  # the first is under way
        self._changed = threading.Condition()
        self._spaces: set[Workspace] = set()
        self._root: Path | None = None
        self._lock = threading.Lock()

    def open(self) -> "Workspace":
        """A workspace for a page that was opened."""
        from siamese.visitors.workspace import Workspace

        return Workspace(self)

    def close(self) -> None:
        """End all trainings, and delete all that visitors have brought or made."""
        for space in list(self._spaces):
            space.close()
        with self._lock:
            if self._root:
                shutil.rmtree(self._root, ignore_errors=True)
            self._root = None

    def __enter__(self) -> "Workshop":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def place(self, run: Run) -> int:
        """How many trainings come before this one; 0 where it is under way, or not in the queue."""
        with self._changed:
            return self._queue.index(run) if run in self._queue else 0

    def enter(self, run: Run) -> None:
        """Put a training into the queue. Raises ValueError where that is full."""
        with self._changed:
            if len(self._queue) >= self.limits.waiting:
                raise ValueError(f"{len(self._queue)} trainings are waiting already, as many as may: try again in a while")
            self._queue.append(run)
        # In the context of the request: a hosted GPU is lent to whoever asks, and spaces looks there for who that is.
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(self._take_turn, run), daemon=True).start()

    def wake(self) -> None:
        """Have those in the queue look whether they are meant."""
        with self._changed:
            self._changed.notify_all()

    def _take_turn(self, run: Run) -> None:
        try:
            with self._changed:
                self._changed.wait_for(lambda: run.is_over or run.is_stopped or self._queue[0] is run)
            if run.is_stopped and not run.is_over:
                run.show({"problem": "Taken out of the queue."})
            elif not run.is_over:
                self.do(run)
        finally:
            with self._changed:
                self._queue.remove(run)
                self._changed.notify_all()
            run.is_over = True
            run.version += 1

    def do(self, run: Run) -> None:
        """Do a job here and now, and show what it yields."""
        is_here = run.job.kind == "check" or self._on_gpu is None
        try:
            if is_here:
                run.worker = Worker(run.job)
            frames = run.worker.frames() if is_here else self._on_gpu(run.job)
            limit = CHECK_SECONDS if run.job.kind == "check" else run.job.seconds + LATE_SECONDS
            alarm = threading.Timer(limit, run.end)
            alarm.daemon = True
            alarm.start()
            try:
                with contextlib.closing(frames):
                    if run.is_over:  # ended while it was starting
                        return
                    for frame in frames:
                        run.show(frame)
                        if run.is_over:
                            return
            finally:
                alarm.cancel()
                if is_here:
                    run.worker.kill()  # also one whose frames nobody has begun to read
        except Exception as error:
            if not run.is_over:  # else it was ended, on purpose
                logger.warning("%s", error)
                run.show({"problem": "This went wrong here, not by your fault: it may be too much for this machine."})
        if run.is_over and "done" not in run.page:
            run.show({"problem": "This took longer than is allowed here, and was ended."})

    def new_folder(self, space: "Workspace") -> Path:
        """An empty folder for a workspace."""
        with self._lock:
            if self._root is None:
                self._root = Path(tempfile.mkdtemp(prefix="siamese-train-"))
                threading.Thread(target=self._sweep, args=(self._root,), daemon=True).start()
            folder = self._root / secrets.token_urlsafe(16)
            folder.mkdir(mode=0o700)
            self._spaces.add(space)
            return folder

    def forget(self, space: "Workspace") -> None:
        """A workspace is closed."""
        with self._lock:
            self._spaces.discard(space)

    def _sweep(self, root: Path) -> None:
        while self._root == root:
            for space in list(self._spaces):
                if space.idle_seconds() > 60 * self.limits.minutes:
                    space.empty()
            time.sleep(SWEEP_SECONDS)
