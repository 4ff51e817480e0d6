"""A visitor's hosted training: what it sends where and once, with whose login, and what is said where the Hub refuses."""

import json
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
from brought import wait, write_classes, zipped
from hub_fake.client import environment
from hub_fake.jobs import FullHubServer, Job, full_hub
from hub_fake.protocol import WRITER

from siamese.commands import train
from siamese.model_folder.files import CONFIG_FILE
from siamese.visitors.hosted import Choices, Login, plan_of
from siamese.visitors.task import SAMPLE, Checked

DATASET = "datasets/ada/signs-data"
# Trains as the page does, in a process that knows no other Hub: one training for each line, a page's own each.
PROGRAM = """
import json, sys, tempfile, time
from pathlib import Path

from siamese.visitors.disk import Disk
from siamese.visitors.hosted import Choices, HostedTraining, Login
from siamese.visitors.limits import MEGABYTE, TrainingLimits
from siamese.visitors.workspace import Workspaces

archive = sys.argv[1]
with Workspaces(TrainingLimits(), Disk(Path(tempfile.mkdtemp()), 100 * MEGABYTE)) as workspaces:
    space = workspaces.open()
    space.take_archive(archive)
    space.check("zip")
    for line in sys.stdin:
        asked = json.loads(line)
        login = Login("ada", asked.pop("token"), time.time() + asked.pop("seconds"))
        leaves = asked.pop("leaves")
        training = HostedTraining(space, Choices(**asked), login)
        training.begin()
        while not training.is_over:
            if leaves and training.job:
                space.close()
            time.sleep(0.05)
        print(json.dumps({
            "lines": list(training.lines), "problem": training.problem, "model": training.model and str(training.model),
            "images": training.images and training.images.repo_id, "known": repr(vars(training)),
            "has_ended": training.job_has_ended,
        }), flush=True)
"""


@pytest.fixture(scope="module")
def hub_and_page(tmp_path_factory, digits) -> Iterator[tuple[FullHubServer, subprocess.Popen]]:
    """A Hub, and a page of a Space with 60 digits in 3 classes, checked."""
    folder = tmp_path_factory.mktemp("page")
    archive = zipped(write_classes(folder / "brought", digits), folder / "brought.zip")
    with full_hub(folder) as (hub, _):
        variables = environment(hub.endpoint, folder / "home", "hf_of_the_space", SPACE_ID="lab/demo", TMPDIR=str(folder))
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, archive], env=variables, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=(folder / "errors").open("w"),
        )  # fmt: skip
        yield hub, process
        process.stdin.close()
        process.wait(30)
        assert WRITER not in (folder / "errors").read_text()


@pytest.fixture
def hub(hub_and_page) -> FullHubServer:
    """As yet without any repository; its jobs complete at once."""
    hub = hub_and_page[0]
    hub.reset()
    hub.machine = lambda job: complete(hub, job)
    return hub


@pytest.fixture
def press(hub_and_page, hub) -> Callable[..., dict]:
    """Presses the button; what stands there in the end."""

    def call(delete_images: bool = False, name: str = "signs", seconds: int = 28_000, leaves: bool = False) -> dict:
        asked = {"flavor": "t4-small", "name": name, "encoder": None, "loss": "supcon", "epochs": 3}
        asked |= {"delete_images": delete_images, "token": WRITER, "seconds": seconds, "leaves": leaves}
        process = hub_and_page[1]
        print(json.dumps(asked), file=process.stdin, flush=True)
        answer = json.loads(process.stdout.readline())
        assert WRITER not in json.dumps(answer)
        assert "/tmp" not in answer["problem"]
        return answer

    return call


def complete(hub: FullHubServer, job: Job) -> None:
    job.log("epoch 1/1\n", "pushed\n")
    hub.change("ada/signs", {CONFIG_FILE: b"{}"})
    job.end("COMPLETED")


def test_images_code_and_model_go_to_private_repositories_of_the_visitor_and_the_token_to_the_job_alone(press, hub):
    seen = press()
    assert (seen["problem"], seen["images"]) == ("", "ada/signs-data")
    assert "epoch 1/1" in seen["lines"]
    assert f"{hub.endpoint}/ada/signs" in seen["model"]
    assert set(hub.repositories) == {"ada/signs", DATASET, "ada/siamese-jobs-lab-demo"}
    assert all(repository.private for repository in hub.repositories.values())
    assert len(hub.files(DATASET)) == 60 + 3
    spec = hub.jobs[0].spec
    assert (spec["secrets"], spec["flavor"], spec["timeoutSeconds"]) == ({"HF_TOKEN": WRITER}, "t4-small", 3600)
    assert WRITER not in json.dumps({**spec, "secrets": None})
    assert "delete_repo" not in spec["command"][-1]
    assert any("t4-small costs $0.40 an hour, for at most 1h" in line for line in seen["lines"])
    assert any("delete them with: hf repos delete ada/signs-data --type dataset" in line for line in seen["lines"])


def test_the_job_trains_as_the_page_does(press, hub):
    press()
    script = hub.jobs[0].spec["command"][-1]
    _, asked = train.parse_arguments(shlex.split(re.search(r"^python train.py (.*)$", script, re.M)[1]))
    assert asked == {
        "dataset": "images/uploaded-pictures", "loss": "supcon", "epochs": 3, "split": "within", "batch_size": 32,
        "device": "cuda", "output": "model",
    }  # fmt: skip
    assert "python -m siamese push model --repo-id ada/signs --private || " in script


