"""A hosted training that a visitor pays for: with their own login to the Hub, in private repositories of their own.

The token is known to the object of one training alone, which gives it to the Hub, and to the job as its secret, and forgets
it at the end. A login of a Space may only touch repositories that it has made: so code lies in one for each Space.
"""

import functools
import logging
import os
import tempfile
import threading
import time
from collections import deque
from dataclasses import dataclass, replace

from huggingface_hub import HfApi, JobInfo, constants, errors
from huggingface_hub.utils import disable_progress_bars

from siamese.config import one_line
from siamese.hub.client import check_login, check_names, connect
from siamese.hub.errors import HubError, explained
from siamese.hub.job_plan import CODE_REPOSITORY, Plan, make_plan
from siamese.hub.jobs import ENDED, follow, outcome, prices, start
from siamese.hub.push import Pushed
from siamese.hub.sent_images import SentImages, megabytes, of_checked_folder
from siamese.version import current_commit
from siamese.visitors.task import SAMPLE, Checked
from siamese.visitors.workspace import Workspace

FLAVORS = ("t4-small", "l4x1", "a10g-small", "cpu-basic")  # that are offered, the usual one first
HOURS = 1  # after which a job is stopped; trainings as large as a page allows take minutes
SPARE_SECONDS = 1200  # that a login must last beyond that: a job waits for its hardware, and installs what it needs
MOST_SENDING = 4  # visitors whose images are sent at the same time
LINES, LONGEST_LINE = 300, 300  # of a log that are kept, and characters of each
LONGEST_NAME = 96  # of a repository
WRONG_HERE = "this went wrong here, not by your fault; the server's log says why"
logger = logging.getLogger(__name__)
_commit = functools.cache(current_commit)
_sending = threading.BoundedSemaphore(MOST_SENDING)


@dataclass(frozen=True)
class Login:
    """A visitor's login to the Hub."""

    user: str
    token: str
    expires_at: float  # seconds, as of time.time()

    def __repr__(self) -> str:
        return f"Login({self.user!r})"  # a token is never written


@dataclass(frozen=True)
class Choices:
    """What a visitor asks for."""

    flavor: str
    name: str  # of the model's repository, below the visitor's own
    encoder: str | None  # None: what fits the images
    loss: str
    epochs: int
    delete_images: bool  # from the Hub, once the model is there

    def repository(self, user: str) -> str:
        """Where the model is to go. Raises ValueError for a name that cannot be."""
        repo_id = f"{user}/{self.name.strip()}"
        check_names(repo_id, None)
        return repo_id


def offers(token: str) -> dict[str, float]:
    """The flavors that are offered, with what an hour of each costs in US dollars. Raises HubError."""
    there = prices(connect(token=token))
    return {flavor: there[flavor] for flavor in FLAVORS if flavor in there}


def images_to_send(checked: Checked, repo_id: str) -> SentImages | None:
    """What goes to the dataset repository; None for the bundled digits, which a job has."""
    if checked.dataset == SAMPLE:
        return None
    return of_checked_folder(checked.dataset, repo_id, checked.images, checked.classes)


def plan_of(checked: Checked, choices: Choices, user: str) -> Plan:
    """The job: the same training as in a process of this server. Raises ValueError."""
    if choices.flavor not in FLAVORS:
        raise ValueError(f"the hardware is {choices.flavor!r}, allowed: {', '.join(FLAVORS)}")
    repo_id = choices.repository(user)
    given = {"dataset": SAMPLE, "encoder": choices.encoder, "loss": choices.loss, "epochs": choices.epochs}
    given["split"] = checked.plan()["split"]
    given = {name: value for name, value in given.items() if value is not None}
    given |= {"push": True, "private": True, "repo_id": repo_id}
    plan = make_plan(choices.flavor, given, f"{HOURS}h", _commit(), images_to_send(checked, repo_id))
    space = os.environ.get("SPACE_ID", "").replace("/", "-")
    name = f"{CODE_REPOSITORY}-{space}"[:LONGEST_NAME].rstrip("-.")
    return replace(plan, code_name=name, delete_images=choices.delete_images)


