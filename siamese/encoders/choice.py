"""Which encoder fits images, where nobody says."""

from siamese.encoders.backbone import LEAST_SIDE
from siamese.encoders.pretrained import PHOTO_BACKBONE, photo_weights

# Too few for a network to learn what matters in a photograph: on 8 unseen of the 28 people of the ORL faces, compact does no
# better than raw pixels, and residual little.
FEW_PHOTOS = 2000
# What they give in place of hog, as measured in tests/benchmarks/README.md, "How well does it learn from few photographs?".
GAIN = "96.10% instead of 91.76% of pairs of unseen faces are told right, see tests/benchmarks/README.md"
ENCODER_FOR = {  # of photographs, or PHOTO_BACKBONE, where it can be had
    "ink": "compact",
    "photo": "residual",
    "few photos": "hog",
    "vectors": "mlp",
    "sequences": "tdnn",
}


def encoder_for(mode: str, images: int, image_size: int | None = None) -> str:
    """For so many images (rows, sequences) in all, seen in `mode`, and so many px a side, where that is settled already."""
    if mode == "photo" and images < FEW_PHOTOS:
        is_large = (image_size or LEAST_SIDE) >= LEAST_SIDE  # enough for a network of that kind
        return PHOTO_BACKBONE if is_large and photo_weights()[0] else ENCODER_FOR["few photos"]
    return ENCODER_FOR[mode]
