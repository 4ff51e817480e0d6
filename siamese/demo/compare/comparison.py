"""Two images of which one or both may be missing or no good yet: what the demo says of them while they come about."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from siamese.demo.compare.occlusion import distance_drivers
from siamese.demo.compare.view import ORDINALS
from siamese.inputs import INPUTS, asking
from siamese.verifier import Image, Look, Verdict, Verifier

MOST_LINKED = 12_288  # numbers of an image in a link, as 64 x 64 px in colour: more makes addresses that nobody passes on


@dataclass(frozen=True)
class Comparison:
    """What a model sees of two images."""

    verifier: Verifier
    looks: tuple[Look | None, Look | None]  # None where the image is missing or unusable
    message: str  # what is missing or wrong; empty where there is a verdict
    is_problem: bool  # whether something is wrong

    @property
    def seen(self) -> list[np.ndarray | None]:
        """What the network sees of each image: uint8 (H, W) or (H, W, 3)."""
        return [look and look.seen for look in self.looks]

    @property
    def embeddings(self) -> list[np.ndarray | None]:
        """Of each image: float32 (D,)."""
        return [look and look.embedding for look in self.looks]

    @property
    def is_familiar(self) -> list[bool | None]:
        """For each image whether it is like those that the model knows; None where nobody can say."""
        return [look and look.is_familiar for look in self.looks]

    @property
    def remarks(self) -> list[str]:
        """On each image, see siamese.verifier.Look."""
        return [look.remark if look else "" for look in self.looks]

    @property
    def fits_a_link(self) -> bool:
        """Whether what is seen is small enough for a link, and gives the same verdict where it is taken for a picture."""
        if self.message or any(self.remarks) or any(image.size > MOST_LINKED for image in self.seen):
            return False
        return all(np.array_equal(self.verifier.canonical(image), image) for image in self.seen)

    def verdict(self, threshold: float) -> Verdict | None:
        """The verdict, where there are two usable images."""
        return None if self.message else self.verifier.verify_looks(*self.looks, threshold)

    def drivers(self) -> tuple[np.ndarray, np.ndarray] | None:
        """See siamese.demo.compare.occlusion; None where there is no verdict."""
        return None if self.message else distance_drivers(self.verifier, *self.seen)


def compare(verifier: Verifier, images: Sequence[Image | None]) -> Comparison:
    """Look at two images, each preprocessed and embedded once."""
    preprocess, looks, problems = verifier.config.preprocess, [None, None], []
    kind = INPUTS[preprocess.mode]
    ask = asking(kind.ways(preprocess))
    given = [side for side, image in enumerate(images) if image is not None]
    for side, look in zip(given, verifier.look_at_each([images[side] for side in given]), strict=True):
        if isinstance(look, Look):
            looks[side] = look
        elif isinstance(look, ValueError):
            problems.append(f"{ORDINALS[side].capitalize()} {kind.noun}: {look}")
        else:
            raise look
    missing = [ordinal for ordinal, image in zip(ORDINALS, images, strict=True) if image is None]
    message = " ".join(problems)
    if missing and not problems:
        message = f"{ask} two {kind.noun}s." if len(missing) == 2 else f"{ask} a {missing[0]} {kind.noun}."
    return Comparison(verifier, tuple(looks), message, bool(problems))
