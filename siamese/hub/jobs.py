"""Train hosted, that is as a Hugging Face Job, which pushes the model when it is done.

A job starts as an empty container, so the code has to come from somewhere. It goes, as one commit, to a private model
repository of the user's, and the job fetches just that commit. Hence a checkout with local changes and no public remote
will do; what a waiting job will run cannot change under it; and code that is there already is not sent again. An archive in
an environment variable would be simpler, but nobody says how long those may be, and Linux stops at 128 KiB; a mounted bucket
is read when the job starts, not when it was made.
"""

import itertools
import sys
import time
from collections.abc import Callable
from typing import Protocol

from huggingface_hub import HfApi, JobInfo, JobStage, constants, errors
from huggingface_hub.utils import disable_progress_bars

from siamese.hub.client import check_login, connect
from siamese.hub.errors import HubError, HubUnavailableError, explain, explained
from siamese.hub.job_plan import DEFAULT_TIMEOUT, IMAGE, LOCAL_OPTIONS, Plan, make_plan
from siamese.hub.project import commit_exactly
from siamese.hub.push import Pushed
from siamese.hub.sent_images import megabytes, send

ENDED = (JobStage.COMPLETED, JobStage.CANCELED, JobStage.ERROR, JobStage.DELETED)
POLL_SECONDS = 1
NOTE_SECONDS = 60  # between two lines that say that the job is still waiting
RETRY_SECONDS = 5
PATIENCE_SECONDS = 900  # without an answer from the Hub before we stop asking; the job itself goes on

ADVICE = {  # status -> what to do about a job that the Hub refuses
    402: "jobs need a positive balance of credits, prepaid or included in a paid plan: {hub}/settings/billing; "
    "or leave out --hosted to train on this machine",
    403: "the token needs the permission to start and manage jobs: {hub}/settings/tokens; "
    "or leave out --hosted to train on this machine",
}


class Say(Protocol):
    """Takes a line for who waits for the job; `problem`: it is one."""

    def __call__(self, text: str, problem: bool = False) -> object: ...


def print_line(text: str, problem: bool = False) -> None:
    """A line on the terminal."""
    print(text, file=sys.stderr if problem else sys.stdout, flush=True)


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
        print_line(f"not passed on to the job: {', '.join(left_out)}")
    if dry_run:
        print(plan)
        return 0
    user = check_login(plan.repo_id, plan.revision)
    api = connect()
    try:
        job = start(api, plan, user, print_line, agree)
    except (HubError, KeyboardInterrupt) as error:
        why = str(error) or "interrupted; if a job has started all the same, `hf jobs ps` shows it"
        again = "; run the same command again: what was sent is not sent twice" * bool(plan.images)
        print(f"error: no job was started: {why}{again}", file=sys.stderr)
        return 3 if isinstance(error, HubError) else 130
    how = how_to_follow(job)
    print_line(f"job {job.id} at {job.url}\n{how}")
    try:
        job = follow(api, job, user)
    except KeyboardInterrupt:
        print(f"\nThe job goes on; {how}", file=sys.stderr)
        return 130
    except HubError as error:
        print(f"error: {error}. The job goes on; {how}", file=sys.stderr)
        return 3
    return conclude(api, job, plan)


def how_to_follow(job: JobInfo) -> str:
    """The commands that follow and cancel a job."""
    return f"follow it with: hf jobs logs -f {job.id}  cancel it with: hf jobs cancel {job.id}"


def prices(api: HfApi) -> dict[str, float]:
    """What an hour of each flavor costs, in US dollars, as the Hub states it. Raises HubError."""
    with explained("the hardware of jobs", reads=True):
        return {item.name: 60 * item.unit_cost_usd for item in api.list_jobs_hardware() if item.unit_label == "minute"}


