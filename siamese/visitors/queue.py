"""Trainings one at a time, checks of data one at a time, each in the order of asking; and how a task is done."""

import contextlib
import contextvars
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from siamese.hub.errors import DISK_FULL
from siamese.visitors.process import KilledError, WorkerProcess
from siamese.visitors.task import FINISH, STOP, Task, Update

CHECK_SECONDS = 120  # that a look through a visitor's data may take
LATE_SECONDS = 120  # after its time is up, for a training to measure its best epoch and to write it, before it is ended
MOST_OF_A_PAGE = 2  # tasks of a kind, under way or waiting

TOO_MUCH = "This went wrong here, not by your fault: it may be too much for this machine."
MISTAKE = "This went wrong here, not by your fault: it is a mistake in the program, which the server's log describes."

KILLED = (
    "This was ended from outside, not by your fault: most likely this machine had no memory left. Try again, with fewer or "
    "smaller images."
)
FULL = "This went wrong here, not by your fault: the server's disk is full. Try again later."

logger = logging.getLogger(__name__)


class QueueFullError(ValueError):
    """Too many are waiting already."""


class Run:
    """A task that a page at an address, where these are known, has asked for: in the queue, under way, or over."""

    def __init__(self, task: Task, page: str | None = None, address: str | None = None) -> None:
        self.task, self.page, self.address = task, page, address
        self.state = Update()  # all that is known of it; another object after each change
        self.is_over = self.is_stopped = False
        self.process: WorkerProcess | None = None

    def take(self, update: Update) -> None:
        """Note what has become of it."""
        self.state = self.state.then(update)

    def finish(self) -> None:
        """End with the best so far; one that waits is taken out of the queue."""
        self.is_stopped = True
        (Path(self.task.folder) / FINISH).touch()

    def end(self) -> None:
        """End at once."""
        self.is_over = True
        with contextlib.suppress(OSError):
            (Path(self.task.folder) / STOP).touch()
        if self.process:
            self.process.kill()


class TrainingQueue:
    """At most `waiting` trainings, and as many checks, under way or not; of one address at most half of them.

    `on_gpu` does a training elsewhere than in a process here.
    """

    def __init__(self, waiting: int, on_gpu: Callable[[Task], Iterator[Update]] | None = None) -> None:
        self.waiting = waiting
        self._most_of_an_address = -(-waiting // 2)  # so that others find a place
        self._on_gpu = on_gpu
        self._runs: list[Run] = []  # the first is under way
        self._checks: list[Run] = []  # as well
        self._changed = threading.Condition()

    def place(self, run: Run) -> int:
        """How many trainings come before this one; 0 where it is under way, or not in the queue."""
        with self._changed:
            return self._runs.index(run) if run in self._runs else 0

    def enter(self, run: Run) -> None:
        """Put a training into the queue. Raises QueueFullError."""
        self._line_up(run, self._runs, "trainings")
        # In the context of the request: a GPU of ZeroGPU is lent to whoever asks, and spaces looks there for who that is.
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(self._take_turn, run), daemon=True).start()

    def check(self, run: Run) -> None:
        """Do a check, and return when it is done or ended; it waits until those before it are. Raises QueueFullError."""
        self._line_up(run, self._checks, "checks of images")
        try:
            with self._changed:
                self._changed.wait_for(lambda: run.is_over or self._checks[0] is run)
            if run.is_over:
                run.take(Update(problem="The check was ended."))
            else:
                self.do(run)
        finally:
            with self._changed:
                self._checks.remove(run)
                self._changed.notify_all()

    def _line_up(self, run: Run, line: list[Run], what: str) -> None:
        with self._changed:
            if len(line) >= self.waiting:
                raise QueueFullError(f"{len(line)} {what} are waiting already, as many as may: try again in a while")
            for name, own, most in (("page", run.page, MOST_OF_A_PAGE), ("address", run.address, self._most_of_an_address)):
                count = sum(getattr(other, name) == own for other in line) if own is not None else 0
                if count >= most:
                    raise QueueFullError(
                        f"{count} {what} of your {name} are waiting already, as many as may: try again in a while"
                    )
            line.append(run)

    def wake(self) -> None:
        """Have those in the queue look whether they are meant."""
        with self._changed:
            self._changed.notify_all()

    def _take_turn(self, run: Run) -> None:
        try:
            with self._changed:
                self._changed.wait_for(lambda: run.is_over or run.is_stopped or self._runs[0] is run)
            if run.is_stopped and not run.is_over:
                run.take(Update(problem="Taken out of the queue."))
            elif not run.is_over:
                self.do(run)
        finally:
            with self._changed:
                self._runs.remove(run)
                self._changed.notify_all()
            run.is_over = True

    def do(self, run: Run) -> None:
        """Do a task here and now; its end, or what was wrong, is in the state of `run` then."""
        try:
            self._do(run)
        except Exception as error:
            if not run.is_over:  # else it was ended, on purpose
                logger.error("a %s failed: %s", run.task.kind, error, exc_info=error)
                # A process that ends, and torch where memory runs out, are RuntimeErrors.
                is_too_much = isinstance(error, RuntimeError | MemoryError | OSError)
                said = TOO_MUCH if is_too_much else MISTAKE
                said = KILLED if isinstance(error, KilledError) else said
                run.take(Update(problem=FULL if isinstance(error, OSError) and error.errno in DISK_FULL else said))
        if run.is_over and not run.state.is_done:
            run.take(Update(problem="This took longer than is allowed here, and was ended."))

    def _do(self, run: Run) -> None:
        is_check = run.task.kind == "check"
        if is_check or self._on_gpu is None:
            run.process = WorkerProcess(run.task)
        updates = run.process.updates() if run.process else self._on_gpu(run.task)
        alarm = threading.Timer(CHECK_SECONDS if is_check else run.task.seconds + LATE_SECONDS, run.end)
        alarm.daemon = True
        alarm.start()
        try:
            with contextlib.closing(updates):
                if run.is_over:  # ended while it was starting
                    return
                for update in updates:
                    run.take(update)
                    if run.is_over:
                        return
        finally:
            alarm.cancel()
            if run.process:
                run.process.kill()  # also one whose updates nobody has begun to read
