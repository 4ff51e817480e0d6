"""Push a model folder to the Hugging Face Hub.

The login is that of huggingface_hub, HF_TOKEN or `hf auth login`; no message and no line of a log holds the token.
"""

import contextlib
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import CommitOperationAdd, constants, errors
from huggingface_hub.utils import disable_progress_bars

from siamese.hub.client import check_names, connect
from siamese.hub.errors import HubError, explained
from siamese.model_folder.model_card import PLOTS
from siamese.model_folder.weights import CARD_FILE, CONFIG_FILE, METRICS_FILE, REFERENCE_FILE, WEIGHTS_FILE, load_model


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


def _files_to_push(folder: Path) -> list[Path]:
    optional = [folder / name for name in (METRICS_FILE, REFERENCE_FILE, *PLOTS) if (folder / name).exists()]
    files = [folder / WEIGHTS_FILE, folder / CONFIG_FILE, folder / CARD_FILE, *optional]
    for path in files:
        if path.is_symlink() or not path.is_file():  # a link could lead to anything
            raise ValueError(f"{str(folder)!r} is not a complete model folder: {path.name} is missing or not a plain file")
    return files
