"""What a complete model folder holds, where some images disagree with their class."""

import re
from pathlib import Path

from siamese.model_folder.model_card import DOUBTFUL_PICTURE, PLOTS

FILES = {"model.safetensors", "config.json", "reference.safetensors", "README.md", "metrics.jsonl", *PLOTS, DOUBTFUL_PICTURE}


def names(folder: Path) -> set[str]:
    """Of all that is in a folder."""
    return {path.name for path in folder.iterdir()}


def linked_pictures(card: str) -> list[str]:
    """The files that a card shows."""
    return re.findall(r'<img src="([^"]+)" alt="[^"]+" width="\d+">', card)
