"""What a complete model folder holds, where some images disagree with their class."""

from pathlib import Path

from siamese.model_folder.model_card import DOUBTFUL_PICTURE, PLOTS

FILES = {"model.safetensors", "config.json", "reference.safetensors", "README.md", "metrics.jsonl", *PLOTS, DOUBTFUL_PICTURE}


def names(folder: Path) -> set[str]:
    """Of all that is in a folder."""
    return {path.name for path in folder.iterdir()}
