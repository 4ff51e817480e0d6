"""Whatever fails between here and the Hugging Face Hub becomes one `HubError` that says what happened."""

import contextlib
import errno
import json
import re
import sysconfig
import traceback
from collections.abc import Iterator
from pathlib import Path

from huggingface_hub import constants, errors, get_token
from huggingface_hub.utils import httpx

from siamese.config import one_line

REFUSALS = {  # status -> what it means for {repo}
    400: "the Hub refuses what was sent for {repo}",
    401: "the Hub does not accept the token of the login: run `hf auth login`, or set HF_TOKEN to a valid one",
    402: "the Hub asks for a paid plan, or for more storage, for {repo}",
    403: "the login has no right to do this with {repo}: use a token that may write, of somebody who may write there",
    409: "the name {repo} is taken, or the Hub is busy with another change to it",
    412: "somebody else has changed {repo} at the same moment",
    413: "the Hub refuses files as large as these for {repo}",
    429: "the Hub has had too many requests from here",
}
READING = {  # the same where nothing was to be written
    400: "the Hub does not understand the question for {repo}",
    401: "the Hub does not accept the token of the login: run `hf auth login`, or set HF_TOKEN to one that may read {repo}",
    402: "the Hub asks for a paid plan for {repo}",
    403: "the login may not read {repo}: ask its owner, or use a token that may read it",
    409: "the Hub is busy with a change to {repo}",
}
XET_FUNCTIONS = {"xet_get", "_upload_xet_files"}  # of huggingface_hub, which hand over to hf_xet
# What a mistake in a program raises, not what it works with.
MISTAKES = (TypeError, AttributeError, NameError, AssertionError, IndexError, NotImplementedError, ImportError)
PACKAGE = Path(__file__).resolve().parents[1]
LIBRARIES = {Path(sysconfig.get_path(name)).resolve() for name in ("purelib", "platlib")}
STANDARD = Path(sysconfig.get_path("stdlib")).resolve()
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class HubError(ValueError):
    """Pushing or fetching failed; the message says why in a sentence or two."""


class HubUnavailableError(HubError):
    """The Hub cannot be reached, is out of order or asks to come back later: nothing is wrong with what was asked."""


@contextlib.contextmanager
def explained(repo_id: str, revision: str | None = None, reads: bool = False, kind: str = "model") -> Iterator[None]:
    """Whatever is raised within becomes a HubError, but a mistake of this program's own: that is not the Hub's.

    `reads`: nothing is to be written, so advice is about that. `kind` is that of the repository, "model" or "dataset".
    """
    try:
        yield
    except HubError:
        raise
    except Exception as error:  # the client lets through OSError, ValueError, RuntimeError, those of httpx and hf_xet, ...
        if is_mistake_of_ours(error):
            raise
        raise explain(error, repo_id, revision, reads, kind) from error


def is_mistake_of_ours(error: BaseException) -> bool:
    """Whether this is a mistake in code of this program, not what a library makes of what it was sent."""
    if not isinstance(error, MISTAKES):
        return False
    if isinstance(error, TypeError) and " argument" in str(error):  # called with others than it takes, through a decorator
        return True
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        folders = set(Path(frame.filename).resolve().parents)
        if PACKAGE in folders or not ({*LIBRARIES, STANDARD} & folders):
            return True
        if LIBRARIES & folders:
            return False
    return True


def explain(
    error: BaseException, repo_id: str, revision: str | None = None, reads: bool = False, kind: str = "model"
) -> HubError:
    """The HubError for what huggingface_hub raised in work on a repository."""
    wrappers = (RuntimeError, errors.LocalEntryNotFoundError, errors.RevisionResolutionError)
    while isinstance(error, wrappers) and error.__cause__:
        error = error.__cause__
    hub, detail = constants.ENDPOINT, one_line(str(error)).rstrip(".") or type(error).__name__
    if _is_of_xet(error):
        return HubError(
            f"{hub} sends or takes large files by Xet, and that failed; a mirror of the Hub may not have it: "
            f"set HF_HUB_DISABLE_XET=1 and try again ({detail})"
        )
    match error:
        case errors.OfflineModeIsEnabled():
            return HubUnavailableError(f"HF_HUB_OFFLINE is set, so the Hub is not asked for {repo_id}")
        case errors.GatedRepoError():
            place = f"{hub}/{'datasets/' * (kind == 'dataset')}{repo_id}"
            hint = "" if get_token() else "; then run `hf auth login`, or set HF_TOKEN"
            return HubError(f"{repo_id} is gated: ask for access at {place}{hint}")
        case errors.RepositoryNotFoundError():
            hint = "this login may not see it" if get_token() else "it is private: run `hf auth login`, or set HF_TOKEN"
            return HubError(f"there is no {kind} {repo_id} at {hub}, or {hint}")
        case errors.RevisionNotFoundError():
            return HubError(f"{repo_id} has no branch, tag or commit {revision}")
        case errors.HfHubHTTPError():
            return _refusal(error, repo_id, reads)
        case httpx.TimeoutException() | TimeoutError():
            in_whole = f" in whole within {error}" if type(error) is TimeoutError and error.args else ""
            return HubUnavailableError(f"the Hub at {hub} does not answer{in_whole}")
        case httpx.TransportError() | ConnectionError():
            return HubUnavailableError(f"the connection to the Hub at {hub} failed: {detail}")
        case json.JSONDecodeError() | KeyError():
            return HubUnavailableError(f"what answers at {hub} is not the Hub, or the Hub is out of order")
        case OSError(errno=number) if number in DISK_FULL:
            return HubError(f"the disk is full: {detail}; the cache of the Hub is {constants.HF_HUB_CACHE}")
        case ValueError() | OSError():
            return HubError(detail)
    return HubError(f"{type(error).__name__}: {detail}")


def _is_of_xet(error: BaseException) -> bool:
    """Whether it is the storage of large files that failed, which the Hub has and not every mirror of it."""
    if isinstance(error, errors.HfHubHTTPError) and error.response.status_code in (401, 403, 404, 405, 501):
        return bool(re.search(r"/xet-(read|write)-token/", str(error.response.url)))
    functions = {frame.name for frame in traceback.extract_tb(error.__traceback__)}
    return isinstance(error, (RuntimeError, ConnectionError)) and bool(functions & XET_FUNCTIONS)


def _refusal(error: errors.HfHubHTTPError, repo_id: str, reads: bool) -> HubError:
    status = error.response.status_code
    broken = f"the Hub is out of order (status {status})" if status >= 500 else f"the Hub answers with status {status}"
    text = (REFUSALS | READING if reads else REFUSALS).get(status, broken).format(repo=repo_id)
    if error.server_message:
        text += f'; it says "{one_line(error.server_message)}"'
    if seconds := error.response.headers.get("Retry-After"):
        text += f"; it asks to wait {one_line(seconds)} s"
    return (HubUnavailableError if status == 429 or status >= 500 else HubError)(text)
