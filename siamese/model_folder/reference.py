"""What a model knows: embeddings of test images that travel with the weights, and when an image is unlike all of them.

An image whose nearest neighbour among the reference is farther than nearly all test images have theirs is unfamiliar. The
model still answers for it, but neither its accuracy nor its calibration was measured on anything like it.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from siamese.config import one_line
from siamese.distances import distance_matrix
from siamese.model_folder.weights import MAX_REFERENCE_BYTES, REFERENCE_FILE, fingerprint, write_file
from siamese.network import SiameseNetwork

FORMAT = "siamese-reference-1"
MOST_IMAGES = 1000  # 256 kB at 64 numbers each, and enough that nearly every test image has a neighbour
FALSE_WARNINGS = 0.01  # share of test images that would be called unfamiliar


@dataclass(frozen=True)
class Reference:
    """Embeddings of test images, none of which the weights were fitted to."""

    embeddings: Tensor  # float32 (N, D)
    labels: Tensor  # int64 (N,), classes; all 0 where there are none

    @cached_property
    def limit(self) -> float:
        """The largest distance to the nearest reference at which an image is familiar.

        All but FALSE_WARNINGS of the reference lie so near to their nearest neighbour among the others.
        """
        distances = distance_matrix(self.embeddings)
        distances.fill_diagonal_(float("inf"))
        return float(distances.amin(dim=1).quantile(1 - FALSE_WARNINGS))

    def is_familiar(self, embedding: np.ndarray) -> bool:
        """Whether an image, by its embedding (D,), is like those that the model was tested on."""
        return bool(distance_matrix(torch.from_numpy(embedding)[None], self.embeddings).min() <= self.limit)

    @cached_property
    def _plane(self) -> tuple[Tensor, Tensor]:
        middle = self.embeddings.mean(dim=0)
        return middle, torch.linalg.svd(self.embeddings - middle, full_matrices=False).Vh[:2].T  # (D,), (D, 2)

    def project(self, embeddings: np.ndarray | Tensor) -> np.ndarray:
        """Embeddings (N, D) on the plane in which the reference spreads most (PCA): float32 (N, 2)."""
        middle, axes = self._plane
        return ((torch.as_tensor(embeddings) - middle) @ axes).numpy()


def choose_reference(embeddings: Tensor, labels: np.ndarray | None, seed: int = 0) -> Reference:
    """At most MOST_IMAGES of the test images, by a seeded draw, from the embeddings (N, D) and classes (N,) of all."""
    drawn = np.random.default_rng(seed).permutation(len(embeddings))[:MOST_IMAGES]
    labels = np.zeros(len(embeddings), np.int64) if labels is None else labels
    return Reference(embeddings[drawn].float(), torch.from_numpy(labels[drawn]))


def save_reference(reference: Reference, network: SiameseNetwork, folder: Path) -> None:
    """Write the reference into the folder of the model that made its embeddings, by write-then-rename."""
    tensors = {"embeddings": reference.embeddings.contiguous(), "labels": reference.labels.contiguous()}
    about = {"format": FORMAT, "model": fingerprint(network)}
    write_file(folder / REFERENCE_FILE, lambda temporary: save_file(tensors, temporary, metadata=about))


def load_reference(folder: Path, network: SiameseNetwork) -> Reference | None:
    """The reference of a model folder; None where it has none, or one of other weights.

    Raises ValueError for a damaged one.
    """
    path = folder / REFERENCE_FILE
    if not path.is_file():
        return None
    if path.stat().st_size > MAX_REFERENCE_BYTES:
        raise ValueError(f"{path} has {path.stat().st_size:,} bytes, allowed: at most {MAX_REFERENCE_BYTES:,}")
    try:
        with safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
            if about.get("format") != FORMAT or set(file.keys()) != {"embeddings", "labels"}:
                raise ValueError("it is a safetensors file of another kind")
            embeddings, labels = file.get_tensor("embeddings"), file.get_tensor("labels")
    except (SafetensorError, OSError, ValueError) as error:
        raise ValueError(f"{path} is not a reference file: {one_line(str(error))}") from error
    fits = (
        embeddings.dtype == torch.float32
        and labels.dtype == torch.int64
        and embeddings.shape[1:] == (network.config.embedding_dim,)
        and 3 <= len(embeddings) <= MOST_IMAGES
        and labels.shape == embeddings.shape[:1]
        and embeddings.isfinite().all()
    )
    if not fits:
        raise ValueError(f"{path} is a damaged reference file: its embeddings and labels do not fit the model or each other")
    return Reference(embeddings, labels) if about.get("model") == fingerprint(network) else None
