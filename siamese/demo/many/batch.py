"""Distances between all of many images at once."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from siamese.data.datasets.mnist import load_sample_digits
from siamese.distances import paired_distance
from siamese.verifier import Image as AnyImage
from siamese.verifier import Verifier

SAMPLED = (0, 3, 4, 7)  # digits
MAX_IMAGES = 32  # of one request: a second of work on a small machine, and a matrix that can still be read


@dataclass(frozen=True)
class Batch:
    """What a model makes of N images."""

    seen: np.ndarray  # uint8 (N, H, W) or (N, H, W, 3): what the network sees
    embeddings: np.ndarray  # float32 (N, D)
    is_familiar: tuple[bool | None, ...] = ()  # (N,), see siamese.verifier.Look
    remarks: tuple[str, ...] = ()  # (N,), likewise

    def distances(self) -> np.ndarray:
        """All distances, float32 (N, N): symmetric, 0 on the diagonal, as `Verifier.verify` gives them but for rounding."""
        rows = torch.from_numpy(self.embeddings)
        return paired_distance(rows[:, None], rows[None]).numpy()

    def groups(self, threshold: float) -> np.ndarray:
        """The number of the group of each image, int64 (N,), see siamese.evaluation.grouping."""
        from siamese.evaluation.grouping import groups  # takes a while, for which the page need not wait

        return groups(self.embeddings, threshold)


def sample_files() -> list[tuple[str, bytes]]:
    """Names and PNG files of digits to begin with: three each of four."""
    images, labels = load_sample_digits()
    places = np.flatnonzero(np.isin(labels, SAMPLED))
    firsts = [place for place in places if np.count_nonzero(labels[:place] == labels[place]) < 3]
    return [(f"{labels[place]}-{place}.png", png(images[place])) for place in firsts]


def png(image: np.ndarray) -> bytes:
    """An image, uint8 (H, W), as a file."""
    Image.fromarray(image).save(file := io.BytesIO(), "PNG")
    return file.getvalue()


def look_at_all(verifier: Verifier, images: Sequence[AnyImage], names: Sequence[str]) -> tuple[Batch, dict[int, str]]:
    """The images that can be used, and for the places of the others why not.

    Raises ValueError for more than MAX_IMAGES. `names` stand in the reasons.
    """
    if len(images) > MAX_IMAGES:
        raise ValueError(f"there are {len(images)} images, allowed: at most {MAX_IMAGES} at once")
    seen, remarks, problems = [], [], {}
    for place, (image, name) in enumerate(zip(images, names, strict=True)):
        try:
            canonical, remark = verifier.read(image)
        except ValueError as error:
            problems[place] = str(error) if name in str(error) else f"{name}: {error}"
            continue
        seen.append(canonical)
        remarks.append(remark)
    size, dim = verifier.config.encoder.image_size, verifier.config.encoder.embedding_dim
    if not seen:
        return Batch(np.empty((0, size, size), np.uint8), np.empty((0, dim), np.float32)), problems
    stacked = np.stack(seen)
    looks = verifier.look_at_canonical(stacked)
    embeddings, known = np.stack([look.embedding for look in looks]), tuple(look.is_familiar for look in looks)
    return Batch(stacked, embeddings, known, tuple(remarks)), problems
