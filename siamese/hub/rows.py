"""The rows of a dataset of the Hub, which the library `datasets` reads, become image files and a list of them.

They come as a stream, a few at a time, and each picture goes to the disk as it is.
"""

import contextlib
import csv
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from huggingface_hub import get_token
from tqdm import tqdm

from siamese.config import shorten
from siamese.data.class_lists import LABEL_COLUMNS
from siamese.data.own_images import PAIRS_FILE, HubChoices
from siamese.data.pairs import COLUMNS
from siamese.hub.errors import HubError
from siamese.hub.number_rows import holds_numbers, write_numbers
from siamese.images.formats import SUFFIXES

TABLES = (".parquet", ".arrow", ".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".tar", ".lance", ".h5", ".hdf5")
ARCHIVES = (".zip", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar")
NEEDS_LIBRARY = (
    "reads datasets of the Hub that are no image files with the library datasets: pip install datasets, which is the extra "
    "siamese[datasets] of this project"
)
PAIR_COLUMNS = ("is_same", "same", "match", "is_match", "matching", "label", "target")
ROWS_AT_ONCE = 64  # that are in memory
LONGEST_NAME = 60  # characters of a name of a file or folder
BEGINNINGS = (
    (b"\xff\xd8\xff", ".jpg"), (b"\x89PNG", ".png"), (b"GIF8", ".gif"), (b"BM", ".bmp"), (b"RIFF", ".webp"),
    (b"II*\0", ".tif"), (b"MM\0*", ".tif"),
)  # fmt: skip


class Columns(NamedTuple):
    """Which columns are meant."""

    images: tuple[str, ...]  # one, or the two of a pair
    label: str
    names: list[str] | None  # of the classes, where they are numbers in the rows


def write_rows(repo_id: str, commit: str, choices: HubChoices, folder: Path) -> None:
    """Write the images of a dataset and their classes into `folder`: files and labels.csv, or pairs.csv.

    Where it holds no images, or a column says of which series a row is, its numbers: see siamese.hub.number_rows.
    Raises ValueError where it is not clear what is meant, HubError without the library, and what that raises.
    """
    builder = _builder(repo_id, commit, choices)
    parts = builder.as_streaming_dataset()
    if choices.split is not None and choices.split not in parts:
        raise ValueError(f"{repo_id} has no part {shorten(choices.split)} (--dataset-split), allowed: {', '.join(parts)}")
    parts = {name: rows for name, rows in parts.items() if choices.split in (None, name)}
    features = features_of(builder, next(iter(parts.values())))
    has_images = choices.image_column or any(map(_is_image, features.values()))
    if (choices.series_column or not has_images) and holds_numbers(features, are_texts=_is_csv(builder)):
        write_numbers(repo_id, parts, features, choices, folder)
        return
    columns = choose_columns(repo_id, features, choices)
    are_pairs = len(columns.images) == 2
    header = COLUMNS if are_pairs else ("file", "label", "split")
    with (folder / (PAIRS_FILE if are_pairs else "labels.csv")).open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(header)
        for part, rows in parts.items():
            for number, row in enumerate(_plain(rows, columns, f"reading {part}")):
                label = _label(row[columns.label], columns.names)
                place = folder / safe_name(part)
                if not are_pairs:
                    place = place / (safe_name(label) or "no class")
                names = [_write_image(row[image], place, number, folder) for image in columns.images]
                table.writerow([*names, label] if are_pairs else [*names, label, part])


def _builder(repo_id: str, commit: str, choices: HubChoices):
    try:
        import datasets
    except ImportError as error:
        raise HubError(NEEDS_LIBRARY) from error
    datasets.disable_progress_bars()
    token = get_token()
    configs = datasets.get_dataset_config_names(repo_id, revision=commit, token=token)
    if choices.config is None and len(configs) > 1:
        raise ValueError(f"{repo_id} has several configurations; name one with --dataset-config: {', '.join(configs)}")
    if choices.config is not None and choices.config not in configs:
        raise ValueError(f"{repo_id} has no configuration {shorten(choices.config)}, allowed: {', '.join(configs)}")
    builder = datasets.load_dataset_builder(repo_id, choices.config, revision=commit, token=token)
    if hasattr(builder.config, "batch_size"):
        builder.config.batch_size = ROWS_AT_ONCE
    return builder


def _is_csv(builder) -> bool:
    return hasattr(builder.config, "keep_default_na")


def features_of(builder, rows) -> dict:
    """The columns of a stream of rows and what they hold. Of CSV that is text, whatever a part of it may look like."""
    import datasets

    if rows.features:
        return rows.features
    first = next(rows.with_format("arrow").iter(1), None)
    if first is None:
        return {}
    if not _is_csv(builder):
        return datasets.Features.from_arrow_schema(first.schema)
    features = datasets.Features({name: datasets.Value("string") for name in first.column_names})
    builder.config.features, builder.config.keep_default_na = features, False  # for the parts, which are read later
    return features


def choose_columns(repo_id: str, features: dict, choices: HubChoices) -> Columns:
    """The columns of images and of the class, or of pairs and whether they are the same.

    Raises ValueError where there are none or several, with the option that names one.
    """
    names = ", ".join(features)
    for option, given in (("--image-column", choices.image_column), ("--label-column", choices.label_column)):
        if given is not None and given not in features:
            raise ValueError(f"{repo_id} has no column {shorten(given)} ({option}), allowed: {names}")
    images = [name for name, feature in features.items() if _is_image(feature)]
    if choices.image_column is not None:
        if choices.image_column not in images:
            raise ValueError(f"column {choices.image_column} of {repo_id} holds no images, allowed: {', '.join(images)}")
        images = [choices.image_column]
    if not images:
        raise ValueError(f"{repo_id} has no column of images, nor of numbers, only: {names}")
    if len(images) > 2:
        raise ValueError(f"{repo_id} has several columns of images; name one with --image-column: {', '.join(images)}")
    others = {name: feature for name, feature in features.items() if name not in images and _is_label(feature)}
    label = choices.label_column or _choose_label(repo_id, others, len(images) == 2, names)
    if label not in others:
        raise ValueError(f"column {label} of {repo_id} names no classes, allowed: {', '.join(others)}")
    return Columns(tuple(images), label, getattr(others[label], "names", None))


def _choose_label(repo_id: str, others: dict, are_pairs: bool, names: str) -> str:
    usual = PAIR_COLUMNS if are_pairs else LABEL_COLUMNS
    classes = [name for name, feature in others.items() if hasattr(feature, "names")]
    if are_pairs:
        classes += [name for name, feature in others.items() if getattr(feature, "dtype", "") == "bool"]
    found = classes or [name for name in others if name.lower() in usual] or list(others)
    if len(found) == 1:
        return found[0]
    what = "says whether two images are the same" if are_pairs else "names the class of an image"
    if not found:
        raise ValueError(f"{repo_id} has no column that {what}, only: {names}")
    raise ValueError(f"{repo_id} has several columns of which each may be the one that {what}; name it with --label-column: "
                     f"{', '.join(found)}")  # fmt: skip


def _is_image(feature: object) -> bool:
    if type(feature).__name__ == "Image":
        return True
    return isinstance(feature, dict) and set(feature) == {"bytes", "path"}  # written without the library's own metadata


def _is_label(feature: object) -> bool:
    dtype = getattr(feature, "dtype", "")
    return hasattr(feature, "names") or bool(re.fullmatch(r"(large_)?string|bool|u?int\d+", str(dtype)))


def _plain(rows, columns: Columns, title: str) -> Iterator[dict]:
    """The rows, images as their files are."""
    import datasets

    rows = rows.select_columns([*columns.images, columns.label])
    for name in columns.images:
        if type(rows.features[name]).__name__ == "Image":
            rows = rows.cast_column(name, datasets.Image(decode=False))
    return iter(tqdm(rows, title, leave=False, unit=" rows", disable=None))


def _label(value: object, names: list[str] | None) -> str:
    """The name of a class; "" where a row has none, as -1 or nothing says."""
    if value is None:
        return ""
    if names is not None and not isinstance(value, str):
        return names[value] if 0 <= value < len(names) else ""
    return str(value)


def safe_name(text: str) -> str:
    """A name that a file or folder may have anywhere, which tells of `text`."""
    return re.sub(r"[^\w .()+-]", "_", text)[:LONGEST_NAME].strip(". ")


def _write_image(image: dict | None, place: Path, number: int, folder: Path) -> str:
    """Write the file of a row below `place`: its name below `folder`."""
    content, path = _content(image)
    original = PurePosixPath(path or "").name
    suffix = PurePosixPath(original).suffix.lower()
    if suffix not in SUFFIXES:
        suffix = next((suffix for start, suffix in BEGINNINGS if content.startswith(start)), ".png")
    stem = safe_name(PurePosixPath(original).stem)
    place.mkdir(parents=True, exist_ok=True)
    rows = [f"row {number:07}{suffix}", f"row {number:07} other{suffix}"]  # of a pair there are two
    for name in [f"{stem}{suffix}", *rows] if stem else rows:
        with contextlib.suppress(FileExistsError), (place / name).open("xb") as file:
            file.write(content)
            return (place / name).relative_to(folder).as_posix()
    raise ValueError(f"row {number:,} would be written twice")


def _content(image: dict | None) -> tuple[bytes, str | None]:
    """The bytes of the file, empty where there are none, and its name."""
    if image is None:
        return b"", None
    if image["bytes"] is not None:
        return image["bytes"], image["path"]
    if not image["path"]:
        return b"", None
    from datasets.utils.file_utils import xopen

    with xopen(image["path"], "rb") as file:
        return file.read(), image["path"]
