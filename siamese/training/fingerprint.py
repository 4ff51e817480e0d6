"""What a training was begun with, to know it again when it goes on: the files of its images, and how they were split.

And whether a model that one starts from was trained on the same.
"""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from siamese.config import DataRecord, ModelFolderConfig, counted, one_line
from siamese.data.splits import Splits
from siamese.training.settings import TrainingSettings

DIGEST_BYTES = 16  # of a file
NAMED = 3  # files of each kind that are named
PATIENCE = 2  # s, after which a bar shows how far it is
AT_ONCE = 1 << 24  # bytes of images that are hashed at once: there may be more than the memory holds


@dataclass(frozen=True)
class Fingerprint:
    """Files of images by name, below the folder or the file of pairs, and their content; of a dataset by name, none."""

    files: dict[str, bytes]  # name -> size and digest of the content; nothing of a file that cannot be read
    split: str = ""  # a digest of the parts of the data, as they are trained and measured on; "": not known yet

    def plain(self) -> dict:
        """As values that torch saves and reads without running code, small however many files there are."""
        digests = np.frombuffer(b"".join(self.files.values()), np.uint8).copy()
        return {"names": "\0".join(self.files), "digests": torch.from_numpy(digests), "split": self.split}

    @classmethod
    def from_plain(cls, plain: dict) -> "Fingerprint":
        """What `plain` gave. Raises ValueError where that is not it."""
        names, digests = plain["names"].split("\0") if plain["names"] else [], plain["digests"].numpy().tobytes()
        width = len(digests) // len(names) if names else 0
        if width * len(names) != len(digests):
            raise ValueError(f"{len(names):,} files have {len(digests):,} bytes of digests")
        return cls({name: digests[width * i : width * (i + 1)] for i, name in enumerate(names)}, plain["split"])


def fingerprint_files(settings: TrainingSettings) -> Fingerprint:
    """The files of images of one's own, and their content. To read it takes a small part of the time of decoding it."""
    if (own := settings.own) is None:
        return Fingerprint({})
    files, place = own.files(), own.place if own.place.is_dir() else own.place.parent
    names = [Path(os.path.relpath(file, place)).as_posix() for file in files]
    with ThreadPoolExecutor() as pool:
        digests = tqdm(pool.map(_digest, files), "noting which files", len(files), leave=False, delay=PATIENCE, disable=None)
        return Fingerprint(dict(sorted(zip(names, digests, strict=True))))


def fingerprint_split(splits: Splits) -> str:
    """A digest of the images and labels of each part: whether the test is of the same images, and all else of others."""
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for part in filter(None, (splits.training, splits.validation, splits.test, splits.seen)):
        at_once = max(1, AT_ONCE // max(1, part.images[:1].nbytes))
        for start in range(0, len(part.images), at_once):
            digest.update(np.ascontiguousarray(part.images[start : start + at_once]))
        for name in ("labels", "ends", "is_same"):  # classes, or pairs
            if (values := getattr(part, name, None)) is not None:
                digest.update(np.ascontiguousarray(values))
        digest.update(str(part.images.shape).encode())
    return digest.hexdigest()


def check_files(before: Fingerprint | None, now: Fingerprint, what: str) -> None:
    """Raise ValueError, with what has changed, where the files of `what` are not those from `before`; None: not known."""
    if before is None or before.files == now.files:
        return
    both = [name for name in now.files if name in before.files]
    kinds = {
        "new": [name for name in now.files if name not in before.files],
        "gone": [name for name in before.files if name not in now.files],
        "different": [name for name in both if now.files[name] != before.files[name]],
    }
    changes = "; ".join(f"{counted(len(names), 'file')} {kind}{_some(names)}" for kind, names in kinds.items() if names)
    raise ValueError(
        f"{what!r} has changed since the training was interrupted: {changes}. Put it back as it was to continue, or start "
        "again with --overwrite"
    )


def check_split(before: Fingerprint | None, now: Fingerprint, what: str) -> None:
    """Raise ValueError where the data of `what`, whose files have not changed, are split or prepared in another way."""
    if before is None or before.split == now.split:
        return
    raise ValueError(
        f"{what!r} gives other images for training, validation or test than when the training was interrupted: other data "
        "of that name, or another version of this program or of Pillow. Continue with what it was begun with, or start "
        "again with --overwrite"
    )


def seen_before(initial: ModelFolderConfig, record: DataRecord, seed: int) -> tuple[str, ...]:
    """A remark where the model to start from may have been trained on images that are held out now."""
    before, now = ((each.split, each.validation_images, each.test_images) for each in (initial.data, record))
    if initial.data.dataset != record.dataset or (*before, initial.training.seed) == (*now, seed):
        return ()
    return (
        f"the model of --init was trained on {record.dataset} in another split, so it may know what validation and test "
        "hold out here, and look better than it is: the same --seed, --split and shares as it had keep them apart",
    )


def check_same_data(initial: ModelFolderConfig, record: DataRecord, seed: int) -> None:
    """Raise ValueError where a model that is only to be calibrated anew may have been trained on what is held out now."""
    if (initial.data, initial.training.seed) != (record, seed):
        raise ValueError(
            f"--epochs is 0, which calibrates the model of --init anew, and that was trained on {initial.data.dataset} with "
            f"{initial.data.training_images:,} training images and seed {initial.training.seed}, here is {record.dataset} "
            f"with {record.training_images:,} and seed {seed}: allowed are the same images, split as they were"
        )


def _digest(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            size = os.fstat(opened.fileno()).st_size
            content = hashlib.file_digest(opened, lambda: hashlib.blake2b(digest_size=DIGEST_BYTES)).digest()
    except OSError:
        return bytes(8 + DIGEST_BYTES)
    return size.to_bytes(8, "little") + content


def _some(names: Sequence[str]) -> str:
    more = ", ..." if len(names) > NAMED else ""
    return f" ({', '.join(one_line(name, 80) for name in names[:NAMED])}{more})"