class HostedTraining:
    """One that was agreed to: sends, starts and follows in a thread of its own, whose course can be read here."""

    def __init__(self, space: Workspace, choices: Choices, login: Login) -> None:
        self.lines: deque[str] = deque(maxlen=LINES)
        self.job: JobInfo | None = None
        self.model: Pushed | None = None
        self.problem = ""
        self.images: SentImages | None = None  # that are on the Hub now, or some of them
        self.is_over = self.had_images = self.job_has_ended = False
        self.changes = 0  # so far
        self._space, self._choices, self._login = space, choices, login

    def begin(self) -> None:
        """Go to work, in a thread."""
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        try:
            self._do(self._login)
        except HubError as error:
            self.problem = self._without_places(in_words(error))
        except ValueError as error:
            self.problem = self._without_places(str(error))
        except Exception:
            logger.exception("a hosted training failed")
            self.problem = WRONG_HERE
        finally:
            self._login, self.is_over = None, True
            self.changes += 1

    def _do(self, login: Login) -> None:
        left = login.expires_at - time.time()
        if left < 3600 * HOURS + SPARE_SECONDS:
            raise ValueError(
                f"your login ends in {max(0, left) / 60:.0f} min, and the job may need it for "
                f"{60 * HOURS + SPARE_SECONDS // 60}: log out at the top of this tab, and log in again"
            )
        if not _sending.acquire(blocking=False):
            raise ValueError(f"{MOST_SENDING} visitors are sending images at this moment: try again in a minute")
        try:
            with self._space.lend() as checked:
                plan = plan_of(checked, self._choices, login.user)
                user, api = check_login(plan.repo_id, token=login.token), connect(token=login.token)
                _claim(api, plan.repo_id)
                job = start(api, plan, user, self._say, told=lambda done, size: self._sent(plan.images, done, size))
        finally:
            _sending.release()
        self.job = job
        self._say(f"job {job.id} at {job.url}")
        job = follow(api, job, user, self._say, wanted=self._space.is_open)
        self.job_has_ended = job.status.stage in ENDED
        if self.job_has_ended:
            self.model = outcome(api, job, plan)
            if plan.images and plan.delete_images:
                self._delete(api, plan.images)

    def _delete(self, api: HfApi, images: SentImages) -> None:
        """See to it that the images are gone: the job has tried already."""
        try:
            with explained(f"the dataset {images.repo_id}"), disable_progress_bars():
                api.delete_repo(images.repo_id, repo_type="dataset", missing_ok=True)
        except HubError as error:
            self.problem = f"your pictures could not be deleted: {in_words(error)}"
        else:
            self.images = None

    def _say(self, text: str, problem: bool = False) -> None:
        self.lines.extend(one_line(line, LONGEST_LINE) for line in text.splitlines())
        self.changes += 1

    def _sent(self, images: SentImages | None, done: int, size: int) -> None:
        self.images, self.had_images = images, True
        if done:
            self._say(f"sent {megabytes(done)} of {megabytes(size)}")

    def _without_places(self, message: str) -> str:
        """Where things lie on this server, no browser is told."""
        return message.replace(tempfile.gettempdir(), "one of the server's")


def in_words(error: HubError) -> str:
    """What a visitor is told, who has no command line to log in at."""
    cause: BaseException | None = error.__cause__
    while cause is not None and getattr(cause, "response", None) is None and cause.__cause__:
        cause = cause.__cause__
    status = getattr(getattr(cause, "response", None), "status_code", None)
    said = one_line(getattr(cause, "server_message", None) or "")
    said = f' (the Hub says "{said}")' if said else ""
    if isinstance(cause, errors.RepositoryNotFoundError):
        return "a repository of that name is there already, and this page may only touch those that it made: choose another"
    if status == 401:
        return f"the Hub does not accept your login any more{said}: log out at the top of this tab, and log in again"
    if status == 402:
        return f"the Hub asks for credits{said}: jobs need a positive balance, see {constants.ENDPOINT}/settings/billing"
    if status == 403:
        return (
            f"your login does not include the right to do this{said}: log out at the top of this tab, log in again, and "
            "allow what is asked for"
        )
    return str(error)


def _claim(api: HfApi, repo_id: str) -> None:
    """Make the model's private repository, or see that it can be used: after the training it would be too late."""
    with explained(repo_id), disable_progress_bars():
        api.create_repo(repo_id, private=True, exist_ok=True)
        if not api.model_info(repo_id, expand=["private"]).private:
            raise HubError(f"{repo_id} is there already and public: choose another name")
