"""A workspace for each page that is open, and nothing that stays behind.

A workspace is an object that the server holds for a page; whoever has no reference to it has no way to what is in it. Its
folder has a random name, which no browser is told or asked for.
"""

import contextlib
import dataclasses
import functools
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image

from siamese.data.archives import pack
from siamese.model_folder.files import RESUME_FILE
from siamese.verifier import Verifier
from siamese.visitors import class_folders
from siamese.visitors.class_folders import contents
from siamese.visitors.disk import size_on_disk
from siamese.visitors.host import Host
from siamese.visitors.limits import MEGABYTE
from siamese.visitors.queue import QueueFullError, Run
from siamese.visitors.task import SAMPLE, Checked, DataReport, NamesTellClassesError, Task
from siamese.visitors.worker import check_data

TRAINING_BYTES = 100 * MEGABYTE  # that a training writes to the disk; no more than a quarter of what may be there
DRAWING_BYTES = 50_000  # at most, of a drawing as a file
SOURCES = {"sample": SAMPLE, "zip": "uploaded-pictures", "hand": "own-pictures"}  # the names that models know their data by
_sample_report = functools.cache(lambda: check_data(SAMPLE))  # the same for all, so that it costs nothing to ask for it


class Workspaces(Host):
    """All workspaces of a server. `close` leaves nothing behind."""

    def open(self, page: str | None = None) -> "Workspace":
        """A workspace for a page that was opened, by its name in `pages`; None: one that is open until it is closed."""
        space = Workspace(self, page)
        self.welcome(space, page)
        return space


