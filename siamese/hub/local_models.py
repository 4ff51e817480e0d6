"""The models that are on this machine: bundled, in folders, and fetched from the Hub before."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import constants

from siamese.config import ModelFolderConfig, one_line
from siamese.hub.sources import bundled_models
from siamese.model_folder.files import CONFIG_FILE, MAX_CONFIG_BYTES, WEIGHTS_FILE

DEEPEST = 3  # folders below one that is asked for: runs/family/model


@dataclass(frozen=True)
class LocalModel:
    """A model folder on this machine."""

    name: str  # what --model takes
    kind: str  # "bundled", "folder" or "cached"
    folder: Path
    config: ModelFolderConfig | None  # None: it cannot be read
    problem: str = ""  # why not
    megabytes: float = 0.0  # of the weights


def local_models(folders: Sequence[Path]) -> list[LocalModel]:
    """The bundled models, those in `folders` at a depth of up to DEEPEST, and those in the cache of the Hub.

    Other files that are called config.json are passed over. Raises ValueError where one of the folders is none.
    """
    for folder in folders:
        if not folder.is_dir():
            raise ValueError(f"{str(folder)!r} is not a folder")
    found = [_read(name, "bundled", folder) for name, folder in bundled_models().items()]
    found += [_read(str(place), "folder", place) for folder in folders for place in _below(folder, DEEPEST)]
    found += [_read(name, "cached", place) for name, place in _cached()]
    return [model for model in found if model is not None]


def _below(folder: Path, depth: int) -> Iterator[Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    names = {entry.name for entry in entries}
    if {CONFIG_FILE, WEIGHTS_FILE} <= names:
        yield folder
    for entry in entries if depth else ():
        if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False):
            yield from _below(folder / entry.name, depth - 1)


def _cached() -> Iterator[tuple[str, Path]]:
    """Repositories of models in the cache of the Hub, with the commit where that is not what `main` is."""
    for repository in sorted(Path(constants.HF_HUB_CACHE).glob("models--*")):
        name = repository.name.removeprefix("models--").replace("--", "/")
        try:
            main = (repository / "refs" / constants.DEFAULT_REVISION).read_text()
        except (OSError, UnicodeDecodeError):
            main = ""
        for snapshot in sorted((repository / "snapshots").glob("*")):
            if (snapshot / CONFIG_FILE).is_file() and (snapshot / WEIGHTS_FILE).is_file():
                yield name if snapshot.name == main else f"{name}@{snapshot.name}", snapshot


def _read(name: str, kind: str, folder: Path) -> LocalModel | None:
    try:
        size = (folder / WEIGHTS_FILE).stat().st_size / 1e6
        if (folder / CONFIG_FILE).stat().st_size > MAX_CONFIG_BYTES:
            return None  # nothing of this project is so large
        text = (folder / CONFIG_FILE).read_text(encoding="utf-8")
        if "calibration" not in json.loads(text):  # of another library
            return None
        return LocalModel(name, kind, folder, ModelFolderConfig.from_json(text), megabytes=size)
    except (OSError, ValueError, TypeError) as error:
        return LocalModel(name, kind, folder, None, one_line(str(error)))
