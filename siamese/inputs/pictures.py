"""Images as an input: siamese.images under the contract of siamese.inputs.base."""

from typing import Any

import numpy as np

from siamese.config import EncoderConfig, PreprocessConfig
from siamese.images.canonical import read_image
from siamese.images.formats import SUFFIXES
from siamese.images.load import DECODING, load_image
from siamese.inputs.drawing import SIDE


class Pictures:
    """Images: paths, bytes, PIL images, or uint8 arrays (H, W), (H, W, 3) or (H, W, 4)."""

    noun = "image"
    kind = "images"
    suffixes = SUFFIXES
    examples = ("A.png", "B.png")
    page = "images"
    has_rows = False

    def read(self, source: Any, preprocess: PreprocessConfig, encoder: EncoderConfig) -> tuple[np.ndarray, str]:
        with DECODING.turn() as turn:
            return read_image(load_image(source, turn), preprocess, encoder.image_size, encoder.channels)

    def draw(self, array: np.ndarray, preprocess: PreprocessConfig, side: int = SIDE) -> np.ndarray:
        return array

    def describe(self, preprocess: PreprocessConfig, encoder: EncoderConfig) -> str:
        colours = "colour" if encoder.channels == 3 else "grey"
        return f"{preprocess.mode}, {encoder.image_size} x {encoder.image_size} px, {colours}"

    def ways(self, preprocess: PreprocessConfig) -> tuple[str, ...]:
        return "draw", "upload"

    def facts(self, array: np.ndarray, preprocess: PreprocessConfig) -> dict[str, str]:
        return {}

    def colours(self, preprocess: PreprocessConfig) -> dict[str, tuple[int, int, int]]:
        return {}
