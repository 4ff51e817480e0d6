"""Recognition from one look: enrol an example or a few of each class, then ask which class a new image is of.

Nothing is trained: the nearest enrolled example decides, and where none is within the threshold, none does. With
`prototypes`, the mean of a class's examples has a say as well, which errs less where classes have several examples.
"""

import dataclasses
import hashlib
import importlib.util
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from siamese.config import one_line, parse_json, shorten
from siamese.distances import paired_distance
from siamese.evaluation.calibration import probability_same
from siamese.model_folder.files import write_file
from siamese.near_index import NearIndex
from siamese.suggestions import did_you_mean
from siamese.verifier import Image, Verifier

FORMAT = "siamese-gallery-1"
MAX_GALLERY_BYTES = 4_000_000_000
MAX_NAME_LENGTH = 200
INDEX_FROM = 200_000  # examples; fewer are searched exactly, in milliseconds
WORTH_AN_INDEX = 5000  # queries: for fewer it is not made unasked, since making it takes long too


@dataclass(frozen=True)
class Match:
    """A class, by its example nearest to the query."""

    name: str
    distance: float  # Euclidean, between the embeddings, >= 0
    probability_same: float  # 0..1, that the query and this example show the same


@dataclass(frozen=True)
class Identification:
    """The answer for one query."""

    name: str | None  # of the nearest class, None where even that is farther than the threshold
    matches: tuple[Match, ...]  # the nearest classes, each once, nearest first; with `prototypes`, see `identify`
    threshold: float  # the largest distance at which a class is recognised
    is_familiar: bool | None = None  # the query, see `Verdict`; where not, the answer may mean little
    remark: str = ""  # on the query, see `Look`


