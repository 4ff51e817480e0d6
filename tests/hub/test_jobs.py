"""train.py --hosted: the job that is sent, really run with the code that was sent; its log; and all that can go wrong."""

import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from hub_fake.client import ROOT, environment
from hub_fake.expect import package_files
from hub_fake.jobs import Finished, FullHubServer, Job, full_hub, run_job
from hub_fake.protocol import READER, WRITER

from siamese.model_folder.files import CARD_FILE, CONFIG_FILE, WEIGHTS_FILE

PUSH = ["--push", "--repo-id", "ada/digits"]
JOB = "000000000000000000000001"
FOLLOW_OR_CANCEL = f"follow it with: hf jobs logs -f {JOB}  cancel it with: hf jobs cancel {JOB}"


@pytest.fixture
def launch(hub_and_commands) -> Callable[..., Finished]:
    """Runs train.py --hosted until it ends."""
    return lambda *options, flavor="t4-small", **more: hub_and_commands[1].run(
        "train", "--hosted", flavor, *PUSH, *options, **more
    )


def completing(hub: FullHubServer) -> Callable[[Job], None]:
    """A machine on which a training logs three lines and pushes."""

    def machine(job: Job) -> None:
        job.log("epoch 1/2\n", "epoch 2/2\n", "pushed\n")
        hub.add("ada/digits", {CONFIG_FILE: b"{}"})
        job.end("COMPLETED")

    return machine


# ---- The job itself ----


@pytest.fixture(scope="module", params=[pytest.param("cpu-basic", marks=[pytest.mark.slow, pytest.mark.exhaustive])])
def trained(request, tmp_path_factory) -> Iterator[tuple[FullHubServer, Finished]]:
    """A training that was really run as a job, whose first push the Hub refused."""
    folder = tmp_path_factory.mktemp("hosted")
    with full_hub(folder) as (hub, commands):
        hub.machine = run_job(folder)
        hub.fail(403, "POST /api/models/ada/digits/commit")
        arguments = [
            "--dataset", "mnist-sample", "--encoder", "seed", "--epochs", "1", "--batch-size", "128", "--private",
            "--output", "here",
        ]  # fmt: skip
        yield hub, commands.run("train", "--hosted", request.param, *PUSH, *arguments)


def test_a_job_trains_with_the_code_that_was_sent_and_pushes_the_model(trained):
    hub, finished = trained
    assert finished.returncode == 0, finished.stdout + finished.stderr
    files = hub.files("ada/digits")
    assert {WEIGHTS_FILE, CONFIG_FILE, CARD_FILE} <= set(files)
    assert hub.repositories["ada/digits"].private
    record = json.loads(files[CONFIG_FILE])["training"]
    assert (record["epochs"], record["batch_size"], record["seed"]) == (1, 128, 0)
    assert "--dataset mnist-sample" in record["command"]
    commit = hub.repositories["ada/digits"].branches["main"]
    assert f"{hub.endpoint}/ada/digits\ncommit {commit}" in finished.stdout


def test_the_log_of_the_job_is_shown_as_it_comes(trained):
    hub, finished = trained
    assert [line for line in hub.jobs[0].lines if line.rstrip("\n") not in finished.stdout] == []
    assert re.search(r"^epoch 1/1  loss ", finished.stdout, re.M)
    assert f"job {JOB} is COMPLETED" in finished.stdout


def test_a_push_that_fails_in_the_job_is_tried_again_before_the_container_is_gone(trained):
    hub, finished = trained
    assert "error: not pushed: " in finished.stdout
    assert len(hub.requests("POST /api/models/ada/digits/commit")) == 2
    assert len(hub.repositories["ada/digits"].messages) == 2  # its making, and one commit


def test_a_job_has_the_token_as_a_secret_and_nowhere_else(trained):
    job = trained[0].jobs[0]
    assert job.spec["secrets"] == {"HF_TOKEN": WRITER}
    assert WRITER not in json.dumps({**job.spec, "secrets": None}) + "".join(job.lines)
    assert WRITER.encode() not in b"".join(trained[0].files("ada/siamese-jobs").values())


