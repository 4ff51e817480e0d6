"""Training for the visitors of a page: a workspace for each, one training at a time, and nothing that stays behind.

A workspace is an object that the server holds for a page; whoever has no reference to it has no way to what is in it. Its
folder has a random name, which no browser is told or asked for.
"""

import contextlib
import contextvars
import dataclasses
import logging
import secrets
import shutil
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image

from siamese.data import check as data_check
from siamese.verifier import Verifier
from siamese.visitors import class_folders as intake
from siamese.visitors.limits import TrainingLimits
from siamese.visitors.process import Worker
from siamese.visitors.task import FINISH, LEAST_CLASSES, LEAST_IMAGES, SAMPLE, STOP, Checked, Frame, Job

SWEEP_SECONDS = 10  # between two looks for workspaces that nobody uses any more
CHECK_SECONDS = 120  # that a look through a visitor's data may take
LATE_SECONDS = 120  # after its time is up, for a training to measure its best epoch and to write it, before it is ended
SOURCES = {"sample": SAMPLE, "zip": "uploaded-pictures", "hand": "own-pictures"}  # the names that models know their data by

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


class Workspace:
    """What one visitor has brought and made. Safe to use from several threads."""

    def __init__(self, workshop: Workshop) -> None:
        self.workshop = workshop
        self.model: Verifier | None = None  # the one trained last
        self.trained = 0  # models so far
        self._folder: Path | None = None
        self._run: Run | None = None
        self._checked: Checked | None = None
        self._checks: set[Run] = set()
        self._copies: list[Path] = []
        self._used = time.monotonic()
        self._lock = threading.RLock()
        self._is_closed = False

    def __deepcopy__(self, memo: dict) -> "Workspace":
        return self  # gradio copies values of states; there is one workspace of a page

    @property
    def folder(self) -> Path:
        """Where all of it lies. Raises ValueError once the page is closed."""
        with self._lock:
            if self._is_closed:
                raise ValueError("this page was closed: reload it")
            self._used = time.monotonic()
            if self._folder is None:
                self._folder = self.workshop.new_folder(self)
            return self._folder

    def idle_seconds(self) -> float:
        """How long ago anything was done with it; 0 while it trains."""
        return 0.0 if self._run and not self._run.is_over else time.monotonic() - self._used

    def take_archive(self, archive: str | Path) -> tuple[str, ...]:
        """See siamese.visitors.class_folders."""
        with self._lock:
            self._check_idle()
            return intake.take_archive(archive, self.folder / SOURCES["zip"], self.workshop.limits)

    def add_files(self, files: list[str], label: str) -> str:
        """See siamese.visitors.class_folders."""
        with self._lock:
            self._check_idle()
            return intake.add_files(files, label, self.folder / SOURCES["hand"], self.workshop.limits)

    def add_drawing(self, drawing: Image.Image, label: str) -> str:
        """See siamese.visitors.class_folders."""
        with self._lock:
            self._check_idle()
            return intake.add_drawing(drawing, label, self.folder / SOURCES["hand"], self.workshop.limits)

    def forget_hand(self) -> None:
        """Delete the images that came by hand."""
        with self._lock:
            self._check_idle()
            shutil.rmtree(self.folder / SOURCES["hand"], ignore_errors=True)

    def counts(self) -> dict[str, int]:
        """The classes that were made by hand, each with the number of its images."""
        return intake.counts(self._folder / SOURCES["hand"]) if self._folder else {}

    def has(self, source: str) -> bool:
        """Whether anything was brought from one of SOURCES but the sample."""
        return bool(self._folder and intake.counts(self._folder / SOURCES[source]))

    def check(self, source: str) -> tuple[str, Checked]:
        """The report on what was brought from one of SOURCES, as HTML, and what can be trained on.

        The next training is on that. Raises ValueError where nothing can; an archive of such is not kept.
        """
        try:
            return self._check(source)
        except ValueError:
            if source == "zip" and self._folder and not (self._run and not self._run.is_over):
                shutil.rmtree(self._folder / SOURCES["zip"], ignore_errors=True)
            raise

    def _check(self, source: str) -> tuple[str, Checked]:
        self._checked = None
        if source == "sample":  # of which nothing is to be feared
            page, dataset = data_check.check(SAMPLE), SAMPLE
        else:
            with self._lock:
                job = self._job("check", source)
                run = Run(job)
                self._checks.add(run)
            try:
                self.workshop.do(run)
            finally:
                self._checks.discard(run)
                shutil.rmtree(job.folder, ignore_errors=True)
            if "done" not in run.page:
                raise ValueError(str(run.page["problem"]))
            page, dataset = run.page, job.dataset
        checked = Checked(source, dataset, int(page["classes"]), int(page["images"]))
        if checked.classes < LEAST_CLASSES or checked.images < LEAST_IMAGES:
            raise ValueError(
                f"there are {checked.images} usable images in {checked.classes} classes, to train takes at least "
                f"{LEAST_IMAGES} in {LEAST_CLASSES}, and two or more in each"
            )
        self._checked = checked
        return str(page["report"]), checked

    def start(self, encoder: str | None, loss: str, epochs: int) -> Run:
        """Ask for a training on what was checked last; `encoder` None is the one that fits the images.

        Raises ValueError where there is nothing, one is under way, the queue is full, or there are too many epochs.
        """
        limits = self.workshop.limits
        if not 1 <= epochs <= limits.epochs:
            raise ValueError(f"epochs are {epochs}, allowed: 1 to {limits.epochs}")
        with self._lock:
            self._check_idle()
            checked = self._checked
            if checked is None:
                raise ValueError("there are no checked images to train on: bring some first")
            job = self._job("train", checked.source)
            choices = {"encoder": encoder, "loss": loss, "epochs": epochs, "seconds": limits.seconds}
            run = Run(dataclasses.replace(job, **checked.plan(), **choices))
            self.workshop.enter(run)
            self._run = run
            return run

    def finish(self) -> None:
        """End the training with the best so far, or take it out of the queue."""
        if self._run and not self._run.is_over:
            self._run.finish()
            self.workshop.wake()

    def take_model(self) -> Verifier:
        """Load what the training has made, in place of the model before it. Raises ValueError where that is not there."""
        with self._lock:
            run = self._run
            if run is None or "done" not in run.page or not self._folder:
                raise ValueError("there is no trained model yet")
            model = Verifier.from_pretrained(run.job.model)
            self.trained += 1
            model.name = f"my-model-{self.trained}.zip"
            self.model = model
            for other in self._folder.glob("train-*"):
                if other != Path(run.job.folder):
                    shutil.rmtree(other, ignore_errors=True)
            return model

    def model_folder(self) -> Path:
        """The folder of the model. Raises ValueError where there is none."""
        if self.model is None or self._run is None or not self._run.job.model.is_dir():
            raise ValueError("there is no trained model yet")
        self._used = time.monotonic()
        return self._run.job.model

    def archive(self) -> Path:
        """The model as a ZIP file that siamese.Verifier loads."""
        source, path = self.model_folder(), self.folder / self.model.name
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for file in sorted(source.iterdir()):
                if file.is_file() and file.name != "resume.pt":
                    archive.write(file, file.name)
        return path

    def also_delete(self, path: str | Path) -> None:
        """Delete this file too when the page is closed: a copy that was made to be sent."""
        self._copies.append(Path(path))

    def empty(self) -> None:
        """End what is under way, and delete all."""
        for run in [*self._checks, *([self._run] if self._run else [])]:
            run.end()
        self.workshop.wake()
        with self._lock:
            self.model = self._run = self._checked = None
            for path in self._copies:
                path.unlink(missing_ok=True)
            self._copies = []
            if self._folder:
                shutil.rmtree(self._folder, ignore_errors=True)
                if self._folder.exists():  # what was just being written
                    time.sleep(0.2)
                    shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
            self.workshop.forget(self)

    def close(self) -> None:
        """The page is closed."""
        self._is_closed = True
        self.empty()

    def _job(self, kind: str, source: str) -> Job:
        if source not in SOURCES:
            raise ValueError(f"the source of the images is {source!r}, allowed: {', '.join(SOURCES)}")
        folder = self.folder / f"{kind}-{secrets.token_hex(4)}"
        dataset = SAMPLE if source == "sample" else str(self.folder / SOURCES[source])
        if source != "sample" and not intake.counts(Path(dataset)):
            raise ValueError(
                "there are no images yet: " + ("upload a ZIP file" if source == "zip" else "add some to a class")
            )
        folder.mkdir()
        return Job(kind, str(folder), dataset, threads=self.workshop.limits.threads)

    def _check_idle(self) -> None:
        if self._run and not self._run.is_over:
            raise ValueError("a training is under way: wait for it, or stop it first")
