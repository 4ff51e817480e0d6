"""Same or different? Siamese networks for pairs of images."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from siamese.gallery import Gallery, Identification, Match
    from siamese.images.canonical import BlankImageError
    from siamese.verifier import Look, Verdict, Verifier

# Each name with the module that it comes from.
SOURCES = {
    "BlankImageError": "siamese.images.canonical",
    **dict.fromkeys(("Gallery", "Identification", "Match"), "siamese.gallery"),
    **dict.fromkeys(("Look", "Verdict", "Verifier"), "siamese.verifier"),
}
__all__ = ["BlankImageError", "Gallery", "Identification", "Look", "Match", "Verdict", "Verifier"]


def __getattr__(name: str) -> object:
    """What the package offers, once it is asked for: some of it brings torch, for which what does without need not wait."""
    if name not in SOURCES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(SOURCES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
