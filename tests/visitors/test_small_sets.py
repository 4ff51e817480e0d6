"""Small sets on the page: each either trains, or is refused by the check with a sentence that knows no command line."""

from pathlib import Path

import numpy as np
import pytest
from brought import write_classes

from siamese.visitors.task import Checked, Task
from siamese.visitors.worker import check_data, updates

MORE = (pytest.param(*counts, marks=pytest.mark.exhaustive) for counts in ((6, 2), (9, 7)))


@pytest.mark.parametrize(("classes", "images"), [(2, 6), (2, 7), (3, 4), (4, 3), (5, 5), (8, 5), *MORE])
def test_what_the_check_approves_trains(classes: int, images: int, digits, tmp_path: Path):
    folder = write_classes(tmp_path / "own", digits, classes, images)
    report = check_data(str(folder))
    assert "--" not in report.problem
    assert bool(report.split) != bool(report.problem)
    assert bool(report.problem) == ((classes, images) in [(3, 4), (4, 3), (5, 5)])
    if report.problem:
        return
    plan = Checked("zip", str(folder), report.classes, report.images, report.split).plan()
    (tmp_path / "task").mkdir()
    task = Task("train", str(tmp_path / "task"), encoder="compact", device="cpu", epochs=1, **plan)
    *_, last = updates(task)
    assert last.problem is None
    assert last.result is not None
    assert np.isfinite(last.result.config.metrics.balanced_accuracy)
