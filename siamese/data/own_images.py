"""Where images of one's own lie: a folder here, a file of pairs, or what was fetched of a dataset of the Hub."""

import dataclasses
import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path

from huggingface_hub import constants

from siamese.config import readable
from siamese.data.class_lists import BY_FOLDERS, Layout
from siamese.data.class_tree import find_classes

PAIRS_FILE = "pairs.csv"
COMPLETE, PUBLIC = ".complete", "public"  # a file that lies in what was fetched in whole, and what it says where all may
HUB_NAME = re.compile(r"(?P<repo_id>\w[\w.-]*/[\w.-]+)(@(?P<revision>\w[\w./-]*))?")
COMMIT = re.compile("[0-9a-f]{40}")


@dataclass(frozen=True)
class HubChoices:
    """What of a dataset of the Hub is meant; what is None is found out."""

    config: str | None = None
    image_column: str | None = None
    label_column: str | None = None
    split: str | None = None
    names: str | None = field(default=None, repr=False)  # see Layout; of files as they are here, whatever was fetched

    @property
    def key(self) -> str:
        """A short name for these choices, which tells them from others."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:12]


ANYTHING = HubChoices()


@dataclass(frozen=True)
class OwnImages:
    """Images that a training, a check or a measurement reads."""

    place: Path  # a folder, or a CSV file of pairs
    name: str  # in records: of a folder or file its own name, of a dataset of the Hub USER/NAME
    layout: Layout = BY_FOLDERS
    commit: str = ""  # of a dataset of the Hub

    @property
    def is_public(self) -> bool:
        """Whether they are a dataset of the Hub that everybody may read."""
        folder = self.place.parent if self.are_pairs else self.place
        return bool(self.commit) and (folder / COMPLETE).read_text() == PUBLIC

    @property
    def are_pairs(self) -> bool:
        """Whether they are labelled pairs."""
        return self.place.suffix.lower() == ".csv" and not self.place.is_dir()

    def files(self) -> list[Path]:
        """All files that are read. Raises ValueError where there are none."""
        from siamese.data.pairs import image_files  # brings torch, which what only looks for images does without

        if self.are_pairs:
            return [self.place, *image_files(self.place)]
        return [file for files in find_classes(self.place, self.layout).values() for file in files]


def hub_name(dataset: str) -> tuple[str, str | None] | None:
    """USER/NAME[@REVISION] -> the name of a dataset of the Hub and its revision; None for what cannot be one."""
    found = HUB_NAME.fullmatch(dataset)
    return found and (found["repo_id"], found["revision"])


def fetched_folder(repo_id: str, commit: str, choices: HubChoices | None = None) -> Path:
    """Where what is fetched of a commit lies: its files as they are, or, by `choices`, the pictures of its rows."""
    place = Path(constants.HF_ASSETS_CACHE) / "siamese" / repo_id.replace("/", "--") / commit
    return place / (f"rows-{choices.key}" if choices else "files")


def own_images(dataset: str, choices: HubChoices = ANYTHING) -> OwnImages | None:
    """A folder here, or what was fetched of USER/NAME@COMMIT; None where there is neither."""
    layout = Layout(choices.label_column, choices.image_column, choices.split, choices.names)
    if Path(dataset).is_dir():
        return OwnImages(Path(dataset), readable(Path(dataset).resolve().name), layout)
    repo_id, commit = hub_name(dataset) or ("", None)
    if not commit or not COMMIT.fullmatch(commit):
        return None
    files, rows = fetched_folder(repo_id, commit), fetched_folder(repo_id, commit, choices)
    everything = fetched_folder(repo_id, commit, dataclasses.replace(choices, split=None))
    if not choices.config and (files / COMPLETE).exists():
        return OwnImages(files, repo_id, layout, commit)
    if (rows / COMPLETE).exists():
        pairs = rows / PAIRS_FILE
        return OwnImages(pairs if pairs.exists() else rows, repo_id, Layout(names=choices.names), commit)
    if (everything / COMPLETE).exists() and not (everything / PAIRS_FILE).exists():
        return OwnImages(everything, repo_id, Layout(part=choices.split, names=choices.names), commit)
    return None