def start(
    api: HfApi,
    plan: Plan,
    user: str,
    say: Say = print_line,
    agree: Callable[[str], bool] = lambda question: True,
    told: Callable[[int, int], object] = lambda done, size: None,
) -> JobInfo:
    """Send images of one's own, the code, and start the job, under the account of `user`.

    `told`: see siamese.hub.sent_images.send. Raises HubError, and ValueError where `agree` says no to the images that are to
    be sent, before anything is.
    """
    code, of_images = plan.code_repository, ""
    price = prices(api).get(plan.flavor)
    if price is not None:
        say(f"{plan.flavor} costs ${price:.2f} an hour, for at most {plan.timeout}")
    if plan.images:
        noun = plan.images.noun
        say(f"{noun}s: {plan.images}")
        if not agree(f"Send these {noun}s and start the job?"):
            raise ValueError("nothing was sent and no job was started")
        with explained(f"the dataset {plan.images.repo_id}"), disable_progress_bars():
            of_images, sent = send(api, plan.images, told)
        say(f"{noun}s: {megabytes(sent)} sent, commit {of_images}; delete them with: {plan.images.delete}")
    with explained(code), disable_progress_bars():
        api.create_repo(code, private=True, exist_ok=True)
        if not api.model_info(code, expand=["private"]).private:
            raise HubError(f"{code}, where the code of jobs goes, is public: make it private in its settings, or delete it")
        commit, is_new = commit_exactly(api, code, plan.files, f"For a training of {plan.repo_id}")
    say(f"code: {code}, commit {commit}{'' if is_new else ', there already'}")
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


def follow(api: HfApi, job: JobInfo, user: str, say: Say = print_line, wanted: Callable[[], bool] = lambda: True) -> JobInfo:
    """Say the job's log until the job has ended, each line once however often the connection fails; how it ended.

    Where it is not `wanted` any more, this ends too, at the next line. Raises HubError where the Hub refuses to tell, or
    does not answer for PATIENCE_SECONDS.
    """
    shown, stage, noted, failing_since = 0, None, 0.0, None
    while True:
        try:
            with explained(f"job {job.id}"):
                job = api.inspect_job(job_id=job.id, namespace=user)
                if job.status.stage != stage or time.monotonic() - noted > NOTE_SECONDS:
                    stage, noted = job.status.stage, time.monotonic()
                    waiting = ", waiting for its hardware" * (stage == JobStage.SCHEDULING)
                    say(f"job {job.id} is {stage}{waiting}")
                if stage != JobStage.SCHEDULING:
                    # Every call starts at the first line; within one the client reconnects, and skips what it has had.
                    log = api.fetch_job_logs(job_id=job.id, namespace=user, follow=stage not in ENDED)
                    for line in itertools.islice(log, shown, None):
                        shown, failing_since = shown + 1, None
                        say(line.rstrip("\n"))
                        if not wanted():
                            return job
                    if stage in ENDED:
                        return job
            if not wanted():
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
                say(f"{error}; trying again", problem=True)
            time.sleep(RETRY_SECONDS)


def outcome(api: HfApi, job: JobInfo, plan: Plan) -> Pushed:
    """Where the model is that a job has made, which has ended. Raises HubError that says why there is none."""
    if job.status.stage != JobStage.COMPLETED:
        why = f" ({job.status.message})" if job.status.message else ""
        raise HubError(
            f"job {job.id} ended as {job.status.stage}{why}, and the model was not pushed; the last lines of its log, above "
            f"and at {job.url}, say why"
        )
    try:
        with explained(plan.repo_id, plan.revision):
            commit = api.model_info(plan.repo_id, revision=plan.revision).sha
    except HubError as error:
        raise HubError(f"job {job.id} has completed, but its model cannot be found: {error}") from error
    branch = f"/tree/{plan.revision}" if plan.revision else ""
    return Pushed(plan.repo_id, f"{api.endpoint}/{plan.repo_id}{branch}", commit)


def conclude(api: HfApi, job: JobInfo, plan: Plan) -> int:
    """Print what came of a job that has ended; the exit code."""
    try:
        print_line(str(outcome(api, job, plan)))
        return 0
    except HubError as error:
        advice = "; --hosted-timeout gives it more time" * ("timeout" in (job.status.message or "").lower())
        advice += ". Fix that and run the same command again" * (job.status.stage != JobStage.COMPLETED)
        print_line(f"error: {error}{advice}", problem=True)
        return 3
