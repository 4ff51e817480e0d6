"""The Hugging Face Hub: push a model folder, fetch a model.

The login is that of huggingface_hub, HF_TOKEN or `hf auth login`; no message and no line of a log holds the token.
"""

import contextlib
import logging
import re
import shlex
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import CommitOperationAdd, HfApi, constants, errors, hf_hub_url, try_to_load_from_cache
from huggingface_hub.utils import disable_progress_bars, get_session, get_token, httpx, validate_repo_id

from siamese.config import shorten
from siamese.hub.errors import HubError, HubUnavailableError, explained
from siamese.model_folder import weights as checkpoint
from siamese.model_folder.model_card import PLOTS
from siamese.model_folder.weights import CARD_FILE, CONFIG_FILE, METRICS_FILE, REFERENCE_FILE, WEIGHTS_FILE, load_model

# All that is ever downloaded, and the most bytes it may have.
FETCHED = {CONFIG_FILE: checkpoint.MAX_CONFIG_BYTES, WEIGHTS_FILE: checkpoint.MAX_WEIGHTS_BYTES}
CONNECT_SECONDS = 10  # for the Hub to be reached at all; huggingface_hub itself waits for ever
ANSWER_SECONDS = 100  # for it to answer a request, or to take in some more of it
ASK_SECONDS = 15  # for the Hub to say which commit a branch or tag is
ASK_SECONDS_IF_CACHED = 0.5  # the same where the cache has an answer, perhaps an older one: a tenth of the app's start

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pushed:
    """Where a model folder went."""

    repo_id: str
    url: str  # the page of the repository, at the branch
    commit: str  # 40 hex digits; where nothing had changed, the one that was there

    def __str__(self) -> str:
        snippet = f"from siamese import Verifier; verifier = Verifier.from_pretrained({self.repo_id!r}, {self.commit!r})"
        return f"pushed to {self.url}\ncommit {self.commit}\nuse it: {snippet}"


def push_command(folder: str | Path, repo_id: str, private: bool = False, revision: str | None = None) -> str:
    """The command line that pushes a model folder, for another try."""
    flags = ["--private"] * private + (["--revision", revision] if revision else [])
    return shlex.join(["python", "-m", "siamese", "push", str(folder), "--repo-id", repo_id, *flags])


def check_login(repo_id: str, revision: str | None = None) -> str:
    """The user name of the login. What can be known before a push is checked: the names, the token, its right to write.

    Raises ValueError for a name that cannot be, HubError for everything else.
    """
    check_names(repo_id, revision)
    with explained(repo_id, revision):
        identity = connect().whoami()
        user, role = identity["name"], identity.get("auth", {}).get("accessToken", {}).get("role")
        owners = {user, *(organisation["name"] for organisation in identity.get("orgs", []))}
    if role == "read":
        raise HubError(f"the token of {user} may only read: log in with one that may write")
    # What a fine-grained token may do is left for the Hub to say.
    if role == "write" and repo_id.split("/")[0].casefold() not in {owner.casefold() for owner in owners}:
        raise HubError(f"{user} has no right to write to {repo_id}, only below: {', '.join(sorted(owners))}")
    return user


def push_folder(
    folder: str | Path, repo_id: str, private: bool = False, revision: str | None = None, token: str | None = None
) -> Pushed:
    """Upload a complete model folder in one commit, to a repository (and branch `revision`) that is made if need be.

    Only the files of a model folder are sent, and of those what the Hub lacks; where nothing changed, no commit is made.
    `token` is used instead of the login of this machine.

    Raises ValueError where the folder is no complete model or a name cannot be, HubError for everything else.
    """
    check_names(repo_id, revision)
    _, config = load_model(folder)
    files = _files_to_push(Path(folder))
    headline = f"{config.metrics.balanced_accuracy:.2f}% balanced pair accuracy on {Path(config.data.dataset).name}"
    with explained(repo_id, revision), contextlib.nullcontext() if sys.stderr.isatty() else disable_progress_bars():
        api = connect(token=token)
        try:
            is_private = api.model_info(repo_id, expand=["private"]).private
        except errors.RepositoryNotFoundError:
            api.create_repo(repo_id, private=private or None)  # None: as its owner prefers
        else:
            if private and not is_private:
                raise HubError(f"{repo_id} is there already and public: change that in its settings, or leave out --private")
        if revision and revision != constants.DEFAULT_REVISION:
            api.create_branch(repo_id, branch=revision, exist_ok=True)
        # Not upload_folder: with hf_xet it may make several commits.
        additions = [CommitOperationAdd(path.name, path) for path in files]
        commit = api.create_commit(repo_id, additions, commit_message=headline, revision=revision).oid
    return Pushed(repo_id, f"{api.endpoint}/{repo_id}" + (f"/tree/{revision}" if revision else ""), commit)


