"""The queue: one at a time, in order, none for ever; what went wrong is said without the reason for the log."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from brought import wait

from siamese.config import ModelFolderConfig
from siamese.training.snapshot import Snapshot
from siamese.visitors import queue as module
from siamese.visitors.queue import QueueFullError, Run, TrainingQueue
from siamese.visitors.task import FINISH, SAMPLE, Result, Task, Update

DONE = Update(result=Result(ModelFolderConfig(), 0, (), ()))


class Elsewhere:
    """Trains in the place of a GPU that the Hub lends: it goes on where it is let."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self.go_on = threading.Event()

    def __call__(self, task: Task) -> Iterator[Update]:
        self.began.append(Path(task.folder).name)
        yield Update(Snapshot("training", 1, 10))
        self.go_on.wait(20)
        yield DONE


@pytest.fixture
def run_of(tmp_path):
    """Makes a training of a name."""

    def make(name: str, **choices) -> Run:
        (tmp_path / name).mkdir()
        return Run(Task("train", str(tmp_path / name), SAMPLE, **choices))

    return make


def test_one_is_trained_at_a_time_in_the_order_of_asking(run_of):
    elsewhere = Elsewhere()
    queue, runs = TrainingQueue(3, elsewhere), [run_of(name) for name in "abc"]
    for run in runs:
        queue.enter(run)
    wait(lambda: runs[0].state.progress, 5)
    assert [queue.place(run) for run in runs] == [0, 1, 2]
    assert elsewhere.began == ["a"]
    with pytest.raises(ValueError, match=r"^3 trainings are waiting already, as many as may: try again in a while$"):
        queue.enter(run_of("d"))
    elsewhere.go_on.set()
    wait(lambda: all(run.is_over for run in runs), 5)
    assert elsewhere.began == list("abc")
    assert all(run.state.is_done and not run.state.problem for run in runs)
    assert queue.place(runs[2]) == 0
    queue.enter(run_of("e"))


def test_who_waits_can_leave_and_who_trains_is_asked_to_finish(run_of, tmp_path):
    elsewhere = Elsewhere()
    queue, first, second = TrainingQueue(3, elsewhere), run_of("a"), run_of("b")
    queue.enter(first)
    wait(lambda: first.state.progress, 5)
    queue.enter(second)
    second.finish()
    queue.wake()
    wait(lambda: second.is_over, 5)
    assert second.state == Update(problem="Taken out of the queue.")
    first.finish()
    assert (tmp_path / "a" / FINISH).exists()
    assert not first.is_over
    elsewhere.go_on.set()
    wait(lambda: first.is_over, 5)
    assert elsewhere.began == ["a"]


def test_what_goes_wrong_is_for_the_log_and_the_next_has_its_turn(run_of, caplog):
    def broken(task: Task) -> Iterator[Update]:
        yield Update(Snapshot("training", 1, 10))
        raise RuntimeError("a secret of the server")

    queue, first, second = TrainingQueue(3, broken), run_of("a"), run_of("b")
    queue.enter(first)
    queue.enter(second)
    wait(lambda: first.is_over and second.is_over, 5)
    for run in (first, second):
        assert run.state.problem == "This went wrong here, not by your fault: it may be too much for this machine."
    assert "a secret of the server" in caplog.text


def test_a_mistake_is_logged_with_its_traceback_and_not_said_to_be_too_much(run_of, caplog):
    def mistaken(task: Task) -> Iterator[Update]:
        yield Update(progress=None + 1)

    run = run_of("a")
    TrainingQueue(1, mistaken).do(run)
    assert "mistake in the program" in run.state.problem
    assert "None" not in run.state.problem
    assert "Traceback" in caplog.text
    assert "None + 1" in caplog.text


def test_checks_wait_for_each_other_and_not_for_trainings_and_are_bounded_together(run_of, monkeypatch):
    begun, go_on = [], threading.Event()

    def do(self, run: Run) -> None:
        begun.append(run)
        go_on.wait(20)

    elsewhere, training = Elsewhere(), run_of("training")
    queue, checks = TrainingQueue(3, elsewhere), [run_of(name) for name in "abc"]
    queue.enter(training)
    wait(lambda: training.state.progress, 5)
    monkeypatch.setattr(TrainingQueue, "do", do)
    threads = []
    for number, check in enumerate(checks, 1):
        threads.append(threading.Thread(target=queue.check, args=(check,)))
        threads[-1].start()
        wait(lambda number=number: len(queue._checks) == number, 5)
    wait(lambda: begun, 5)
    with pytest.raises(
        QueueFullError, match=r"^3 checks of images are waiting already, as many as may: try again in a while$"
    ):
        queue.check(run_of("d"))
    assert begun == checks[:1]
    checks[1].end()  # its page was closed
    queue.wake()
    threads[1].join(5)
    assert checks[1].state.problem == "The check was ended."
    go_on.set()
    elsewhere.go_on.set()
    for thread in threads:
        thread.join(5)
    assert begun == [checks[0], checks[2]]
    assert queue._checks == []


def test_a_task_that_takes_too_long_is_ended(run_of, monkeypatch):
    monkeypatch.setattr(module, "LATE_SECONDS", 0.1)

    def endless(task: Task) -> Iterator[Update]:
        while True:
            yield Update(Snapshot("training", 1, 10))

    run = run_of("a", seconds=0)
    TrainingQueue(1, endless).do(run)
    assert run.state.problem == "This took longer than is allowed here, and was ended."


def test_a_process_is_gone_once_its_task_is_ended(run_of):
    queue, run = TrainingQueue(1), run_of("a", epochs=40)
    queue.enter(run)
    wait(lambda: run.state.progress and run.state.progress.step)
    run.end()
    assert run.process._process.poll() is not None
    wait(lambda: queue.place(run) == 0 and run not in queue._runs, 5)
    assert not run.state.is_done
