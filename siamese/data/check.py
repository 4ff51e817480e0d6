"""A look through a folder of images before anything is trained on it: `siamese check`, and the check of the page."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from siamese.config import EncoderConfig, PreprocessConfig
from siamese.data.folders import FolderImages, choose_settings, folder_files, read_folder


@dataclass(frozen=True)
class FolderCheck:
    """What a training would find in a folder, and how it would see it."""

    mode: str  # of preprocessing: "ink" or "photo"
    size: int  # px, a side
    channels: int  # 1 grey, 3 colour
    found: FolderImages

    @property
    def sizes(self) -> dict[str, int]:
        """The number of usable images of each class."""
        return {name: int(size) for name, size in zip(self.found.names, np.bincount(self.found.labels), strict=True)}

    @property
    def seen(self) -> str:
        """How the network would see the images, in words: "photo, 64 x 64 px, colour"."""
        return f"{self.mode}, {self.size} x {self.size} px, {'colour' if self.channels == 3 else 'grey'}"


def check_folder(folder: str | Path, progress: bool = False) -> FolderCheck:
    """Read a folder of class folders as a training would; `progress` shows a bar on stderr.

    Raises ValueError where there is no such folder, no image in it that can be read, or no class of two.
    """
    mode, size, channels = choose_settings(folder_files(folder))
    encoder = EncoderConfig(image_size=size, channels=channels)
    return FolderCheck(mode, size, channels, read_folder(folder, PreprocessConfig(mode), encoder, progress))
