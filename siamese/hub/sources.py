"""Where a model comes from: a folder, the Hugging Face Hub, or the weights that come with the package."""

import atexit
import difflib
import re
import shutil
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from siamese.config import shorten
from siamese.data.archives import ArchiveLimits, Chosen, unpack
from siamese.model_folder.files import BUNDLED_WEIGHTS, CONFIG_FILE, DEFAULT_BUNDLED, LOADED
from siamese.suggestions import did_you_mean

SIMILAR = 5  # models that a message names in place of one that is not there
LOCAL_ALONE = re.compile(r"[./~]|.*\\")  # begins, or goes on, as no name of a repository does
MAX_ARCHIVE_BYTES = 1 << 32  # of a ZIP file, in which more may lie than is read


def bundled_models() -> dict[str, Path]:
    """The folders of the models that come with the package, by name, the default first."""
    folders = sorted(path.parent for path in BUNDLED_WEIGHTS.glob(f"*/{CONFIG_FILE}"))
    return {folder.name: folder for folder in sorted(folders, key=lambda folder: folder.name != DEFAULT_BUNDLED)}


def locate_model(source: str | Path | None, revision: str | None = None) -> tuple[Path, str]:
    """The local folder of a model and its name in words: a folder, a ZIP file of one, a bundled model by name, or a Hub
    repository (downloaded).

    None is the default bundled model; of a folder and a bundled model of one name, the folder is meant. Raises ValueError
    where it cannot be had; a HubError among them where the Hub is the reason.
    """
    bundled = bundled_models()
    if source is None:
        source = BUNDLED_WEIGHTS / DEFAULT_BUNDLED
    elif source in bundled and revision is None and not Path(source).is_dir():
        source = bundled[source]
    if Path(source).is_dir():
        folder = Path(source).resolve()
        return Path(source), f"{folder.name} (bundled)" if folder.parent == BUNDLED_WEIGHTS.resolve() else folder.name
    if Path(source).suffix.lower() == ".zip" and Path(source).is_file():
        return _unpack(Path(source)), Path(source).name
    if not isinstance(source, str) or source.count("/") != 1 or LOCAL_ALONE.match(source):
        raise ValueError(
            f"model {shorten(str(source))} is not a folder, ZIP or ONNX file here, not a Hub repository USER/NAME "
            f"and not a bundled model: {', '.join(bundled)}{_and_similar(_similar_folders(Path(source)))}"
            f"{did_you_mean(str(source), bundled)}"
        )
    similar = [] if revision else _similar_folders(Path(source))
    if any(folder.parent == Path(source).parent for folder in similar):
        raise ValueError(
            f"model {shorten(source)} is not a folder here{_and_similar(similar)}; if it is meant to be a Hub repository, "
            f"write {source}@main"
        )
    from siamese.hub.errors import HubError  # these bring the library of the Hub
    from siamese.hub.fetch import fetch_model

    try:
        folder, _ = fetch_model(source, revision)
    except HubError as error:
        if revision:
            raise
        raise type(error)(f"{error}; nor is it a folder here{_and_similar(similar)}") from error
    return folder, f"{source}@{revision}" if revision else source


def _similar_folders(source: Path) -> list[Path]:
    """Folders here that may be meant by `source`, which is none: those with a name like its own, first where it says they
    are, and there all models too, then in folders with names like that.
    """
    place = source.parent
    near = [place.with_name(name) for name in _close(place.name, place.parent)]
    found = [folder / name for folder in [place, *near] for name in _close(source.name, folder)]
    return list(dict.fromkeys([*found, *sorted(path.parent for path in place.glob(f"*/{CONFIG_FILE}"))]))


def _close(name: str, folder: Path) -> list[str]:
    """The folders in `folder` with a name like `name`, the most alike first."""
    names = [path.name for path in folder.glob("*/") if not path.name.startswith(".")]
    return difflib.get_close_matches(name, names) if name else []


def _and_similar(folders: list[Path]) -> str:
    if not folders:
        return ""
    more = ", ..." if len(folders) > SIMILAR else ""
    return f"; there is {', '.join(shorten(str(folder)) for folder in folders[:SIMILAR])}{more}"


def _unpack(archive: Path) -> Path:
    """A folder, until this process ends, of the model files at the top of a ZIP file, or in a folder at its top."""
    place = Path(tempfile.mkdtemp(prefix="siamese-model-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    try:
        unpack(archive, place / "model", ArchiveLimits(archive_bytes=MAX_ARCHIVE_BYTES), _choose_model_files)
    except (ValueError, OSError) as error:
        raise ValueError(f"{archive.name!r} cannot be read as a ZIP file of a model: {error}") from error
    return place / "model"


def _choose_model_files(entries: list[zipfile.ZipInfo], _: ArchiveLimits) -> tuple[Chosen, tuple[str, ...]]:
    """The first of each of the files LOADED, without its folder; the rest is passed over. For `unpack`."""
    chosen = {}
    for info in entries:
        name = info.filename.rpartition("/")[2]
        if name not in LOADED or info.filename.count("/") > 1 or name in chosen:
            continue
        if info.file_size > LOADED[name]:
            raise ValueError(f"{name} has {info.file_size:,} bytes, allowed: at most {LOADED[name]:,}")
        chosen[name] = info
    return [(info, PurePosixPath(name)) for name, info in chosen.items()], ()


def split_revision(source: str | None) -> tuple[str | None, str | None]:
    """A source user/name@revision -> (user/name, revision); a folder, or a source without "@", has None for revision."""
    if source is None or "@" not in source or Path(source).is_dir():
        return source or None, None
    name, _, revision = source.partition("@")
    return name, revision
