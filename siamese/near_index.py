"""An approximate search among very many embeddings: HNSW (Malkov and Yashunin 2016) of the library usearch, an extra."""

from pathlib import Path

import numpy as np

LINKS, BREADTH_OF_BUILDING = 16, 128  # of each embedding to others, and of the search that finds them: usearch's own values
BREADTH = 128  # of a search; what share of the nearest it finds measures tests/benchmarks/gallery.py
ROWS_AT_ONCE = 100_000


class NearIndex:
    """An index of embeddings (N, D), by their places."""

    def __init__(self, dim: int) -> None:
        """Raises ValueError without the library."""
        try:
            from usearch.index import Index
        except ImportError as error:
            raise ValueError(
                "an index of embeddings needs the library usearch: pip install usearch, which is the extra siamese[index] "
                "of this project; without it the search is exact, and slower"
            ) from error
        self._index = Index(
            ndim=dim, metric="l2sq", dtype="f16", connectivity=LINKS, expansion_add=BREADTH_OF_BUILDING,
            expansion_search=BREADTH,
        )  # fmt: skip

    @classmethod
    def of(cls, embeddings: np.ndarray) -> "NearIndex":
        """The index of embeddings, float32 (N, D), made by all processors."""
        index = cls(embeddings.shape[1])
        for start in range(0, len(embeddings), ROWS_AT_ONCE):
            part = embeddings[start : start + ROWS_AT_ONCE]
            index._index.add(np.arange(start, start + len(part)), part)
        return index

    def __len__(self) -> int:
        return len(self._index)

    def nearest(self, query: np.ndarray, count: int) -> np.ndarray:
        """The places of about the `count` embeddings nearest to a query (D,): int64 (M,), M at most `count`."""
        self._index.expansion_search = max(BREADTH, count)
        return self._index.search(query, count).keys.astype(np.int64)

    def save(self, path: Path) -> None:
        """Write it to a file."""
        self._index.save(str(path))

    @classmethod
    def load(cls, path: Path, dim: int, count: int) -> "NearIndex":
        """Read what `save` wrote of `count` embeddings (D,). Raises ValueError for anything else.

        The file is read by usearch, which trusts it: load none that somebody else may have changed.
        """
        index = cls(dim)
        try:
            index._index.load(str(path))
        except Exception as error:  # of whatever kind its C++ raises
            raise ValueError(f"{str(path)!r} is not an index of embeddings: {error}") from error
        if len(index) != count or index._index.ndim != dim:
            raise ValueError(
                f"{str(path)!r} is the index of {len(index):,} embeddings, allowed: of the {count:,} of its gallery"
            )
        return index
