"""What is asked of a worker, and how its updates add up."""

from siamese.training.snapshot import EmbeddingMap, Snapshot
from siamese.visitors.task import LEAST_IMAGES, SAMPLE, Checked, DataReport, Task, Update


def test_the_time_on_a_lent_gpu_grows_with_the_work_up_to_the_limit():
    times = [Task("train", "", "", epochs=epochs, images=3000, seconds=60).gpu_seconds() for epochs in (1, 20, 40, 1000)]
    assert times == sorted(times)
    assert times[0] < 45
    assert times[1] < times[2] <= times[3] == 100


def test_the_model_lies_in_the_folder_of_the_task():
    assert Task("train", "/somewhere/train-1", SAMPLE).model.as_posix() == "/somewhere/train-1/model"


def test_what_an_update_leaves_out_is_as_it_was():
    plane = EmbeddingMap(1, ((0.0, 1.0),), ((1.0, 0.0),))
    first = Update(Snapshot("training", 1, 10))
    second = first.then(Update(map=plane))
    third = second.then(Update(Snapshot("training", 2, 10)))
    assert second.progress is first.progress
    assert (third.progress.step, third.map) == (2, plane)
    assert third.map is second.map  # by which the page knows that it need not be drawn again
    assert not third.is_done
    failed = third.then(Update(problem="no"))
    assert (failed.problem, failed.map) == ("no", plane)
    assert not failed.is_done
    assert Update(data=DataReport(2, 20, 10, 10, "", ())).is_done


def test_the_split_fits_the_data():
    few, many = Checked("zip", "folder", 9, 100), Checked("zip", "folder", 10, 1000)
    assert few.plan() == {"dataset": "folder", "split": "within", "images": 100}
    assert many.plan() == {"dataset": "folder", "split": None, "images": 1000}
    assert Checked("sample", SAMPLE, 9, LEAST_IMAGES).plan()["split"] is None  # it has a test of its own


def test_checked_data_say_what_they_are_measured_on():
    assert "on images of these classes" in Checked("zip", "folder", 9, 100).sentence()
    assert "on whole classes" in Checked("zip", "folder", 10, 100).sentence()
    assert "on images of these classes" in Checked("sample", SAMPLE, 10, 3000).sentence()
