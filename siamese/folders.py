"""Folders of images: a class is a folder that directly holds images, at any depth."""

import os
from pathlib import Path

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".pgm", ".ppm", ".pbm", ".pnm")


def find_classes(folder: str | Path) -> dict[str, list[Path]]:
    """Class name -> its image files, all sorted. The name is the path below `folder`, with "/"; "" for `folder` itself.

    Links to folders are not followed (they can run in circles), and what is hidden is left out. Raises ValueError where
    there is no such folder or no image in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{str(folder)!r} is no folder")
    classes = {}
    for place, below, files in os.walk(folder):
        below[:] = sorted(name for name in below if not name.startswith("."))
        images = sorted(name for name in files if name.lower().endswith(SUFFIXES) and not name.startswith("."))
        if images:
            name = Path(place).relative_to(folder).as_posix()
            classes["" if name == "." else name] = [Path(place) / image for image in images]
    if not classes:
        raise ValueError(f"there is no image in {str(folder)!r}; looked for {', '.join(SUFFIXES)}, at any depth")
    return dict(sorted(classes.items()))
