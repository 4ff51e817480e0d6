"""Files of labelled pairs of digits."""

import csv
from pathlib import Path

from PIL import Image


def write_images(folder: Path, digits) -> Path:
    """Ten images of each digit, as LABEL-NUMBER.png."""
    folder.mkdir()
    for label in range(10):
        for number, image in enumerate(digits[0][digits[1] == label][:10]):
            Image.fromarray(image).save(folder / f"{label}-{number}.png")
    return folder


def write_csv(path: Path, rows: list[tuple], header: str = "image_a,image_b,is_same") -> Path:
    with path.open("w", newline="", encoding="utf-8") as text:
        text.write(header + "\n")
        csv.writer(text).writerows(rows)
    return path
