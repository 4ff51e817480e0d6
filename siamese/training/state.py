"""How far a training has come: all that changes while it runs, and what continues it when it was interrupted."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from siamese.config import EpochRecord
from siamese.model_folder.weights import RESUME_FILE, write_file
from siamese.training.settings import TrainingSettings, fill_in


@dataclass
class TrainingState:
    """A training between two of its steps."""

    settings: TrainingSettings  # with nothing left open
    command: str  # that started it
    step: int = 0  # steps made
    loss_sum: float = 0.0  # over the steps of the epoch under way
    seconds: float = 0.0  # wall-clock time spent in the epochs, validation included
    history: list[EpochRecord] = field(default_factory=list)  # of the epochs that have ended
    best_epoch: int = 0  # 1-based; 0 before the first has ended
    best: dict[str, Tensor] | None = None  # the averaged weights after that epoch
    # What `load` found of the network, its average, the loss and the optimiser, by these names: their state_dicts
    parts: dict[str, dict] = field(default_factory=dict)

    def take(self, record: EpochRecord, weights: dict[str, Tensor]) -> bool:
        """Note an epoch and, where none before was better, its weights; whether they are the best so far."""
        is_best = all(record.balanced_accuracy >= earlier.balanced_accuracy for earlier in self.history)
        self.history.append(record)
        if is_best:
            self.best_epoch = record.epoch
            self.best = {name: tensor.clone() for name, tensor in weights.items()}
        return is_best

    def save(self, **parts: torch.nn.Module | torch.optim.Optimizer) -> None:
        """Write what continues this training into its folder, by write-then-rename: plain values and tensors only."""
        plain = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        plain |= {name: part.state_dict() for name, part in parts.items()}
        plain |= {"settings": self.settings.fixed(), "data_dir": self.settings.data_dir}
        plain["history"] = [dataclasses.asdict(record) for record in self.history]
        del plain["parts"]
        write_file(self.settings.folder / RESUME_FILE, lambda temporary: torch.save(plain, temporary))

    @classmethod
    def load(cls, folder: Path, device: str, data_dir: str | None = None) -> "TrainingState":
        """What `save` wrote into `folder`, to go on there, on this device, with datasets in `data_dir` or where they were.

        Raises ValueError where there is none or it cannot be read.
        """
        path = folder / RESUME_FILE
        if not path.is_file():
            raise ValueError(f"{str(folder)!r} holds no interrupted training: there is no {RESUME_FILE}")
        try:
            plain = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # torch.load raises many types on a damaged file; all mean the same to the user
            reason = str(error).splitlines()[0]
            raise ValueError(f"{path} cannot be read, so that training cannot continue from it: {reason}") from error
        places = {"data_dir": data_dir or plain["data_dir"], "device": device, "output": folder}
        return cls(
            settings=fill_in(TrainingSettings(**plain["settings"], **places)),
            command=plain["command"],
            step=plain["step"],
            loss_sum=plain["loss_sum"],
            seconds=plain["seconds"],
            history=[EpochRecord(**record) for record in plain["history"]],
            best_epoch=plain["best_epoch"],
            best=plain["best"],
            parts={name: plain[name] for name in ("network", "average", "loss", "optimizer")},
        )
