"""Same or different? Siamese networks for pairs of images."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from siamese.gallery import Gallery, Identification, Match
    from siamese.images.canonical import BlankImageError
    from siamese.verifier import Look, Verdict, Verifier

__all__ = ["BlankImageError", "Gallery", "Identification", "Look", "Match", "Verdict", "Verifier"]


def __getattr__(name: str) -> object:
    """What the package offers, once it is asked for: it brings torch, for which what only reads images need not wait."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from siamese import gallery, verifier
    from siamese.images import canonical as preprocess

    return next(getattr(module, name) for module in (gallery, preprocess, verifier) if hasattr(module, name))


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
