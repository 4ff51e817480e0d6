"""Train hosted, that is as a Hugging Face Job, which pushes the model when it is done.

A job starts as an empty container, so the code has to come from somewhere. It goes, as one commit, to a private model
repository of the user's, and the job fetches just that commit. Hence a checkout with local changes and no public remote
will do; what a waiting job will run cannot change under it; and code that is there already is not sent again. An archive in
an environment variable would be simpler, but nobody says how long those may be, and Linux stops at 128 KiB; a mounted bucket
is read when the job starts, not when it was made.
"""

import itertools
import os
import re
import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import HfApi, JobHardware, JobInfo, JobStage, constants, errors
from huggingface_hub.utils import disable_progress_bars

from siamese.data.datasets import DATASETS
from siamese.hub.client import check_login, check_names, connect
from siamese.hub.errors import HubError, HubUnavailableError, explain, explained
from siamese.hub.own_images import OwnImages, of_folder, of_pairs, send
from siamese.hub.project import PROJECT, commit_exactly, describe_files, project_files
from siamese.hub.push import SWITCHES, Pushed, push_command

# torch and torchvision as requirements.txt wants them; CUDA 12.8 is the oldest that knows every flavor's GPU.
IMAGE = "pytorch/pytorch:2.9.1-cuda12.8-cudnn9-runtime"
CODE_REPOSITORY = "siamese-jobs"  # beside the model's
DEFAULT_TIMEOUT = "2h"  # a bound on the cost; the Hub's own, 30 minutes, is tight for many epochs on a slow GPU
ENDED = (JobStage.COMPLETED, JobStage.CANCELED, JobStage.ERROR, JobStage.DELETED)
POLL_SECONDS = 1
NOTE_SECONDS = 60  # between two lines that say that the job is still waiting
RETRY_SECONDS = 5
PATIENCE_SECONDS = 900  # without an answer from the Hub before we stop asking; the job itself goes on

ENVIRONMENT = {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "PIP_BREAK_SYSTEM_PACKAGES": "1",  # the container is ours
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_ROOT_USER_ACTION": "ignore",
    "PYTHONUNBUFFERED": "1",
    "TQDM_DISABLE": "1",  # a bar is one endless line in a log; the lines of the epochs are the progress
}
# A container is gone when its command ends, and the model with it. So the push is a command of its own, and one that fails
# for the Hub's sake (exit code 3) is tried again.
SCRIPT = """\
set -e
cd "$(mktemp -d)"
python -m pip install -q {hub_client}
python -c 'from huggingface_hub import snapshot_download as get; get("{code}", revision="{commit}", local_dir=".")'
python -m pip install -q -r requirements.txt
{images}{train}
for seconds in 0 5 60 600; do
  sleep $seconds
  code=0; {push} || code=$?
  if [ $code != 3 ]; then break; fi
done
exit $code
"""
# Its own folder, as a training may not read other files along.
FETCH_IMAGES = """\
python -c 'from huggingface_hub import snapshot_download as get
get("{repo_id}", repo_type="dataset", revision="{commit}", local_dir="{folder}")'
"""
IMAGES_FOLDER = "images"

# Options that are not passed on to the training: those about the job and the push, and those about this machine.
JOB_OPTIONS = ("hosted", "hosted_timeout", "dry_run", "yes", "push", "repo_id", "revision", *SWITCHES)
LOCAL_OPTIONS = ("output", "device", "data_dir", "overwrite")
ADVICE = {  # status -> what to do about a job that the Hub refuses
    402: "jobs need a positive balance of credits, prepaid or included in a paid plan: {hub}/settings/billing; "
    "or leave out --hosted to train on this machine",
    403: "the token needs the permission to start and manage jobs: {hub}/settings/tokens; "
    "or leave out --hosted to train on this machine",
}


