"""Fetch a dataset of the Hugging Face Hub, so that it lies here as a folder of images or a file of pairs does.

A repository of image files comes as it is. Of all else, as Parquet, the library `datasets` reads the rows (see
siamese.hub.rows). Either lies in the cache of the Hub by its commit, and is taken from there the next time.
"""

import contextlib
import logging
import shutil
from pathlib import Path

from huggingface_hub import HfApi, constants, snapshot_download
from huggingface_hub.hf_api import DatasetInfo

from siamese.data.class_lists import LISTS
from siamese.data.own_images import ANYTHING, COMMIT, COMPLETE, PUBLIC, HubChoices, fetched_folder, hub_name, own_images
from siamese.hub.client import check_names, connect, within
from siamese.hub.errors import HubError, HubUnavailableError, explained
from siamese.hub.rows import ARCHIVES, TABLES, write_rows
from siamese.images.formats import SUFFIXES
from siamese.model_folder.files import write_text

ASK_SECONDS = 30  # for the Hub to say which commit a branch or tag is
AS_PARQUET = "refs/convert/parquet"  # where the Hub puts its own copy of a dataset
AT_ONCE = 8  # files that are fetched at the same time

logger = logging.getLogger(__name__)


def fetch_dataset(dataset: str, choices: HubChoices = ANYTHING) -> str:
    """Fetch USER/NAME[@REVISION] where it is not here yet: USER/NAME@COMMIT, which `own_images` finds.

    Raises ValueError for a name that cannot be, or where it is not clear what of the dataset is meant; HubError for what the
    Hub says, or that the library `datasets` is missing. What is fetched in part is no dataset; image files go on from there.
    """
    repo_id, revision = hub_name(dataset) or (dataset, None)
    check_names(repo_id, revision)
    name = revision or constants.DEFAULT_REVISION
    if COMMIT.fullmatch(name) and own_images(f"{repo_id}@{name}", choices):
        return f"{repo_id}@{name}"
    try:
        with explained(repo_id, revision, reads=True, kind="dataset"):
            api = connect(login_needed=False)
            info = within(ASK_SECONDS, lambda: api.dataset_info(repo_id, revision=name))
            pinned = f"{repo_id}@{info.sha}"
            if own_images(pinned, choices) is None:
                _fetch(api, repo_id, info, choices)
    except HubUnavailableError as error:
        if (known := _known(repo_id, name, choices)) is None:
            raise
        logger.warning("%s; using what is here of %s", error, known)
        return known
    with contextlib.suppress(OSError):
        write_text(_ref(repo_id, name), info.sha)
    return pinned


def _known(repo_id: str, name: str, choices: HubChoices) -> str | None:
    """What a branch or tag was when it was last asked for, if that is here."""
    with contextlib.suppress(OSError, ValueError):
        pinned = f"{repo_id}@{_ref(repo_id, name).read_text()}"
        return pinned if own_images(pinned, choices) else None
    return None


def _ref(repo_id: str, name: str) -> Path:
    return fetched_folder(repo_id, "refs").parent / name


def _fetch(api: HfApi, repo_id: str, info: DatasetInfo, choices: HubChoices) -> None:
    if info.gated:
        api.auth_check(repo_id, repo_type="dataset")
    names = [file.rfilename for file in info.siblings]
    if (script := f"{repo_id.partition('/')[2]}.py") in names:
        raise HubError(
            f"{repo_id} is made by a program, {script}, which is not run. The Hub may hold what it makes: try "
            f"{repo_id}@{AS_PARQUET}"
        )
    if not any(name.lower().endswith((*SUFFIXES, *TABLES, *ARCHIVES)) for name in names):
        raise HubError(f"{repo_id} holds no images: no image files, and no files of rows, such as Parquet")
    if choices.config is None and _are_images(names):
        _fetch_files(api, repo_id, info, names)
    else:
        _fetch_rows(repo_id, info, choices)


def _are_images(names: list[str]) -> bool:
    """Whether a repository of these files holds images as files, and nothing that holds rows or files in turn."""
    data = [name for name in names if not Path(name).name.startswith(".") and Path(name).name not in LISTS]
    return any(_is_image(name) for name in data) and not any(name.lower().endswith((*TABLES, *ARCHIVES)) for name in data)


def _is_image(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def _fetch_files(api: HfApi, repo_id: str, info: DatasetInfo, names: list[str]) -> None:
    place = fetched_folder(repo_id, info.sha)
    wanted = [name for name in names if _is_image(name) or Path(name).name in LISTS]
    snapshot_download(
        repo_id, repo_type="dataset", revision=info.sha, local_dir=place, allow_patterns=[_literal(name) for name in wanted],
        max_workers=AT_ONCE, token=api.token,
    )  # fmt: skip
    shutil.rmtree(place / ".cache", ignore_errors=True)
    _complete(place, info)


def _complete(place: Path, info: DatasetInfo) -> None:
    write_text(place / COMPLETE, "" if info.private or info.gated else PUBLIC)


def _literal(name: str) -> str:
    """A pattern that matches this name alone."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _fetch_rows(repo_id: str, info: DatasetInfo, choices: HubChoices) -> None:
    place = fetched_folder(repo_id, info.sha, choices)
    unfinished = place.with_name(f"{place.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        unfinished.mkdir(parents=True)
        write_rows(repo_id, info.sha, choices, unfinished)
        _complete(unfinished, info)
        unfinished.rename(place)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
