"""What a network may compare. A new kind is a file that keeps the contract of siamese.inputs.base, and lines here."""

from siamese.inputs.base import Input, asking, reworded, to_tensor
from siamese.inputs.pictures import Pictures
from siamese.inputs.sequences import Sequences
from siamese.inputs.vectors import Vectors

__all__ = ["INPUTS", "Input", "asking", "reworded", "to_tensor"]

# By the mode of siamese.config.PreprocessConfig.
INPUTS: dict[str, Input] = {"ink": Pictures(), "photo": Pictures(), "vectors": Vectors(), "sequences": Sequences()}
