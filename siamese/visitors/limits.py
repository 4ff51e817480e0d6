"""What the operator of a demo lets its visitors train: from environment variables, and in a sentence for the page."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

from siamese.data.archives import ArchiveLimits

SWITCH = "SIAMESE_TRAIN"
MEGABYTE = 1_000_000
UNPACKED = 4  # times the megabytes of an upload that it may unpack to: photographs hardly shrink, drawings do


def _limit(default: int, low: int, high: int) -> int:
    return field(default=default, metadata={"low": low, "high": high})


@dataclass(frozen=True)
class TrainingLimits:
    """The most that one visitor may ask for; each is also the environment variable SIAMESE_TRAIN_ and its name."""

    seconds: int = _limit(300, 5, 86_400)  # of one training; then it ends with the best so far
    epochs: int = _limit(40, 1, 1000)
    images: int = _limit(2000, 20, 1_000_000)
    classes: int = _limit(200, 2, 100_000)
    megabytes: int = _limit(50, 1, 10_000)  # of a ZIP file, or of all files uploaded by hand
    waiting: int = _limit(8, 1, 1000)  # trainings under way or in the queue
    minutes: int = _limit(60, 1, 10_000)  # for which what a visitor has brought is kept, once it is no more used
    threads: int = _limit(2, 1, 256)  # of the processor

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "TrainingLimits | None":
        """The limits that are set there, the others by default; None where SIAMESE_TRAIN is off.

        Raises ValueError that names the variable, its value and what is allowed.
        """
        switch = environment.get(SWITCH, "").strip().casefold() or "on"
        if switch not in ("on", "off"):
            raise ValueError(f"{SWITCH} is {environment[SWITCH]!r}, allowed: on, off")
        values = {}
        for each in dataclasses.fields(cls):
            name = f"{SWITCH}_{each.name.upper()}"
            text = environment.get(name, "").strip()
            low, high = each.metadata["low"], each.metadata["high"]
            if text and not (text.isascii() and text.isdigit() and low <= int(text[:10]) <= high):
                raise ValueError(f"{name} is {text!r}, allowed: a whole number from {low} to {high}")
            if text:
                values[each.name] = int(text)
        return cls(**values) if switch == "on" else None

    @property
    def archive(self) -> ArchiveLimits:
        """What a ZIP file may hold."""
        size = self.megabytes * MEGABYTE
        return ArchiveLimits(size, UNPACKED * size, min(size, ArchiveLimits.file_bytes), 2 * self.images)

    def sentence(self) -> str:
        """All that a visitor should know before they start."""
        return (
            f"One training may take {duration(self.seconds)} and {self.epochs:,} epochs, on up to {self.images:,} images of "
            f"{self.classes:,} classes and {self.megabytes:,} MB; one runs at a time. Your images and your model are for "
            "you alone, and are deleted when you close or reload the page, at the latest after "
            f"{duration(60 * self.minutes)} without use."
        )


def duration(seconds: int) -> str:
    """A time in words: 90 -> "90 seconds", 300 -> "5 minutes"."""
    number, unit = (seconds // 60, "minute") if seconds % 60 == 0 else (seconds, "second")
    return f"{number:,} {unit}{'s' * (number != 1)}"
