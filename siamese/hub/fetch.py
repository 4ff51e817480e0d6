"""Fetch a model from the Hugging Face Hub, or from its cache."""

import contextlib
import logging
import math
from pathlib import Path

from huggingface_hub import HfApi, constants, try_to_load_from_cache
from huggingface_hub.hf_api import RepoFile

from siamese.hub.client import check_names, connect, transfer_seconds, within
from siamese.hub.errors import HubError, HubUnavailableError, explained
from siamese.model_folder.files import CONFIG_FILE, LOADED, WEIGHTS_FILE, write_text

NEEDED = (CONFIG_FILE, WEIGHTS_FILE)  # of the files LOADED; older models have no reference

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
        with explained(repo_id, revision, reads=True):
            seconds = ASK_SECONDS_IF_CACHED if cached else ASK_SECONDS
            api = connect(login_needed=False)
            commit = within(seconds, lambda: api.model_info(repo_id, revision=name).sha)
            folder = _cached(repo_id, commit) or _download(api, repo_id, commit)
            if folder != cached and name != commit:
                # Only now: were it done before the download, one that fails would hide the older copy.
                with contextlib.suppress(OSError):  # a cache that cannot be written to has served all the same
                    write_text(folder.parents[1] / "refs" / name, commit)
            return folder, commit
    except HubUnavailableError as error:
        if not cached:
            raise HubUnavailableError(f"{error}, and the cache does not hold {repo_id} as a whole") from error
        logger.warning("%s; using %s from the cache, commit %s", error, repo_id, cached.name)
        return cached, cached.name


def _cached(repo_id: str, revision: str) -> Path | None:
    paths = [try_to_load_from_cache(repo_id, name, revision=revision) for name in NEEDED]
    folders = {Path(path).parent if isinstance(path, str) else None for path in paths}
    return folders.pop() if len(folders) == 1 else None


def _download(api: HfApi, repo_id: str, commit: str) -> Path:
    # Not snapshot_download: it lists the whole repository, bounds no size, and by taking files in any order it can leave a
    # cache that holds all of NEEDED but not the reference, which would then never come.
    found = within(ASK_SECONDS, lambda: api.get_paths_info(repo_id, list(LOADED), revision=commit))
    sizes = {file.path: file.size for file in found if isinstance(file, RepoFile)}
    for name in NEEDED:
        if name not in sizes:
            raise HubError(f"{repo_id} is not a model of this project: it has no {name}")
        if sizes[name] > LOADED[name]:
            raise HubError(f"{name} of {repo_id} has {sizes[name]:,} bytes, allowed: at most {LOADED[name]:,}")
    # The reference comes first. Older models have none, and one that is too large is done without.
    wanted = [name for name, limit in LOADED.items() if sizes.get(name, math.inf) <= limit]
    seconds = transfer_seconds(sum(sizes[name] for name in wanted))
    paths = within(seconds, lambda: [api.hf_hub_download(repo_id, name, revision=commit) for name in wanted])
    return Path(paths[-1]).parent