def test_a_job_has_its_flavor_its_image_and_twice_the_usual_time(trained):
    spec = trained[0].jobs[0].spec
    assert (spec["flavor"], spec["timeoutSeconds"]) == ("cpu-basic", 7200)
    assert spec["dockerImage"].startswith("pytorch/pytorch:")
    assert spec["labels"]["name"] == "train-digits"


def test_the_code_goes_to_a_private_repository_and_nothing_else_does(trained):
    repository, files = trained[0].repositories["ada/siamese-jobs"], trained[0].files("ada/siamese-jobs")
    assert repository.private
    expected = {"train.py", "requirements.txt", ".gitattributes"} | package_files()
    assert set(files) == expected
    for name in expected - {".gitattributes"}:
        assert files[name] == (ROOT / name).read_bytes()


def test_options_for_this_machine_are_not_passed_on_and_named(trained):
    hub, finished = trained
    assert "not passed on to the job: --output\n" in finished.stdout
    assert "here" not in hub.jobs[0].spec["command"][-1]


def test_code_that_is_there_is_not_sent_again_and_stale_files_go(trained, hub, launch):
    hub.machine = completing(hub)
    code = trained[0].files("ada/siamese-jobs")
    commit = hub.add("ada/siamese-jobs", code, private=True)
    finished = launch()
    assert finished.returncode == 0, finished.stderr
    assert hub.repositories["ada/siamese-jobs"].branches["main"] == commit
    assert f'get("ada/siamese-jobs", revision="{commit}"' in hub.jobs[0].spec["command"][-1]

    hub.add("ada/siamese-jobs", {**code, "siamese/old.py": b"", "train.py": b"an older one"}, private=True)
    assert launch().returncode == 0
    assert hub.files("ada/siamese-jobs") == code
    assert len(hub.repositories["ada/siamese-jobs"].messages) == 2


# ---- Its log ----


@pytest.mark.slow
def test_a_log_that_is_cut_off_goes_on_without_a_line_lost_or_doubled(hub, launch):
    lines = [f"line {number}\n" for number in range(6)]

    def machine(job: Job) -> None:
        job.log(*lines[:3])
        while hub.log_cuts:
            time.sleep(0.05)
        job.log(*lines[3:])
        completing(hub)(job)

    hub.machine, hub.log_cuts = machine, [2, 3]
    hub.fail(503, f"GET /api/jobs/ada/{JOB}/logs", number=3)  # which ends the attempts of the client itself
    finished = launch()
    assert finished.returncode == 0, finished.stderr
    assert re.findall(r"^line \d$", finished.stdout, re.M) == [line.strip() for line in lines]


def test_a_job_that_waits_for_hardware_is_said_to(hub, launch):
    def machine(job: Job) -> None:
        while len(hub.requests(f"GET /api/jobs/ada/{JOB}")) < 2:
            time.sleep(0.05)
        completing(hub)(job)

    hub.machine = machine
    finished = launch("--hosted-timeout", "90m")
    assert hub.jobs[0].spec["timeoutSeconds"] == 5400
    assert finished.returncode == 0, finished.stderr
    assert f"job {JOB} is SCHEDULING, waiting for its hardware\n" in finished.stdout
    assert "t4-small costs $0.40 an hour, for at most 90m" in finished.stdout
    assert re.findall("epoch ./2", finished.stdout) == ["epoch 1/2", "epoch 2/2"]


def test_ctrl_c_leaves_the_job_running_and_says_how_to_follow_and_to_cancel_it(hub, tmp_path):
    go_on = threading.Event()

    def machine(job: Job) -> None:
        job.log("epoch 1/16\n")
        go_on.wait(60)
        job.end("COMPLETED")

    hub.machine = machine
    process = subprocess.Popen(
        [sys.executable, "train.py", "--hosted", "t4-small", *PUSH], cwd=ROOT, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env=environment(hub.endpoint, tmp_path, WRITER),
    )  # fmt: skip
    assert "epoch 1/16\n" in iter(process.stdout.readline, "")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert hub.jobs[0].stage == "RUNNING"
    assert hub.requests("/cancel") == []
    go_on.set()
    assert process.returncode == 130
    assert f"The job goes on; {FOLLOW_OR_CANCEL}" in errors
    assert "Traceback" not in errors


