"""The client of the Hugging Face Hub: names, login and time limits."""

import re
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from huggingface_hub import HfApi, errors
from huggingface_hub.utils import get_session, get_token, httpx, validate_repo_id

from siamese.config import shorten
from siamese.hub.errors import HubError, explained

CONNECT_SECONDS = 10  # for the Hub to be reached at all; huggingface_hub itself waits for ever

ANSWER_SECONDS = 100  # for it to answer a request, or to take in some more of it

TRANSFER_SECONDS, SLOWEST = 120, 50_000  # a push or download may take so long, and longer by its bytes at so many a second

Result = TypeVar("Result")


def check_login(repo_id: str, revision: str | None = None, token: str | None = None) -> str:
    """The user name of the login, or of `token`. What can be known before a push is checked: names, token, right to write.

    Raises ValueError for a name that cannot be, HubError for everything else.
    """
    check_names(repo_id, revision)
    with explained(repo_id, revision):
        identity = connect(token=token).whoami()
        user, role = identity["name"], identity.get("auth", {}).get("accessToken", {}).get("role")
        owners = {user, *(organisation["name"] for organisation in identity.get("orgs", []))}
    if role == "read":
        raise HubError(f"the token of {user} may only read: log in with one that may write")
    # What a fine-grained token may do is left for the Hub to say.
    if role == "write" and repo_id.split("/")[0].casefold() not in {owner.casefold() for owner in owners}:
        raise HubError(f"{user} has no right to write to {repo_id}, only below: {', '.join(sorted(owners))}")
    return user


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
        raise ValueError(f"revision {shorten(revision)} cannot be the name of a branch, tag or commit")


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


def within(seconds: float, function: Callable[[], Result]) -> Result:
    """What `function` returns, run in a thread that is waited for no longer; looking up a host name knows no other limit.

    Raises TimeoutError that says how long it was.
    """
    future = Future()

    def run() -> None:
        try:
            future.set_result(function())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        return future.result(seconds)
    except TimeoutError as error:
        if future.done():
            raise
        raise TimeoutError(f"{seconds:,.0f} s") from error


def transfer_seconds(count: int) -> float:
    """How long a transfer of `count` bytes may take."""
    return TRANSFER_SECONDS + count / SLOWEST