@dataclass(frozen=True)
class Plan:
    """A job that is not started yet."""

    flavor: str
    timeout: str
    repo_id: str  # of the model
    revision: str | None
    train: str  # the command that trains
    push: str  # the command that pushes what it trained
    environment: dict[str, str]
    files: dict[str, Path | bytes]
    images: OwnImages | None = None  # of one's own, to be sent first

    @property
    def code_repository(self) -> str:
        return f"{self.repo_id.split('/')[0]}/{CODE_REPOSITORY}"

    def command(self, commit: str, of_images: str = "") -> list[str]:
        """What the container runs, with the code of a commit, and the images of another where there are any."""
        fetch = {"repo_id": self.images.repo_id, "commit": of_images, "folder": IMAGES_FOLDER} if self.images else {}
        requirements = (PROJECT / "requirements.txt").read_text(encoding="utf-8").splitlines()
        script = SCRIPT.format(
            hub_client=shlex.quote(next(line for line in requirements if line.startswith("huggingface_hub"))),
            code=self.code_repository,
            commit=commit,
            images=FETCH_IMAGES.format(**fetch) if fetch else "",
            train=self.train,
            push=self.push,
        )
        return ["bash", "-c", script]

    def __str__(self) -> str:
        environment = " ".join(f"{name}={value}" for name, value in self.environment.items())
        script = self.command("COMMIT", "COMMIT_OF_IMAGES")[-1].replace("\n", "\n  ").rstrip()
        images = f"images       {self.images}, as COMMIT_OF_IMAGES\n" if self.images else ""
        return (
            f"hardware     {self.flavor}, stopped after {self.timeout}\n"
            f"image        {IMAGE}\n"
            f"environment  {environment}\n"
            f"secrets      HF_TOKEN\n"
            f"{images}"
            f"code         to the private repository {self.code_repository}, as COMMIT:\n{describe_files(self.files)}\n"
            f"command      bash -c\n  {script}"
        )


def run_hosted(
    flavor: str,
    given: dict,
    dry_run: bool = False,
    timeout: str = DEFAULT_TIMEOUT,
    commit: str = "",
    agree: Callable[[str], bool] = lambda question: True,
) -> int:
    """Train on a hardware flavor of Hugging Face Jobs, show the job's log until it ends, and say where the model is.

    `given` holds the options of train.py that the user gave, by name (repo_id, epochs, ...); all but those of this machine
    are passed on. `timeout` is a number with s, m, h or d; `commit` that of this code in git, for the model's records.
    Images of one's own go to a private dataset repository first, where `agree` says yes to their number and the price. A dry
    run prints the job, needs no login and sends nothing.
    Returns the exit code: 0 with the model pushed, 3 without, 130 when interrupted; the job then goes on.
    Raises ValueError for what is wrong with the options or the login, or where `agree` says no; nothing is sent then.
    """
    plan = make_plan(flavor, given, timeout, commit)
    left_out = [f"--{name.replace('_', '-')}" for name in LOCAL_OPTIONS if name in given]
    if left_out:
        print(f"not passed on to the job: {', '.join(left_out)}")
    if dry_run:
        print(plan)
        return 0
    user = check_login(plan.repo_id, plan.revision)
    api = connect()
    try:
        job = start(api, plan, user, agree)
    except (HubError, KeyboardInterrupt) as error:
        why = str(error) or "interrupted; if a job has started all the same, `hf jobs ps` shows it"
        again = "; run the same command again: what was sent is not sent twice" * bool(plan.images)
        print(f"error: no job was started: {why}{again}", file=sys.stderr)
        return 3 if isinstance(error, HubError) else 130
    how = f"follow it with: hf jobs logs -f {job.id}  cancel it with: hf jobs cancel {job.id}"
    print(f"job {job.id} at {job.url}\n{how}", flush=True)
    try:
        job = follow(api, job, user)
    except KeyboardInterrupt:
        print(f"\nThe job goes on; {how}", file=sys.stderr)
        return 130
    except HubError as error:
        print(f"error: {error}. The job goes on; {how}", file=sys.stderr)
        return 3
    return conclude(api, job, plan)


