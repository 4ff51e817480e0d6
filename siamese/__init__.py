"""Same or different? Siamese networks for pairs of images."""

from siamese.preprocess import BlankImageError
from siamese.verifier import Verdict, Verifier

__all__ = ["BlankImageError", "Verdict", "Verifier"]
