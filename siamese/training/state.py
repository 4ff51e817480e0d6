"""How far a training has come: all that changes while it runs, and what continues it when it was interrupted."""

import dataclasses
import io
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from siamese.config import EpochRecord, one_line, shorten
from siamese.model_folder.files import RESUME_FILE, write_file
from siamese.training.fingerprint import Fingerprint
from siamese.training.settings import TrainingSettings, fill_in

ADVICE = "Start again with --overwrite instead of --resume, or choose another --output"


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
    data: Fingerprint | None = None  # what is trained on; None before it is read, and in states of older versions

    def take(self, record: EpochRecord, weights: dict[str, Tensor]) -> bool:
        """Note an epoch and, where none before was better, its weights; whether they are the best so far."""
        is_best = all(record.balanced_accuracy >= earlier.balanced_accuracy for earlier in self.history)
        self.history.append(record)
        if is_best:
            self.best_epoch = record.epoch
            self.best = {name: tensor.clone() for name, tensor in weights.items()}
        return is_best

    def save(self, **parts: torch.nn.Module | torch.optim.Optimizer) -> None:
        """Write what continues this training into its folder, by write-then-rename: plain values and tensors only.

        Raises WriteError; what was saved before is there then.
        """
        plain = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        plain |= {name: part.state_dict() for name, part in parts.items()}
        plain |= {"settings": self.settings.fixed(), "data_dir": self.settings.data_dir}
        plain["data"] = self.data and self.data.plain()
        plain["history"] = [dataclasses.asdict(record) for record in self.history]
        del plain["parts"]
        packed = io.BytesIO()  # on its own, torch says "unexpected pos" where the disk is full
        torch.save(plain, packed)
        write_file(self.settings.folder / RESUME_FILE, lambda temporary: temporary.write_bytes(packed.getbuffer()))

    @classmethod
    def load(
        cls,
        folder: Path,
        device: str,
        data_dir: str | None = None,
        fetch: Callable[[TrainingSettings], None] = lambda settings: None,
    ) -> "TrainingState":
        """What `save` wrote into `folder`, to go on there, on this device, with datasets in `data_dir` or where they were.

        `fetch` brings the images that the settings name where they may not be here.

        Raises ValueError where there is none or it cannot be read.
        """
        path = folder / RESUME_FILE
        if not os.path.isfile(path):  # Path.is_file raises for a name that is too long
            raise ValueError(f"{str(folder)!r} holds no interrupted training: there is no {RESUME_FILE}")
        try:
            plain = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # torch.load raises many types on a damaged file; all mean the same to the user
            why = _what_is_wrong(path)
            raise ValueError(f"{path} cannot be read, so that training cannot continue from it: {why}. {ADVICE}") from error
        try:
            return cls._from_plain(plain, folder, device, data_dir, fetch)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"{path} is not the state of a training by this version of the program, so that training cannot continue "
                f"from it: {_why(error)}. {ADVICE}"
            ) from error

    @classmethod
    def _from_plain(
        cls,
        plain: dict,
        folder: Path,
        device: str,
        data_dir: str | None,
        fetch: Callable[[TrainingSettings], None],
    ) -> "TrainingState":
        places = {"data_dir": data_dir or plain["data_dir"], "device": device, "output": folder}
        data = Fingerprint.from_plain(plain["data"]) if plain.get("data") else None
        settings = TrainingSettings(**plain["settings"], **places)
        for name, kinds in (("step", int), ("best_epoch", int), ("loss_sum", float), ("seconds", float), ("command", str)):
            if not isinstance(plain[name], kinds):
                raise TypeError(f"{name} is {shorten(str(plain[name]))}")
        fetch(settings)
        if data and data.files and not settings.is_own:
            raise ValueError(f"{settings.dataset!r}, on which the interrupted training was begun, is no folder any more")
        return cls(
            settings=fill_in(settings),
            command=plain["command"],
            step=plain["step"],
            loss_sum=plain["loss_sum"],
            seconds=plain["seconds"],
            history=[EpochRecord(**record) for record in plain["history"]],
            best_epoch=plain["best_epoch"],
            best=plain["best"],
            parts={name: plain[name] for name in ("network", "average", "loss", "optimizer")},
            data=data,
        )


def _what_is_wrong(path: Path) -> str:
    try:
        if not path.stat().st_size:
            return "it is empty, as a power cut may leave it"
        return "it holds something else" if zipfile.is_zipfile(path) else "it is cut off, or of another program"
    except OSError as error:
        return error.strerror or str(error)


def _why(error: Exception) -> str:
    text = one_line(str(error).partition("\n")[0]) or type(error).__name__
    return f"it has no {text}" if isinstance(error, KeyError) else text