def make_plan(flavor: str, given: dict, timeout: str = DEFAULT_TIMEOUT, commit: str = "") -> Plan:
    """The job for these options. Raises ValueError."""
    if flavor not in list(JobHardware):
        raise ValueError(f"unknown hardware {flavor!r} for --hosted, available: {', '.join(JobHardware)}")
    if not given.get("push") or not given.get("repo_id"):
        raise ValueError("--hosted needs --push and --repo-id USER/NAME: what a job does not push is gone when it ends")
    check_names(given["repo_id"], given.get("revision"))
    if given.get("resume"):
        raise ValueError("--resume continues a training that was interrupted on this machine: leave it out, or --hosted")
    if not re.fullmatch(r"(\d+\.)?\d+[smhd]", timeout) or float(timeout[:-1]) == 0:
        raise ValueError(f"the timeout of a job is {timeout!r}, allowed: a number with s, m, h or d, such as 90m")
    images, passed_on = None, dict(given)
    if given.get("pairs"):
        images = of_pairs(given["pairs"], given["repo_id"])
    elif (name := given.get("dataset", "mnist")) not in DATASETS:
        if not Path(name).is_dir():
            raise ValueError(f"unknown dataset {name!r}, available: {', '.join(DATASETS)}; or the path of a folder")
        images = of_folder(given["dataset"], given["repo_id"])
    if images:
        passed_on[images.option] = f"{IMAGES_FOLDER}/{images.place}"
    arguments = []
    for name, value in passed_on.items():
        if name not in JOB_OPTIONS + LOCAL_OPTIONS:
            flag = f"--{'no-' * (value is False)}{name.replace('_', '-')}"
            arguments += [flag] if isinstance(value, bool) else [flag, str(value)]
    several = re.search(r"x(\d+)$", flavor)  # l4x4 has 4
    processors = int(several[1]) if several else 1
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processors}"] if processors > 1 else []
    if given.get("batch_size", 0) % processors:
        raise ValueError(
            f"--batch-size is {given['batch_size']}, allowed with {flavor}: a multiple of its {processors} GPUs"
        )
    if not flavor.startswith("cpu"):
        arguments += ["--device", "cuda"]  # rather an error than a training on the processor at the price of a GPU
    arguments += ["--output", "model"]
    endpoint = {"HF_ENDPOINT": constants.ENDPOINT} if os.environ.get("HF_ENDPOINT") else {}
    return Plan(
        flavor=flavor,
        timeout=timeout,
        repo_id=given["repo_id"],
        revision=given.get("revision"),
        train=shlex.join(["python", *launcher, "train.py", *arguments]),
        push=push_command(
            "model", given["repo_id"], revision=given.get("revision"), **{name: bool(given.get(name)) for name in SWITCHES}
        ),
        environment=ENVIRONMENT | endpoint | ({"SIAMESE_COMMIT": commit} if commit else {}),
        files=project_files("train.py", "requirements.txt"),
        images=images,
    )


