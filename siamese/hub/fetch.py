"""Fetch a model from the Hugging Face Hub, or from its cache."""

import contextlib
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from huggingface_hub import constants, errors, hf_hub_url, try_to_load_from_cache

from siamese.hub.client import check_names, connect
from siamese.hub.errors import HubError, HubUnavailableError, explained
from siamese.model_folder import weights as checkpoint
from siamese.model_folder.weights import CONFIG_FILE, REFERENCE_FILE, WEIGHTS_FILE

# All that is ever downloaded, and the most bytes it may have.
FETCHED = {CONFIG_FILE: checkpoint.MAX_CONFIG_BYTES, WEIGHTS_FILE: checkpoint.MAX_WEIGHTS_BYTES}

ASK_SECONDS = 15  # for the Hub to say which commit a branch or tag is

ASK_SECONDS_IF_CACHED = 0.5  # the same where the cache has an answer, perhaps an older one: a tenth of the app's start

logger = logging.getLogger(__name__)


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
