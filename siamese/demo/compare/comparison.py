"""Two images of which one or both may be missing or no good yet: what the demo says of a pair while it comes about."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from siamese.demo.compare.occlusion import distance_drivers
from siamese.demo.page_html import ORDINALS
from siamese.verifier import Image, Verdict, Verifier


@dataclass(frozen=True)
class Pair:
    """What a model sees of two images, each None where it is missing or unusable."""

    verifier: Verifier
    seen: tuple[np.ndarray | None, np.ndarray | None]  # uint8 (H, W) or (H, W, 3)
    embeddings: tuple[np.ndarray | None, np.ndarray | None]  # float32 (D,)
    message: str  # what is missing or wrong; empty where there is a verdict
    is_problem: bool  # whether something is wrong

    @property
    def is_familiar(self) -> list[bool]:
        """For each image whether it is like those that the model knows."""
        return [self.verifier.is_familiar(embedding) for embedding in self.embeddings]

    def verdict(self, threshold: float) -> Verdict | None:
        """The verdict, where there are two usable images."""
        return None if self.message else self.verifier.verify_embeddings(*self.embeddings, threshold)

    def drivers(self) -> tuple[np.ndarray, np.ndarray] | None:
        """See siamese.demo.compare.occlusion; None where there is no verdict."""
        return None if self.message else distance_drivers(self.verifier, *self.seen)


def look(verifier: Verifier, images: Sequence[Image | None]) -> Pair:
    """Look at two images, each preprocessed and embedded once."""
    seen, problems = [None, None], []
    for side, image in enumerate(images):
        if image is None:
            continue
        try:
            seen[side] = verifier.canonical(image)
        except ValueError as error:
            problems.append(f"{ORDINALS[side].capitalize()} image: {error}")
    # Each by itself, as Verifier.verify does.
    embeddings = [None if image is None else verifier.embed_canonical(image[None])[0] for image in seen]
    missing = [ordinal for ordinal, image in zip(ORDINALS, images, strict=True) if image is None]
    message = " ".join(problems)
    if missing and not problems:
        message = "Draw or upload two images." if len(missing) == 2 else f"Draw or upload a {missing[0]} image."
    return Pair(verifier, tuple(seen), tuple(embeddings), message, bool(problems))
