"""Same or different? Siamese networks for pairs of images."""

from siamese.gallery import Gallery, Identification, Match
from siamese.preprocess import BlankImageError
from siamese.verifier import Verdict, Verifier

__all__ = ["BlankImageError", "Gallery", "Identification", "Match", "Verdict", "Verifier"]
