"""Where images of one's own lie: a folder here, a file of pairs, or what was fetched of a dataset of the Hub."""

import dataclasses
import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path

from huggingface_hub import constants

from siamese.data.class_lists import BY_FOLDERS, Layout
from siamese.data.class_tree import find_classes
from siamese.strict import folder_name

PAIRS_FILE = "pairs.csv"
TABLE_FILE, LABEL_FILE = "table.parquet", ".label"  # rows of numbers, and the name of the column of their classes
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
    # Of what is here already, whatever was fetched: see Layout, and siamese.data.own_numbers.NumberChoices.
    names: str | None = field(default=None, repr=False)
    series_column: str | None = field(default=None, repr=False)
    time_column: str | None = field(default=None, repr=False)

    @property
    def key(self) -> str:
        """A short name for these choices, which tells them from others."""
        return hashlib.sha256(f"{self}{' of steps' * bool(self.series_column)}".encode()).hexdigest()[:12]


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
        return bool(self.commit) and is_public(self.place.parent if self.are_pairs else self.place)

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


def is_public(folder: Path) -> bool:
    """Whether everybody may read the dataset of the Hub that was fetched into a folder."""
    return (folder / COMPLETE).read_text() == PUBLIC


def hub_name(dataset: str) -> tuple[str, str | None] | None:
    """USER/NAME[@REVISION] -> the name of a dataset of the Hub and its revision; None for what cannot be one."""
    found = HUB_NAME.fullmatch(dataset)
    return found and (found["repo_id"], found["revision"])


def fetched_folder(repo_id: str, commit: str, choices: HubChoices | None = None) -> Path:
    """Where what is fetched of a commit lies: its files as they are, or, by `choices`, the pictures of its rows."""
    place = Path(constants.HF_ASSETS_CACHE) / "siamese" / repo_id.replace("/", "--") / commit
    return place / (f"rows-{choices.key}" if choices else "files")


@dataclass(frozen=True)
class Fetched:
    """What was fetched of a dataset of the Hub, and lies here."""

    place: Path  # a folder
    repo_id: str
    commit: str
    are_rows: bool = False  # whether this program wrote the files, of what stands in rows
    part: str | None = None  # take this part of it alone


def fetched_dataset(dataset: str, choices: HubChoices) -> Fetched | None:
    """What was fetched of USER/NAME@COMMIT; None where that is not here, or a folder is called so."""
    repo_id, commit = hub_name(dataset) or ("", None)
    if not commit or not COMMIT.fullmatch(commit) or Path(dataset).is_dir():
        return None
    of_rows = dataclasses.replace(choices, series_column=None)
    if (fetched_folder(repo_id, commit, of_rows) / TABLE_FILE).exists():  # the same table, whatever its rows are
        choices = of_rows
    files, rows = fetched_folder(repo_id, commit), fetched_folder(repo_id, commit, choices)
    everything = fetched_folder(repo_id, commit, dataclasses.replace(choices, split=None))
    if not choices.config and (files / COMPLETE).exists():
        return Fetched(files, repo_id, commit)
    if (rows / COMPLETE).exists():
        return Fetched(rows, repo_id, commit, are_rows=True)
    if (everything / COMPLETE).exists() and not (everything / PAIRS_FILE).exists():
        return Fetched(everything, repo_id, commit, are_rows=True, part=choices.split)
    return None


def own_images(dataset: str, choices: HubChoices = ANYTHING) -> OwnImages | None:
    """A folder here, or what was fetched of USER/NAME@COMMIT; None where there is neither."""
    layout = Layout(choices.label_column, choices.image_column, choices.split, choices.names)
    if Path(dataset).is_dir():
        return OwnImages(Path(dataset), folder_name(dataset), layout)
    if (found := fetched_dataset(dataset, choices)) is None:
        return None
    if not found.are_rows:
        return OwnImages(found.place, found.repo_id, layout, found.commit)
    pairs = found.place / PAIRS_FILE
    place = pairs if pairs.exists() else found.place
    return OwnImages(place, found.repo_id, Layout(part=found.part, names=choices.names), found.commit)
