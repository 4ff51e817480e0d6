"""Fixed features under a computed map: what the encoders of that kind share."""

import pytest
from PIL import Image
from torch import Tensor

from siamese import Verifier
from siamese.commands import train
from siamese.config import EncoderConfig
from siamese.images.canonical import to_tensor
from siamese.network import SiameseNetwork


@pytest.fixture(scope="module")
def images(digits) -> Tensor:
    return to_tensor(digits[0][:8])


def test_an_image_and_its_mirror_image_have_one_embedding_where_it_is_no_writing(images):
    for mirrors in (True, False):
        network = SiameseNetwork(EncoderConfig("hog", 32, mirrors=mirrors)).eval()
        furthest = (network.embed(images) - network.embed(images.flip(3))).abs().max()
        assert (furthest < 1e-4) == mirrors


def test_photographs_mirror_and_drawings_do_not(tmp_path, digits):
    for mode in ("photo", "ink"):
        for label in range(4):
            folder = tmp_path / mode / str(label)
            folder.mkdir(parents=True)
            for number, image in enumerate(digits[0][digits[1] == label][:8]):
                Image.fromarray(image).save(folder / f"{number}.png")
        flags = ["--dataset", str(tmp_path / mode), "--preprocess", mode, "--encoder", "hog", "--split", "within"]
        flags += ["--image-size", "28", "--epochs", "1", "--device", "cpu", "--output", str(tmp_path / f"model-{mode}")]
        assert train.main(flags) == 0
        assert Verifier.from_pretrained(tmp_path / f"model-{mode}").config.encoder.mirrors == (mode == "photo")
