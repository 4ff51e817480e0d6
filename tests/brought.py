"""What visitors bring to train on, and how tests wait for what becomes of it."""

import os
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image


def write_classes(folder: Path, digits, classes: int = 3, images: int = 20) -> Path:
    """A folder of class folders, "class 0" and so on, of real digits."""
    for label in range(classes):
        (folder / f"class {label}").mkdir(parents=True)
        for number, index in enumerate(np.flatnonzero(digits[1] == label)[:images]):
            Image.fromarray(digits[0][index]).save(folder / f"class {label}" / f"{number}.png")
    return folder


def zipped(folder: Path, archive: Path) -> Path:
    """All files of a folder as a ZIP file."""
    with zipfile.ZipFile(archive, "w") as opened:
        for file in sorted(folder.rglob("*.*")):
            opened.write(file, file.relative_to(folder))
    return archive


def wait(condition: Callable[[], object], seconds: float = 240) -> None:
    """Until a condition holds; fails where it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def zip_of_digits(path: Path, digits, labels: range, images: int = 30) -> Path:
    """Class folders of digits, "sign 0" and so on."""
    with zipfile.ZipFile(path, "w") as opened:
        for label in labels:
            for index in np.flatnonzero(digits[1] == label)[:images]:
                Image.fromarray(digits[0][index]).save(path.with_suffix(".png"))
                opened.write(path.with_suffix(".png"), f"sign {label}/{index}.png")
    return path


def contents(place: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
