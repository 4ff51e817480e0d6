"""Push a model folder to the Hugging Face Hub.

The login is that of huggingface_hub, HF_TOKEN or `hf auth login`; no message and no line of a log holds the token.
"""

import contextlib
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, constants, errors
from huggingface_hub.utils import disable_progress_bars

from siamese.data.datasets import is_own
from siamese.hub.client import check_names, connect, transfer_seconds, within
from siamese.hub.errors import HubError, explained
from siamese.hub.published import OWN, published, published_as_onnx
from siamese.model_folder.files import ONNX_FILE, REFERENCE_FILE
from siamese.model_folder.model_card import SHOW_PIXELS
from siamese.model_folder.weights import load_model

SWITCHES = ("private", "public", "publish_pictures", "without_reference", "onnx")  # of push_folder
HISTORY = "earlier commits still hold them, for all who may see the repository: delete it and push again to be rid of them"


@dataclass(frozen=True)
class Pushed:
    """Where a model folder went."""

    repo_id: str
    url: str  # the page of the repository, at the branch
    commit: str  # 40 hex digits; where nothing had changed, the one that was there
    is_private: bool | None = None  # None: not known
    remarks: tuple[str, ...] = ()  # on what was not sent, or was taken away
    is_hidden: bool = False  # whether pictures and names were kept back

    @property
    def visibility(self) -> str:
        """Who may see it, in a sentence; "" where that is not known."""
        if self.is_private is None:
            return ""
        who = "private: only those may see it whom its owner lets" if self.is_private else "public: everybody may see it"
        return f"{self.repo_id} is {who}"

    def __str__(self) -> str:
        snippet = f"from siamese import Verifier; verifier = Verifier.from_pretrained({self.repo_id!r}, {self.commit!r})"
        advice = "--publish-pictures sends all as it lies" * self.is_hidden
        more = "".join(f"\n{line}" for line in (self.visibility, *self.remarks, advice) if line)
        return f"pushed to {self.url}\ncommit {self.commit}\nuse it: {snippet}{more}"


def push_command(
    folder: str | Path, repo_id: str, private: bool = False, revision: str | None = None, **switches: bool
) -> str:
    """The command line that pushes a model folder, for another try; `switches` are more of SWITCHES."""
    flags = [f"--{name.replace('_', '-')}" for name, is_on in {"private": private, **switches}.items() if is_on]
    flags += ["--revision", revision] if revision else []
    return shlex.join(["python", "-m", "siamese", "push", str(folder), "--repo-id", repo_id, *flags])


def push_folder(
    folder: str | Path,
    repo_id: str,
    private: bool = False,
    revision: str | None = None,
    token: str | None = None,
    public: bool = False,
    publish_pictures: bool = False,
    without_reference: bool = False,
    onnx: bool = False,
) -> Pushed:
    """Upload a complete model folder in one commit, to a repository (and branch `revision`) that is made if need be.

    Only the files of a model folder are sent, and of those what the Hub lacks; where nothing changed, no commit is made.
    A new repository is `private` or `public`; with neither, it is private where the model was trained on images of one's
    own, else as its owner prefers. Of such a model nothing is sent that shows or names an image unless `publish_pictures`,
    and what an earlier push has sent of it is deleted from the branch; `without_reference`, no embeddings of test images
    either. With `onnx` the model is sent as ONNX too, made anew; without, what an earlier push has sent as that is deleted,
    since it may be another model. `token` is used instead of the login of this machine.

    Raises ValueError where the folder is no complete model or a name cannot be, HubError for everything else.
    """
    check_names(repo_id, revision)
    if private and public:
        raise ValueError("a repository is private or public, not both")
    network, config = load_model(folder)
    files, remarks = published(Path(folder), config, publish_pictures, without_reference), []
    if onnx:
        try:
            files |= published_as_onnx(Path(folder), network, files)
        except ValueError as error:  # no reason to keep the model back
            remarks.append(f"not sent: {ONNX_FILE}, since {error}")
    is_of_own = is_own(config.data)
    is_hidden = is_of_own and not publish_pictures
    headline = (
        f"{config.metrics.balanced_accuracy:.2f}% balanced pair accuracy on {OWN if is_hidden else config.data.dataset}"
    )
    unwanted = [*SHOW_PIXELS] * is_hidden + [REFERENCE_FILE] * without_reference + [ONNX_FILE] * (ONNX_FILE not in files)
    with explained(repo_id, revision), contextlib.nullcontext() if sys.stderr.isatty() else disable_progress_bars():
        api = connect(token=token)
        is_new_private = private or (is_of_own and not public)
        is_private = within(transfer_seconds(0), lambda: _make_repository(api, repo_id, is_new_private, private, public))
        seconds = transfer_seconds(sum(_size(content) for content in files.values()))
        deleted, commit = within(seconds, lambda: _commit(api, repo_id, revision, files, unwanted, headline))
    if is_hidden:
        remarks.append("not sent: pictures, and names of files and folders; the card is written anew without them")
    if ONNX_FILE in deleted:
        deleted.remove(ONNX_FILE)
        remarks.append(f"deleted there: {ONNX_FILE} of an earlier push; --onnx sends it")
    if deleted:
        remarks.append(f"deleted there: {', '.join(deleted)}; {HISTORY}")
    url = f"{api.endpoint}/{repo_id}" + (f"/tree/{revision}" if revision else "")
    return Pushed(repo_id, url, commit, is_private, tuple(remarks), is_hidden)


def _commit(
    api: HfApi, repo_id: str, revision: str | None, files: dict, unwanted: list[str], headline: str
) -> tuple[list[str], str]:
    """Send `files` and delete those `unwanted` in one commit: those that were deleted, and the commit."""
    if revision and revision != constants.DEFAULT_REVISION:
        api.create_branch(repo_id, branch=revision, exist_ok=True)
    there = {file.rfilename for file in api.model_info(repo_id, revision=revision).siblings or ()} if unwanted else set()
    deleted = [name for name in unwanted if name in there]
    # Not upload_folder: with hf_xet it may make several commits.
    changes = [*(CommitOperationAdd(*file) for file in files.items()), *map(CommitOperationDelete, deleted)]
    return deleted, api.create_commit(repo_id, changes, commit_message=headline, revision=revision).oid


def _size(content: Path | bytes) -> int:
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def _make_repository(api: HfApi, repo_id: str, is_new_private: bool, private: bool, public: bool) -> bool:
    """Make the repository if need be; whether it is private. Raises HubError where it is not what was asked for."""
    try:
        is_private = api.model_info(repo_id, expand=["private"]).private
    except errors.RepositoryNotFoundError:
        wanted = True if is_new_private else False if public else None  # None: as its owner prefers
        api.create_repo(repo_id, private=wanted)
        # Asked, since an organisation may make all of its own private whatever is wanted.
        return api.model_info(repo_id, expand=["private"]).private
    if private and not is_private:
        raise HubError(f"{repo_id} is there already and public: change that in its settings, or leave out --private")
    if public and is_private:
        raise HubError(f"{repo_id} is there already and private: change that in its settings, or leave out --public")
    return is_private