def start(api: HfApi, plan: Plan, user: str, agree: Callable[[str], bool] = lambda question: True) -> JobInfo:
    """Send images of one's own, the code, and start the job, under the account of `user`.

    Raises HubError, and ValueError where `agree` says no to the images that are to be sent, before anything is.
    """
    code, of_images = plan.code_repository, ""
    with explained(code), disable_progress_bars():
        hardware = {item.name: item for item in api.list_jobs_hardware()}.get(plan.flavor)
        if hardware and hardware.unit_label == "minute":
            print(f"{plan.flavor} costs ${60 * hardware.unit_cost_usd:.2f} an hour, for at most {plan.timeout}")
    if plan.images:
        print(f"images: {plan.images}", flush=True)
        if not agree("Send these images and start the job?"):
            raise ValueError("nothing was sent and no job was started")
        with explained(f"the dataset {plan.images.repo_id}"), disable_progress_bars():
            of_images, sent = send(api, plan.images)
        print(f"images: {sent / 1e6:,.1f} MB sent, commit {of_images}; delete them with: {plan.images.delete}", flush=True)
    with explained(code), disable_progress_bars():
        api.create_repo(code, private=True, exist_ok=True)
        if not api.model_info(code, expand=["private"]).private:
            raise HubError(f"{code}, where the code of jobs goes, is public: make it private in its settings, or delete it")
        commit, is_new = commit_exactly(api, code, plan.files, f"For a training of {plan.repo_id}")
    print(f"code: {code}, commit {commit}{'' if is_new else ', there already'}", flush=True)
    what = f"a job of {user}"
    with explained(what):
        try:
            return api.run_job(
                image=IMAGE,
                command=plan.command(commit, of_images),
                env=plan.environment,
                secrets={"HF_TOKEN": api.token},
                flavor=plan.flavor,
                timeout=plan.timeout,
                name=f"train-{plan.repo_id.split('/')[1]}",
                namespace=user,
            )
        except errors.HfHubHTTPError as error:
            advice = ADVICE.get(error.response.status_code)
            if not advice:
                raise
            raise HubError(f"{explain(error, what)}; {advice.format(hub=constants.ENDPOINT)}") from error


def follow(api: HfApi, job: JobInfo, user: str) -> JobInfo:
    """Print the job's log until the job has ended, each line once however often the connection fails; how it ended.

    Raises HubError where the Hub refuses to tell, or does not answer for PATIENCE_SECONDS.
    """
    shown, stage, noted, failing_since = 0, None, 0.0, None
    while True:
        try:
            with explained(f"job {job.id}"):
                job = api.inspect_job(job_id=job.id, namespace=user)
                if job.status.stage != stage or time.monotonic() - noted > NOTE_SECONDS:
                    stage, noted = job.status.stage, time.monotonic()
                    waiting = ", waiting for its hardware" * (stage == JobStage.SCHEDULING)
                    print(f"job {job.id} is {stage}{waiting}", flush=True)
                if stage != JobStage.SCHEDULING:
                    # Every call starts at the first line; within one the client reconnects, and skips what it has had.
                    log = api.fetch_job_logs(job_id=job.id, namespace=user, follow=stage not in ENDED)
                    for line in itertools.islice(log, shown, None):
                        shown, failing_since = shown + 1, None
                        print(line.rstrip("\n"), flush=True)
                    if stage in ENDED:
                        return job
            failing_since = None
            time.sleep(POLL_SECONDS)
        except HubError as error:
            failed_for = time.monotonic() - failing_since if failing_since else 0
            if not isinstance(error, HubUnavailableError) or failed_for > PATIENCE_SECONDS:
                if stage in ENDED:  # one that never ran may have no log
                    return job
                raise
            if failing_since is None:
                failing_since = time.monotonic()
                print(f"{error}; trying again", file=sys.stderr)
            time.sleep(RETRY_SECONDS)


def conclude(api: HfApi, job: JobInfo, plan: Plan) -> int:
    """Say what came of a job that has ended; the exit code."""
    if job.status.stage != JobStage.COMPLETED:
        why = f" ({job.status.message})" if job.status.message else ""
        why += "; --hosted-timeout gives it more time" * ("timeout" in why.lower())
        print(
            f"error: job {job.id} ended as {job.status.stage}{why}, and the model was not pushed; the last lines of its "
            f"log, above and at {job.url}, say why. Fix that and run the same command again",
            file=sys.stderr,
        )
        return 3
    try:
        with explained(plan.repo_id, plan.revision):
            commit = api.model_info(plan.repo_id, revision=plan.revision).sha
    except HubError as error:
        print(f"error: job {job.id} has completed, but its model cannot be found: {error}", file=sys.stderr)
        return 3
    branch = f"/tree/{plan.revision}" if plan.revision else ""
    print(Pushed(plan.repo_id, f"{api.endpoint}/{plan.repo_id}{branch}", commit))
    return 0
