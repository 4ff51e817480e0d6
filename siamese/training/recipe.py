"""What a training does where nobody says: one rule for the terminal and the page, by the images and by how they are learnt.

How its numbers were chosen: "Which recipe?" in tests/benchmarks/README.md.
"""

from dataclasses import dataclass

BATCHES = (256, 128, 64, 32)  # images, the first that leaves enough steps
ENOUGH_STEPS = 500  # in a whole training: with fewer, smaller batches learn more than large ones


@dataclass(frozen=True)
class Recipe:
    """The numbers of a training."""

    epochs: int
    batch_size: int  # images
    lr: float  # peak learning rate of AdamW


# By how an encoder learns: "new" from random weights; "fitted" are fixed features whose metric is computed before the first
# step, and "frozen" those of a network that others trained, which take long, so that more epochs do not pay; "tuned" is such
# a network that goes on learning.
EPOCHS = {"new": 24, "fitted": 12, "frozen": 1, "tuned": 4}
PEAK_LR = {"new": 3e-3, "fitted": 3e-3, "frozen": 3e-3, "tuned": 1e-3}
# Of the learning rate, for weights that were trained on other images: what is known already should change the least
# (discriminative learning rates: Howard and Ruder 2018, Universal Language Model Fine-tuning; a tenth is the usual share).
PRETRAINED_SHARE = 0.1


def recipe_for(images: int, learning: str, epochs: int | None = None) -> Recipe:
    """For so many images in all, learnt as EPOCHS names it, in so many epochs if that is settled already.

    Few epochs get small batches: so many passes, in large ones, would be too few steps to learn from.
    """
    epochs = EPOCHS[learning] if epochs is None else epochs
    batch_size = next((size for size in BATCHES if epochs * images >= ENOUGH_STEPS * size), BATCHES[-1])
    return Recipe(epochs, batch_size, PEAK_LR[learning])


def learning_of(encoder: str, images: int, tune: bool | None = None) -> str:
    """How the encoder of that name learns from so many images, as EPOCHS names it; `tune` overrules that of timm/NAME."""
    from siamese.encoders import PREFIX, encoder_class  # brings torch, for which what only reads should not wait
    from siamese.encoders.choice import FEW_PHOTOS

    if encoder.startswith(PREFIX):
        return "tuned" if (images >= FEW_PHOTOS if tune is None else tune) else "frozen"
    return "fitted" if encoder_class(encoder).is_fitted else "new"