def test_pictures_are_deleted_on_wish_by_the_job_or_else_by_the_page(press, hub, tmp_path):
    seen = press(delete_images=True)
    assert (seen["problem"], seen["images"]) == ("", None)
    assert set(hub.repositories) == {"ada/signs", "ada/siamese-jobs-lab-demo"}
    script = hub.jobs[0].spec["command"][-1]
    end = script[script.index("if [ $code = 0 ]; then") :]
    for code, there in ((3, True), (0, False)):
        hub.add(DATASET, {"a.png": b""}, private=True)
        end_here = end.replace("python -c", f"{shlex.quote(sys.executable)} -c")
        variables = environment(hub.endpoint, tmp_path, WRITER)
        finished = subprocess.run(["bash", "-c", f"code={code}\n{end_here}"], env=variables, timeout=60)
        assert finished.returncode == code
        assert (DATASET in hub.repositories) == there
    hub.fail(403, "DELETE", error="not yours")
    seen = press(delete_images=True)
    assert "your pictures could not be deleted" in seen["problem"]
    assert seen["images"] == "ada/signs-data"
    assert seen["model"]


@pytest.mark.parametrize(
    ("status", "request_line", "said"),
    [
        (402, "POST /api/jobs/ada", r'asks for credits \(the Hub says "not now"\): .*http\S+/settings/billing$'),
        (403, "POST /api/jobs/ada", r"does not include the right to do this \(.*log in again, and allow what is asked for$"),
        (401, "GET /api/whoami", r"does not accept your login any more.*: log out at the top of this tab"),
        (404, "GET /api/models/ada/signs", r"of that name is there already, .*: choose another$"),
        (403, "POST /api/datasets/ada/signs-data/commit", r"does not include the right"),
    ],
)
def test_a_refusal_is_a_sentence_and_the_next_press_works(status, request_line, said, press, hub):
    headers = {"X-Error-Code": "RepoNotFound"} if status == 404 else {}
    hub.fail(status, request_line, error="not now", headers=headers)
    seen = press()
    assert re.search(said, seen["problem"])
    assert "hf auth login" not in seen["problem"]
    assert (seen["model"], hub.jobs) == (None, [])
    assert seen["images"] == ("ada/signs-data" if "jobs" in request_line or "commit" in request_line else None)
    assert press()["model"]


def test_what_is_public_is_left_alone(press, hub):
    hub.add(DATASET, {"a.png": b""})
    seen = press()
    assert "ada/signs-data, where images go, is public" in seen["problem"]
    assert seen["images"] is None
    hub.add("ada/signs", {})
    assert press()["problem"] == "ada/signs is there already and public: choose another name"
    assert hub.jobs == []
    assert hub.requests("PUT") == []


def test_after_a_connection_that_broke_the_same_press_sends_only_what_is_missing(press, hub):
    hub.fail("cut upload", f"PUT /lfs/{DATASET}", number=30)
    hub.fail(503, f"POST /api/{DATASET}/commit", times=20)
    first = press()
    assert "out of order" in first["problem"]
    stored, hub.faults, hub.log = hub.stored(DATASET), [], []
    assert press()["model"]
    assert len(stored) >= 29
    assert len(hub.requests(f"PUT /lfs/{DATASET}")) == 60 - len(stored)
    assert len(hub.jobs) == 1


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"seconds": 3600}, "your login ends in 60 min, and the job may need it for 80"),
        ({"name": "a/b"}, "repository 'ada/a/b' is not of the form USER/NAME"),
    ],
)
def test_what_cannot_come_to_a_good_end_is_not_begun(asked, said, press, hub):
    assert said in press(**asked)["problem"]
    assert hub.requests() == []


def test_hardware_that_is_not_offered_is_refused_and_the_bundled_digits_are_not_sent():
    checked = Checked("sample", SAMPLE, 10, 3000)
    with pytest.raises(ValueError, match="the hardware is 'h200x8', allowed: t4-small, "):
        plan_of(checked, Choices("h200x8", "signs", None, "supcon", 3, False), "ada")
    plan = plan_of(checked, Choices("l4x1", "signs", "seed", "bce", 3, True), "ada")
    assert plan.images is None
    assert "--dataset mnist-sample --encoder seed --loss bce --epochs 3 --batch-size 64" in plan.train
    assert "delete_repo" not in plan.command("1" * 40)[-1]
    assert WRITER not in repr(Login("ada", WRITER, time.time()))


def test_a_hub_that_no_longer_tells_and_a_job_that_failed_are_not_the_same(press, hub):
    hub.machine = lambda job: job.log("epoch 1/9\n")
    hub.fail(403, "/logs", times=9, error="not any more")
    seen = press()
    assert "not any more" in seen["problem"]
    assert (seen["has_ended"], hub.jobs[0].stage) == (False, "RUNNING")
    hub.machine = lambda job: job.end("ERROR", "Job failed with exit code: 1")
    seen = press()
    assert re.search(r"ended as ERROR \(Job failed with exit code: 1\), .*, above and at http", seen["problem"])
    assert (seen["has_ended"], seen["images"]) == (True, "ada/signs-data")


def test_a_job_goes_on_though_its_page_is_closed(press, hub):  # the last one: the page is
    def machine(job: Job) -> None:
        job.log("epoch 1/9\n")
        wait(lambda: len(hub.requests("/logs")) > 0)
        time.sleep(0.5)
        job.log("epoch 2/9\n")

    hub.machine = machine
    seen = press(leaves=True)
    assert (seen["problem"], seen["model"]) == ("", None)
    assert hub.jobs[0].stage == "RUNNING"
    assert hub.requests("cancel") == []
