"""What every kind of input has: the contract between what is compared and all that trains, measures and shows it."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from siamese.config import EncoderConfig, PreprocessConfig
from siamese.images import canonical
from siamese.inputs.drawing import SIDE

if TYPE_CHECKING:
    from torch import Tensor


class Input(Protocol):
    """One kind of what a network compares. All that decides how it is read travels with the weights, in two configs."""

    noun: str  # what one of them is called: "image", "row"
    kind: str  # what encoders take: "images", "vectors", "sequences"
    suffixes: tuple[str, ...]  # of the names of files that hold one, in lower case
    examples: tuple[str, str]  # of two sources, as a command line names them
    page: str  # which page is for it, see siamese.demo.page.tabs_of
    has_rows: bool  # whether a page asks which row of a file is meant

    def read(self, source: Any, preprocess: PreprocessConfig, encoder: EncoderConfig) -> tuple[np.ndarray, str]:
        """The canonical array, what the network sees of a source; and a remark on the source, as "seems to ...".

        uint8 (H, W) or (H, W, 3) of images, else float32 of the shape `encoder.shape`. The remark is "" where there is none.
        Raises ValueError that says what is wrong with the source, the value, and what is allowed.
        """

    def draw(self, array: np.ndarray, preprocess: PreprocessConfig, side: int = SIDE) -> np.ndarray:
        """A canonical array as a picture for people: uint8 (H, W) or (H, W, 3). `side`: px, of pictures of numbers."""

    def describe(self, preprocess: PreprocessConfig, encoder: EncoderConfig) -> str:
        """How the network sees it, in a few words: "photo, 64 x 64 px, grey"."""

    def ways(self, preprocess: PreprocessConfig) -> tuple[str, ...]:
        """How a visitor of the page may bring one: "draw", "upload", "paste"; the first is what it opens with."""

    def facts(self, array: np.ndarray, preprocess: PreprocessConfig) -> dict[str, str]:
        """What stands in a canonical array, by its names, for people; {} of what a picture says all of."""

    def colours(self, preprocess: PreprocessConfig) -> dict[str, tuple[int, int, int]]:
        """Of those facts that `draw` gives a colour of their own, that colour."""


def asking(ways: Sequence[str]) -> str:
    """The ways of bringing something as the beginning of a sentence: "Draw, upload or paste"."""
    *others, last = ways
    return (f"{', '.join(others)} or {last}" if others else last).capitalize()


def to_tensor(arrays: "np.ndarray | Tensor") -> "Tensor":
    """Canonical arrays as the encoder takes them: of images, uint8, float32 (N, C, H, W) in 0..1; of numbers as they are."""
    import torch  # takes seconds, for which what only reads should not wait

    arrays = torch.as_tensor(arrays)
    return canonical.to_tensor(arrays) if arrays.dtype == torch.uint8 else arrays


def reworded(text: str, noun: str) -> str:
    """Text on images or pictures as text on what `noun` names: "an image" becomes "a row", and "pictures" "rows"."""

    def other(found: re.Match) -> str:
        article, word, plural = found.groups()
        capital = word[0].isupper()
        return ("a " if article else "") + (noun.capitalize() if capital else noun) + plural

    return text if noun == "image" else re.sub(r"(?<![{\w])(an? )?([Ii]mage|[Pp]icture)(s?)\b(?!})", other, text)
