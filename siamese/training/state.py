"""What continues an interrupted training."""

from pathlib import Path

import torch

from siamese.model_folder.weights import RESUME_FILE, write_file


def save_resume_state(folder: Path, state: dict) -> None:
    """Keep what continues an interrupted training: tensors, numbers and text, by write-then-rename."""
    write_file(folder / RESUME_FILE, lambda temporary: torch.save(state, temporary))


def load_resume_state(folder: Path) -> dict:
    """What `save_resume_state` kept. Raises ValueError where there is none or it cannot be read."""
    path = folder / RESUME_FILE
    if not path.is_file():
        raise ValueError(f"{str(folder)!r} holds no interrupted training: there is no {RESUME_FILE}")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises many types on a damaged file; all mean the same to the user
        reason = str(error).splitlines()[0]
        raise ValueError(f"{path} cannot be read, so that training cannot continue from it: {reason}") from error