def test_a_hub_that_no_longer_tells_leaves_the_job_running_and_says_so(hub, launch):
    hub.machine = lambda job: job.log("epoch 1/16\n")
    hub.fail(403, f"GET /api/jobs/ada/{JOB}/logs", times=9, error="Your token has expired")
    finished = launch()
    assert finished.returncode == 3
    assert "Your token has expired" in finished.stderr
    assert f"The job goes on; {FOLLOW_OR_CANCEL}" in finished.stderr


# ---- What goes wrong ----


@pytest.mark.parametrize(
    ("stage", "message", "also"),
    [
        ("ERROR", "Job failed with exit code: 1", "say why"),
        ("ERROR", "Job timeout", "--hosted-timeout"),
        ("CANCELED", None, "not pushed"),
    ],
)
def test_a_job_that_does_not_complete_is_reported_after_its_last_lines(stage, message, also, hub, launch):
    def machine(job: Job) -> None:
        job.log("epoch 1/16\n", "error: CUDA out of memory\n")
        job.end(stage, message)

    hub.machine = machine
    finished = launch()
    assert finished.returncode == 3
    assert "error: CUDA out of memory" in finished.stdout
    assert f"job {JOB} ended as {stage}{f' ({message}' if message else ''}" in finished.stderr
    assert f"{hub.endpoint}/jobs/ada/{JOB}" in finished.stderr
    assert also in finished.stderr


def test_a_job_that_completes_without_a_model_is_no_success(hub, launch):
    hub.machine = lambda job: job.end("COMPLETED")
    finished = launch()
    assert finished.returncode == 3
    assert "its model cannot be found: there is no model ada/digits" in finished.stderr


@pytest.mark.parametrize(
    ("status", "said", "page"),
    [(402, "Pre-paid credits needed", "/settings/billing"), (403, "Missing permission job.write", "/settings/tokens")],
)
def test_a_login_that_may_not_run_jobs_is_told_what_it_lacks_and_what_else_there_is(status, said, page, hub, launch):
    hub.fail(status, "POST /api/jobs/ada", error=said)
    finished = launch()
    assert finished.returncode == 3
    assert re.fullmatch(r"error: no job was started: [^\n]+\n", finished.stderr)
    for text in (said, f"{hub.endpoint}{page}", "leave out --hosted"):
        assert text in finished.stderr
    assert hub.jobs == []


def test_a_repository_that_holds_something_else_is_left_alone(hub, launch):
    commit = hub.add("ada/siamese-jobs", {"thesis.tex": b""}, private=True)
    finished = launch()
    assert finished.returncode == 3
    assert "ada/siamese-jobs holds something else, thesis.tex for one" in finished.stderr
    assert hub.repositories["ada/siamese-jobs"].branches["main"] == commit


def test_code_never_goes_to_a_public_repository(hub, launch):
    hub.add("ada/siamese-jobs", {})
    finished = launch()
    assert finished.returncode == 3
    assert "ada/siamese-jobs, where the code of jobs goes, is public" in finished.stderr
    assert hub.requests("/commit/") == []
    assert hub.jobs == []


@pytest.mark.parametrize(
    ("token", "expected"), [("", "hf auth login"), (READER, "may only read"), ("hf_wrong", "hf auth login")]
)
def test_a_login_that_cannot_push_is_refused_before_anything_is_sent(token, expected, hub, launch):
    finished = launch(token=token)
    assert finished.returncode == 2
    assert expected in finished.stderr
    assert [line for line in hub.requests() if not line.startswith("GET /api/whoami")] == []