class Gallery:
    """Named classes with enrolled examples, searched exactly: one matrix product over all embeddings.

    That is milliseconds for 100,000 examples. From INDEX_FROM, and where many are asked, `make_index` makes it faster and
    approximate: distances stay exact, but near examples are missed. Among a million it found 87% of the nearest, and 79% of
    the nearest ten (tests/benchmarks/README.md).
    """

    def __init__(self, verifier: Verifier) -> None:
        self.verifier = verifier
        self._names: list[str] = []
        self._numbers: dict[str, int] = {}  # name -> its place in `_names`
        self._parts: list[Tensor] = []  # embeddings, joined into one when they are searched
        self._owners: list[Tensor] = []  # int64: for each embedding, the index of its name
        self._half_squares: Tensor | None = None  # |e|^2 / 2 of the joined embeddings
        self._index: NearIndex | None = None  # None: the search is exact
        self._prototypes: Tensor | None = None  # float32 (C, D): the mean embedding of each class

    def __len__(self) -> int:
        """How many examples are enrolled."""
        return sum(len(part) for part in self._parts)

    @property
    def names(self) -> list[str]:
        """The classes, in the order in which they were first enrolled."""
        return list(self._names)

    @property
    def embeddings(self) -> Tensor:
        """All enrolled embeddings, float32 (N, D)."""
        self._join()
        return self._parts[0]

    @property
    def labels(self) -> Tensor:
        """For each embedding the index of its class in `names`, int64 (N,)."""
        self._join()
        return self._owners[0]

    def enrol(self, name: str, images: Sequence[Image]) -> None:
        """Add examples of a class, a new or a known one. Raises ValueError like `Verifier.embed`, and then adds nothing."""
        if not len(images):
            raise ValueError(f"class {shorten(name)} has no images, allowed: at least one")
        self.enrol_embeddings(name, torch.from_numpy(self.verifier.embed(images)))

    def enrol_embeddings(self, name: str, embeddings: Tensor | np.ndarray) -> None:
        """Add examples by their embeddings, float32 (K, D) from `Verifier.embed`. Raises ValueError for any other shape."""
        embeddings = torch.as_tensor(embeddings)
        count = len(embeddings) if embeddings.ndim else 1
        if not count:
            raise ValueError(f"class {shorten(name)} has no embeddings, allowed: at least one")
        self.enrol_all([name] * count, embeddings)

    def enrol_all(self, names: Sequence[str], embeddings: Tensor | np.ndarray) -> None:
        """Add one example for each of the names, of classes new or known, by their embeddings, float32 (K, D) from
        `Verifier.embed`. Raises ValueError for other names or shapes, and then adds nothing.
        """
        embeddings = torch.as_tensor(embeddings)
        _check_names(names)
        self._check_embeddings(embeddings, len(names))
        for name in names:
            if name not in self._numbers:
                self._numbers[name] = len(self._names)
                self._names.append(name)
        self._parts.append(embeddings.float())
        self._owners.append(torch.tensor([self._numbers[name] for name in names], dtype=torch.int64))
        self._half_squares = self._index = self._prototypes = None

    def _check_embeddings(self, embeddings: Tensor, count: int) -> None:
        dim = self.verifier.config.encoder.embedding_dim
        if embeddings.shape != (count, dim) or not embeddings.isfinite().all():
            raise ValueError(
                f"embeddings have shape {tuple(embeddings.shape)}, allowed: ({count}, {dim}), of finite numbers"
            )

    def _name(self, names: list[str]) -> None:
        self._names, self._numbers = names, {name: number for number, name in enumerate(names)}

    def remove(self, name: str) -> None:
        """Forget a class with all its examples. Raises ValueError where there is no such class."""
        if name not in self._numbers:
            hint = did_you_mean(name, self._numbers)
            raise ValueError(f"there is no class {shorten(name)}, enrolled: {shorten(self.names[:100])}{hint}")
        index = self._numbers[name]
        is_kept = self.labels != index
        embeddings, labels = self.embeddings[is_kept], self.labels[is_kept]
        self._name(self._names[:index] + self._names[index + 1 :])
        self._parts, self._owners = [embeddings], [labels - (labels > index).long()]
        self._half_squares = self._index = self._prototypes = None

    def make_index(self) -> bool:
        """Search approximately from here on, until something is enrolled or removed; whether that is so.

        Below INDEX_FROM examples the search stays exact. Raises ValueError without the library usearch (siamese[index]).
        """
        if self._index is None and len(self) >= INDEX_FROM:
            self._index = NearIndex.of(self.embeddings.numpy())
        return self._index is not None

    def make_index_for(self, queries: int) -> bool:
        """As `make_index`, where so many queries are worth the time that it takes, and the library is there."""
        return queries >= WORTH_AN_INDEX and importlib.util.find_spec("usearch") is not None and self.make_index()

    def identify(
        self, image: Image, threshold: float | None = None, top: int = 5, prototypes: bool = False
    ) -> Identification:
        """The `top` nearest classes. `threshold` (above 0) replaces the model's own.

        With `prototypes`, classes are ranked by their nearest example and their mean together: by the sum of both distances,
        those within the threshold before the others. With one example a class that is the same; with several it errs less
        (tests/benchmarks/README.md). Means as prototypes: Snell et al. 2017. The distance that a match has is to the nearest
        example all the same, and the search is exact.
        Raises ValueError for an unusable image, an empty gallery, or numbers out of range.
        """
        look = self.verifier.look(image)
        found = self.identify_embedding(torch.from_numpy(look.embedding), threshold, top, prototypes)
        return dataclasses.replace(found, is_familiar=look.is_familiar, remark=look.remark)

    def identify_embedding(
        self, query: Tensor | np.ndarray, threshold: float | None = None, top: int = 5, prototypes: bool = False
    ) -> Identification:
        """As `identify`, for an embedding (D,), which tells nothing of the picture."""
        calibration = self.verifier.config.calibration
        threshold = calibration.threshold if threshold is None else float(threshold)
        if not 0 < threshold < float("inf"):
            raise ValueError(f"threshold is {threshold}, allowed: a distance above 0")
        if top < 1:
            raise ValueError(f"top is {top}, allowed: at least 1")
        if not len(self):
            raise ValueError("the gallery is empty: enrol at least one example")
        query, classes = torch.as_tensor(query), min(top, len(self._names))
        if prototypes:
            owners, distances = self._fitting(query, classes, threshold)
        else:
            examples, distances = self._nearest(query, classes)
            owners = self.labels[examples]
        probabilities = probability_same(distances.numpy(), calibration, threshold).tolist()
        matches = tuple(
            Match(self._names[owner], distance, probability)
            for owner, distance, probability in zip(owners.tolist(), distances.tolist(), probabilities, strict=True)
        )
        name = matches[0].name if matches[0].distance <= threshold else None
        return Identification(name, matches, threshold)

    def _nearest(self, query: Tensor, classes: int) -> tuple[Tensor, Tensor]:
        """The nearest example of each of the nearest classes: their indices and distances, nearest first."""
        embeddings, labels = self.embeddings, self.labels
        if self._index is None and self._half_squares is None:
            self._half_squares = embeddings.square().sum(dim=1) / 2
        if self._index is None:
            # (N,): a.b - |b|^2 / 2 falls with distance
            closeness = torch.addmv(self._half_squares, embeddings, query, beta=-1)
        wanted = min(4 * classes, len(embeddings))
        while True:
            if self._index is None:
                candidates = _indices_of_largest(closeness, wanted)
            else:
                candidates = torch.from_numpy(self._index.nearest(query.numpy(), wanted))
            distances, order = paired_distance(embeddings[candidates], query).sort(stable=True)  # the product rounds
            candidates = candidates[order]
            owners, firsts = labels[candidates].tolist(), {}
            for place, owner in enumerate(owners):
                firsts.setdefault(owner, place)
            if len(firsts) >= classes or wanted == len(embeddings):
                places = torch.tensor(list(firsts.values())[:classes])
                return candidates[places], distances[places]
            wanted = min(4 * wanted, len(embeddings))

    def _fitting(self, query: Tensor, classes: int, threshold: float) -> tuple[Tensor, Tensor]:
        """The classes that fit best, best first, and the distances to their nearest examples, as `identify` ranks them."""
        embeddings, labels, count = self.embeddings, self.labels, len(self._names)
        if self._prototypes is None:
            sums = torch.zeros(count, embeddings.shape[1]).index_add_(0, labels, embeddings)
            self._prototypes = sums / torch.bincount(labels, minlength=count)[:, None]
        nearest = torch.full((count,), torch.inf)
        nearest = nearest.scatter_reduce(0, labels, paired_distance(embeddings, query), "amin")  # (C,)
        together = nearest + paired_distance(self._prototypes, query)
        order = torch.from_numpy(np.lexsort((together.numpy(), (nearest > threshold).numpy())))[:classes]
        return order, nearest[order]

    def save(self, path: str | Path) -> None:
        """Write the gallery as one safetensors file, by write-then-rename, and its index, if it has one, as PATH.index."""
        tensors = {"embeddings": self.embeddings.contiguous(), "labels": self.labels.contiguous()}
        about = {
            "format": FORMAT,
            "names": json.dumps(self._names),
            "model": self.verifier.network.fingerprint(),
        }
        if self._index is not None:
            write_file(_index_of(path), self._index.save)
            about["index"] = _digest(_index_of(path))
        write_file(Path(path), lambda temporary: save_file(tensors, temporary, metadata=about))

    @classmethod
    def load(cls, path: str | Path, verifier: Verifier, with_index: bool = False) -> "Gallery":
        """Read what `save` wrote. Raises ValueError for anything else, and for a gallery of another model.

        `with_index`: also its index, in the format of a library that trusts it: not for files of people you do not know.
        """
        path = Path(path)
        if not path.is_file() or path.stat().st_size > MAX_GALLERY_BYTES:
            raise ValueError(f"{str(path)!r} is not a gallery, allowed: a file of at most {MAX_GALLERY_BYTES:,} bytes")
        try:
            with safe_open(path, framework="pt") as file:
                about = file.metadata() or {}
                if about.get("format") != FORMAT or set(file.keys()) != {"embeddings", "labels"}:
                    raise ValueError("it is a safetensors file of another kind")
                names, embeddings, labels = (
                    parse_json(about["names"]),
                    file.get_tensor("embeddings"),
                    file.get_tensor("labels"),
                )
        except (SafetensorError, OSError, KeyError, ValueError) as error:
            raise ValueError(f"{str(path)!r} is not a gallery: {one_line(str(error))}") from error
        if about.get("model") != verifier.network.fingerprint():
            raise ValueError(f"{str(path)!r} was made with another model than {verifier.name}: enrol the images again")
        fits = (
            isinstance(names, list)
            and len(set(map(str, names))) == len(names)
            and embeddings.dtype == torch.float32
            and labels.dtype == torch.int64
            and labels.shape == embeddings.shape[:1]
            and (not len(labels) or (labels.min() >= 0 and labels.max() < len(names)))
            and len(labels.unique()) == len(names)
        )
        if not fits:
            raise ValueError(f"{str(path)!r} is a damaged gallery: its names, labels and embeddings do not fit together")
        gallery = cls(verifier)
        _check_names(names)
        gallery._check_embeddings(embeddings, len(labels))
        gallery._name(names)
        gallery._parts, gallery._owners = [embeddings], [labels]
        if with_index:
            if not _index_of(path).is_file() or about.get("index") != _digest(_index_of(path)):
                raise ValueError(f"{str(_index_of(path))!r} is not the index of {str(path)!r}: make_index and save it again")
            gallery._index = NearIndex.load(_index_of(path), embeddings.shape[1], len(embeddings))
        return gallery

    def _join(self) -> None:
        if len(self._parts) != 1:
            empty = torch.empty(0, self.verifier.config.encoder.embedding_dim)
            self._parts = [torch.cat([empty, *self._parts])]
            self._owners = [torch.cat([torch.empty(0, dtype=torch.int64), *self._owners])]


def _index_of(path: str | Path) -> Path:
    return Path(f"{path}.index")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()


def _check_names(names: Sequence[str]) -> None:
    for name in names:
        if not isinstance(name, str) or not name.strip() or len(name) > MAX_NAME_LENGTH:
            raise ValueError(f"the name of a class is {shorten(name)}, allowed: text of 1 to {MAX_NAME_LENGTH} characters")


def _indices_of_largest(values: Tensor, count: int, width: int = 128) -> Tensor:
    """As `values.topk(count).indices`, but faster: the largest values lie in the blocks with the largest maxima."""
    if len(values) <= count * width:
        return values.topk(count).indices
    whole = len(values) // width * width
    best = values[:whole].view(-1, width).amax(dim=1).topk(count).indices
    candidates = (best[:, None] * width + torch.arange(width)).flatten()
    candidates = torch.cat([candidates, torch.arange(whole, len(values))])
    return candidates[values[candidates].topk(count).indices]
