"""What a complete model folder holds."""

from pathlib import Path

from siamese.model_folder.model_card import PLOTS

FILES = {"model.safetensors", "config.json", "reference.safetensors", "README.md", "metrics.jsonl", *PLOTS}


def names(folder: Path) -> set[str]:
    """Of all that is in a folder."""
    return {path.name for path in folder.iterdir()}
