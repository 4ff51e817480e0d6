"""What the page says of a hosted training: what would go where, how far it is, and what came of it; all of it escaped."""

from collections import deque
from types import SimpleNamespace

import pytest
from brought import write_classes
from page_elements import HOSTILE, Elements

from siamese.demo.train import hosted
from siamese.hub.push import Pushed
from siamese.hub.sent_images import of_checked_folder
from siamese.visitors.hosted import Choices
from siamese.visitors.task import SAMPLE, Checked

DELETE = "hf repos delete ada/signs-data --type dataset"


def choices(name: str = "signs") -> Choices:
    return Choices("t4-small", name, None, "supcon", 3, False)


@pytest.fixture
def checked(digits, tmp_path) -> Checked:
    """60 images in 3 classes."""
    return Checked("zip", str(write_classes(tmp_path / "brought", digits)), 3, 60, "within")


def course(**changes: object) -> SimpleNamespace:
    """A training that has just begun."""
    begun = {
        "lines": deque(),
        "job": None,
        "model": None,
        "problem": "",
        "images": None,
        "is_over": False,
        "had_images": True,
        "job_has_ended": False,
    }
    return SimpleNamespace(**begun | changes)


def test_before_it_is_agreed_to_all_stands_there_what_goes_where_what_it_costs_and_how_to_delete_it(checked, monkeypatch):
    monkeypatch.setenv("SPACE_ID", "lab/demo")
    shown = Elements(hosted.terms(checked, choices(), "ada", 0.4)).text
    for said in (
        "60 images in 3 classes, 62 files of 0.0", "to the private dataset repository ada/signs-data", DELETE,
        "to the private repository ada/signs,", "to the private repository ada/siamese-jobs-lab-demo",
        "$0.40 an hour", "$0.40 at most", "it goes on though you close this page", "for this job alone",
    ):  # fmt: skip
        assert said in shown
    assert "None are sent" in hosted.terms(Checked("sample", SAMPLE, 10, 3000), choices(), "ada", 0.4)
    with pytest.raises(ValueError, match="repository 'ada/' is not of the form USER/NAME"):
        hosted.terms(checked, choices(" "), "ada", 0.4)


def test_while_it_runs_its_job_and_its_log_are_shown_as_text():
    job = SimpleNamespace(url="http://hub/jobs/ada/1", id="1")
    elements = Elements(hosted.course_of(course(job=job, lines=deque(["epoch 1/9", HOSTILE]))))
    assert "It goes on though you close this page." in elements.text
    assert HOSTILE in elements.text
    assert [element for element, _ in elements.elements if element == "script"] == []
    assert ("a", {"href": "http://hub/jobs/ada/1", "target": "_blank", "rel": "noopener"}) in elements.elements


def test_in_the_end_the_model_is_named_and_whether_the_pictures_are_still_there(checked):
    images, model = (
        of_checked_folder(checked.dataset, "ada/signs", 60, 3),
        Pushed("ada/signs", "http://hub/ada/signs", "c" * 40),
    )
    kept = Elements(hosted.course_of(course(model=model, images=images, is_over=True))).text
    assert "The model is in ada/signs, commit ccc" in kept
    assert f"Your pictures are in the private dataset ada/signs-data. To delete them: {DELETE}" in kept
    assert "deleted from the Hub" not in kept
    assert "Your pictures are deleted from the Hub." in hosted.course_of(course(model=model, is_over=True))
    assert "pictures" not in hosted.course_of(course(model=model, is_over=True, had_images=False))


def test_a_refusal_is_one_sentence_with_what_to_do_next(checked):
    images = of_checked_folder(checked.dataset, "ada/signs", 60, 3)
    failed = Elements(hosted.course_of(course(problem=f"the Hub says {HOSTILE}", images=images, is_over=True)))
    assert f"The Hub says {HOSTILE}. Press again to go on: what is there is not sent twice." in failed.text
    assert DELETE in failed.text
    job = SimpleNamespace(url="http://hub/jobs/ada/1", id="1")
    lost = hosted.course_of(course(problem="the Hub does not answer", job=job, is_over=True))
    assert hosted.GOES_ON in lost  # to press again would be to pay twice
    assert hosted.AGAIN not in lost
    assert hosted.AGAIN in hosted.course_of(course(problem="it ended", job=job, is_over=True, job_has_ended=True))
    assert [attributes["role"] for attributes in failed.of_class("problem")] == ["alert"]


def test_there_is_such_training_where_visitors_can_log_in(monkeypatch):
    monkeypatch.delenv("OAUTH_CLIENT_ID", raising=False)
    assert not hosted.is_on()
    monkeypatch.setenv("OAUTH_CLIENT_ID", "a-space")
    assert hosted.is_on()


def test_without_a_page_hardware_or_checked_images_there_is_nothing_to_agree_to():
    space = SimpleNamespace(checked=lambda: Checked("sample", SAMPLE, 10, 3000))
    with pytest.raises(ValueError, match="reload the page"):
        hosted.proposal(None, "signs", "t4-small", {"t4-small": 0.4}, "ada")
    with pytest.raises(ValueError, match="choose the hardware"):
        hosted.proposal(space, "signs", "l4x1", {"t4-small": 0.4}, "ada")
    assert "ada/signs" in hosted.proposal(space, "signs", "t4-small", {"t4-small": 0.4}, "ada")