def fetch_model(repo_id: str, revision: str | None = None) -> tuple[Path, str]:
    """The local folder of a model on the Hub (config, weights and reference only) and its commit.

    A commit that the cache holds is taken without asking the Hub. So is, with a warning in the log, what the cache knows of
    a branch or tag where the Hub does not say within ASK_SECONDS_IF_CACHED which commit it is. Raises ValueError for a name
    that cannot be, HubError for everything else.
    """
    check_names(repo_id, revision)
    name = revision or constants.DEFAULT_REVISION
    cached = _cached(repo_id, name)
    if cached and cached.name == name:
        return cached, name
    try:
        with explained(repo_id, revision):
            seconds = ASK_SECONDS_IF_CACHED if cached else ASK_SECONDS
            api = connect(login_needed=False)
            commit = _within(seconds, lambda: api.model_info(repo_id, revision=name).sha)
            folder = _cached(repo_id, commit) or _download(repo_id, commit)
            if folder != cached and name != commit:
                # Only now: were it done before the download, one that fails would hide the older copy.
                with contextlib.suppress(OSError):  # a cache that cannot be written to has served all the same
                    checkpoint.write_text(folder.parents[1] / "refs" / name, commit)
            return folder, commit
    except HubUnavailableError as error:
        if not cached:
            raise HubUnavailableError(f"{error}, and the cache does not hold {repo_id} as a whole") from error
        logger.warning("%s; using %s from the cache, commit %s", error, repo_id, cached.name)
        return cached, cached.name


def check_names(repo_id: str, revision: str | None) -> None:
    """Raise ValueError for what cannot be the name of a repository, or of a revision."""
    try:
        validate_repo_id(repo_id)
        valid = repo_id.count("/") == 1
    except errors.HFValidationError:
        valid = False
    if not valid:
        raise ValueError(
            f"repository {shorten(repo_id)} is not of the form USER/NAME, each of at most 96 letters, digits, -, _ and ."
        )
    if revision is not None and (not re.fullmatch(r"\w[\w./-]{0,199}", revision) or ".." in revision):
        raise ValueError(f"revision {shorten(revision)} is no name of a branch, tag or commit")


def connect(login_needed: bool = True, token: str | None = None) -> HfApi:
    """The client of the Hub, with `token`, or else the login if there is one.

    Raises HubError for one that is missing or cannot be.
    """
    token = token or get_token()
    if login_needed and not token:
        raise HubError("there is no login to the Hub: run `hf auth login`, or set HF_TOKEN to a token that may write")
    if not re.fullmatch(r"[!-~]*", token or ""):  # the HTTP client would refuse it with a message that holds it
        raise HubError("the token of the login holds a character that no token has: check HF_TOKEN, or run `hf auth login`")
    hooks = get_session().event_hooks["request"]
    if _limit_time not in hooks:
        hooks.append(_limit_time)
    return HfApi(token=token)


def _limit_time(request: httpx.Request) -> None:
    limits = request.extensions.get("timeout", {})
    if limits.get("read") is None:  # else the client has set limits of its own, as for downloads
        limits = dict.fromkeys(("read", "write", "pool"), ANSWER_SECONDS) | {"connect": CONNECT_SECONDS}
        request.extensions["timeout"] = limits


def _files_to_push(folder: Path) -> list[Path]:
    optional = [folder / name for name in (METRICS_FILE, REFERENCE_FILE, *PLOTS) if (folder / name).exists()]
    files = [folder / WEIGHTS_FILE, folder / CONFIG_FILE, folder / CARD_FILE, *optional]
    for path in files:
        if path.is_symlink() or not path.is_file():  # a link could lead to anything
            raise ValueError(f"{str(folder)!r} is no complete model folder: {path.name} is missing, or not a plain file")
    return files


def _cached(repo_id: str, revision: str) -> Path | None:
    paths = [try_to_load_from_cache(repo_id, name, revision=revision) for name in FETCHED]
    folders = {Path(path).parent if isinstance(path, str) else None for path in paths}
    return folders.pop() if len(folders) == 1 else None


def _download(repo_id: str, commit: str) -> Path:
    api = connect(login_needed=False)
    for name, limit in FETCHED.items():
        try:
            size = api.get_hf_file_metadata(url=hf_hub_url(repo_id, name, revision=commit)).size
        except errors.RemoteEntryNotFoundError as error:
            raise HubError(f"{repo_id} is no model of siamese: it has no {name}") from error
        if size is None or size > limit:
            stated = "an unknown size" if size is None else f"{size:,} bytes"
            raise HubError(f"{name} of {repo_id} has {stated}, allowed: at most {limit:,} bytes")
    # First, since a cache that holds all of FETCHED is not asked for more.
    with contextlib.suppress(errors.RemoteEntryNotFoundError):  # older models have none
        size = api.get_hf_file_metadata(url=hf_hub_url(repo_id, REFERENCE_FILE, revision=commit)).size
        if size is not None and size <= checkpoint.MAX_REFERENCE_BYTES:
            api.hf_hub_download(repo_id, REFERENCE_FILE, revision=commit)
    paths = [api.hf_hub_download(repo_id, name, revision=commit) for name in FETCHED]
    return Path(paths[0]).parent


def _within(seconds: float, function: Callable[[], str]) -> str:
    """What `function` returns, run in a thread: looking up a host name knows no time limit. Raises TimeoutError."""
    future = Future()

    def run() -> None:
        try:
            future.set_result(function())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future.result(seconds)