class Workspace:
    """What one visitor has brought and made. Safe to use from several threads."""

    def __init__(self, workspaces: Workspaces, page: str | None = None) -> None:
        self.limits, self.queue = workspaces.limits, workspaces.queue
        self._workspaces, self.page = workspaces, page
        self.model: Verifier | None = None  # the one trained last
        self.trained = 0  # models so far
        self._folder: Path | None = None
        self._run: Run | None = None
        self._checked: Checked | None = None
        self._as_checked: list[tuple] = []  # what lay in its folder then, see contents
        self._checks: set[Run] = set()
        self._lent = 0  # blocks that read what was checked, see lend
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
                self._folder = self._workspaces.new_folder(self)
            return self._folder

    @property
    def address(self) -> str | None:
        """Where its page is; None where nobody knows."""
        return self._workspaces.pages.address_of(self.page) if self.page is not None else None

    def is_open(self) -> bool:
        """Whether its page is open."""
        return not self._is_closed and (self.page is None or self._workspaces.pages.is_open(self.page))

    def size(self) -> int:
        """Bytes of the disk that it takes."""
        folder = self._folder
        return size_on_disk(folder) if folder else 0

    def idle_seconds(self) -> float:
        """How long ago anything was done with it; 0 while it trains."""
        return 0.0 if self._lent or (self._run and not self._run.is_over) else time.monotonic() - self._used

    def is_in_use(self) -> bool:
        """Whether it may not be deleted to make room: as long as its page is open."""
        return self.is_open()

    def make_room(self) -> bool:
        """Delete all, unless it is in use, or something is being done with it; whether it did."""
        if self.is_in_use() or not self._lock.acquire(blocking=False):  # to wait for who waits for room would be for ever
            return False
        try:
            self.empty()
        finally:
            self._lock.release()
        return True

    def _take_for_later(self, size: int) -> None:
        self._workspaces.disk.take(size)
        self._workspaces.disk.settle(size)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Callable[[int], None]]:
        """Gives what is to be told how many bytes are written in the block; it raises NoRoomError where there is no room."""
        self._used, taken = time.monotonic(), []

        def take(size: int) -> None:
            self._workspaces.take(self, size)
            taken.append(size)

        try:
            yield take
        finally:
            self._workspaces.disk.settle(sum(taken))

    def take_archive(self, archive: str | Path) -> tuple[str, ...]:
        """See siamese.visitors.class_folders.

        Raises ValueError as well where the file is gone: what two visitors bring at once is one file, see UploadedFiles.
        """
        with self._workspaces.unpacking, self._lock:
            self._check_ready()
            if not Path(archive).is_file():
                raise ValueError(f"{Path(archive).name} is no longer here: choose it again")
            with self._writing() as take:
                return class_folders.take_archive(archive, self.folder / SOURCES["zip"], self.limits, take)

    def sort_by_names(self) -> tuple[str, ...]:
        """See siamese.visitors.class_folders."""
        with self._lock:
            self._check_ready()
            return class_folders.sort_by_names(self.folder / SOURCES["zip"], self.limits)

    def add_files(self, files: list[str], label: str) -> str:
        """See siamese.visitors.class_folders."""
        with self._lock:
            self._check_ready()
            with self._writing() as take:
                return class_folders.add_files(files, label, self.folder / SOURCES["hand"], self.limits, take)

    def add_drawing(self, drawing: Image.Image, label: str) -> str:
        """See siamese.visitors.class_folders."""
        with self._lock:
            self._check_ready()
            with self._writing() as take:
                take(DRAWING_BYTES)
                return class_folders.add_drawing(drawing, label, self.folder / SOURCES["hand"], self.limits)

    def forget_hand(self, label: str | None = None, file: str | None = None) -> None:
        """Delete the images that came by hand: all, those of a class, or one of it; see siamese.visitors.class_folders."""
        with self._lock:
            self._check_ready()
            class_folders.forget(self.folder / SOURCES["hand"], label, file)

    def counts(self) -> dict[str, int]:
        """The classes that were made by hand, each with the number of its images."""
        return class_folders.counts(self._folder / SOURCES["hand"]) if self._folder else {}

    def has(self, source: str) -> bool:
        """Whether anything was brought from one of SOURCES but the sample."""
        return bool(self._folder and class_folders.counts(self._folder / SOURCES[source]))

    def check(self, source: str) -> tuple[DataReport, Checked]:
        """The report on what was brought from one of SOURCES, and what can be trained on: the next training is on that.

        Raises ValueError where nothing can; an archive of such is not kept, unless it is a NamesTellClassesError, after
        which `sort_by_names` helps.
        """
        try:
            return self._check(source)
        except (QueueFullError, NamesTellClassesError):
            raise
        except ValueError:
            if source == "zip" and self._folder and not self._lent and not (self._run and not self._run.is_over):
                shutil.rmtree(self._folder / SOURCES["zip"], ignore_errors=True)
            raise

    def _check(self, source: str) -> tuple[DataReport, Checked]:
        self._checked = None
        if source == "sample":  # of which nothing is to be feared
            report, dataset, before = _sample_report(), SAMPLE, []
        else:
            report, dataset, before = self._check_brought(source)
        checked = Checked.of(report, source, dataset)
        with self._lock:
            if contents(dataset) != before:
                raise ValueError("the images have changed while they were checked: check them again")
            self._checked, self._as_checked = checked, before
        return report, checked

    def _check_brought(self, source: str) -> tuple[DataReport, str, list[tuple]]:
        """The report of a process of its own, the folder that it is on, and what lay there before it began."""
        with self._lock:
            self._check_open()
            run = Run(self._task("check", source), self.page, self.address)
            self._checks.add(run)
            before = contents(run.task.dataset)
        try:
            self.queue.check(run)
        finally:
            self._checks.discard(run)
            shutil.rmtree(run.task.folder, ignore_errors=True)
        if run.state.data is None:
            raise ValueError(run.state.problem)
        return run.state.data, run.task.dataset, before

    def checked(self) -> Checked:
        """What was checked last. Raises ValueError where there is nothing, or not what was checked."""
        with self._lock:
            if self._checked is None:
                raise ValueError("there are no checked images to train on: bring some first")
            if contents(self._checked.dataset) != self._as_checked:
                raise ValueError("the images have changed since they were checked: check them again")
            return self._checked

    @contextlib.contextmanager
    def lend(self) -> Iterator[Checked]:
        """What was checked last, which stays as it is in the block, for as long as the page is open."""
        with self._lock:
            self._check_ready()
            checked, self._lent = self.checked(), self._lent + 1
        try:
            yield checked
        finally:
            with self._lock:
                self._lent -= 1

    def start(self, encoder: str | None, loss: str, epochs: int) -> Run:
        """Ask for a training on what was checked last; `encoder` None is the one that fits the images.

        Raises ValueError where there is nothing, or not what was checked, where one is under way, the queue is full, the
        page is not open, or there are too many epochs.
        """
        if not 1 <= epochs <= self.limits.epochs:
            raise ValueError(f"epochs are {epochs}, allowed: 1 to {self.limits.epochs}")
        with self._lock:
            self._check_ready()
            checked = self.checked()
            done = Path(self._run.task.folder) if self._run and self._run.state.is_done else None
            self._delete_trainings(done)  # that were killed, or stopped
            self._take_for_later(min(TRAINING_BYTES, self._workspaces.disk.most // 4))
            task = self._task("train", checked.source)
            choices = {"encoder": encoder, "loss": loss, "epochs": epochs, "seconds": self.limits.seconds}
            run = Run(dataclasses.replace(task, **checked.plan(), **choices), self.page, self.address)
            self.queue.enter(run)
            self._run = run
            return run

    def finish(self) -> None:
        """End the training with the best so far, or take it out of the queue."""
        if self._run and not self._run.is_over:
            self._run.finish()
            self.queue.wake()

    def take_model(self) -> Verifier:
        """Load what the training has made, in place of the model before it. Raises ValueError where that is not there."""
        with self._lock:
            run = self._run
            if run is None or not run.state.is_done or not self._folder:
                raise ValueError("there is no trained model yet")
            model = Verifier.from_pretrained(run.task.model)
            self.trained += 1
            model.name = f"my-model-{self.trained}.zip"
            self.model = model
            self._delete_trainings(Path(run.task.folder))
            return model

    def _delete_trainings(self, kept: Path | None) -> None:
        for other in {*self.folder.glob("train-*")} - {kept}:
            shutil.rmtree(other, ignore_errors=True)

    def model_folder(self) -> Path:
        """The folder of the model. Raises ValueError where there is none."""
        if not (self.model and self._run and self._run.task.model.is_dir()):
            raise ValueError("there is no trained model yet")
        self._used = time.monotonic()
        return self._run.task.model

    def archive(self) -> Path:
        """The model as a ZIP file that siamese.Verifier loads."""
        source = self.model_folder()
        self._take_for_later(2 * size_on_disk(source))  # once more where browsers can fetch it
        return pack(source, self.folder / self.model.name, without=RESUME_FILE)

    def also_delete(self, path: str | Path) -> None:
        """Delete this file too when the page is closed: a copy that was made to be sent."""
        self._copies.append(Path(path))

    def empty(self) -> None:
        """End what is under way, and delete all."""
        for run in [*self._checks, *([self._run] if self._run else [])]:
            run.end()
        self.queue.wake()
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
            self._workspaces.forget(self)

    def close(self) -> None:
        """The page is closed."""
        self._is_closed = True
        self.empty()

    def _task(self, kind: str, source: str) -> Task:
        if source not in SOURCES:
            raise ValueError(f"the source of the images is {source!r}, allowed: {', '.join(SOURCES)}")
        folder = self.folder / f"{kind}-{secrets.token_hex(4)}"
        dataset = SAMPLE if source == "sample" else str(self.folder / SOURCES[source])
        if source != "sample" and not class_folders.counts(Path(dataset)):
            advice = "upload a ZIP file" if source == "zip" else "add some to a class"
            raise ValueError(f"there are no images yet: {advice}")
        folder.mkdir()
        return Task(kind, str(folder), dataset, threads=self.limits.threads)

    def _check_open(self) -> None:
        if not self.is_open():
            raise ValueError("this page is not connected to the server any more: reload it")

    def _check_ready(self) -> None:
        self._check_open()
        if self._lent:
            raise ValueError("these images are being sent to the Hub: wait until they are")
        if self._run and not self._run.is_over:
            raise ValueError("a training is under way: wait for it, or stop it first")
