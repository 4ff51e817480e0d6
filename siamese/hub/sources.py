"""Where a model comes from: a folder, the Hugging Face Hub, or the weights that come with the package."""

import atexit
import shutil
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from siamese.data.archives import ArchiveLimits, Chosen, unpack
from siamese.model_folder.weights import BUNDLED_WEIGHTS, CONFIG_FILE, DEFAULT_BUNDLED, LOADED

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
    if not isinstance(source, str) or source.count("/") != 1:
        raise ValueError(
            f"model {str(source)!r} is not a folder or ZIP file here, not a Hub repository USER/NAME "
            f"and not a bundled model: {', '.join(bundled)}"
        )
    from siamese.hub.fetch import fetch_model

    folder, _ = fetch_model(source, revision)
    return folder, f"{source}@{revision}" if revision else source


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
