"""Several views of an image: what they are, and what becomes of an embedding that is their mean."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from networks import build
from PIL import Image
from torch import Tensor

from siamese.config import EncoderConfig, ModelFolderConfig
from siamese.encoders.turned_views import MOST_DEGREES, turned, views_of
from siamese.export.write import export_network
from siamese.images.canonical import to_tensor
from siamese.network import AGREEMENT, SiameseNetwork, embed_alike, embed_all


@pytest.fixture(scope="module")
def images(digits) -> Tensor:
    return to_tensor(digits[0][:11])


def with_views(views: int) -> SiameseNetwork:
    """The same weights whatever the number of views."""
    network = SiameseNetwork(EncoderConfig("compact", 64, views=views))
    network.load_state_dict(build("compact").state_dict())
    return network.eval()


@pytest.mark.parametrize("degrees", [-8.0, 5.0, 90.0])
def test_a_turned_image_is_as_pillow_turns_it(degrees, digits, images):
    pillow = [Image.fromarray(each).rotate(degrees, Image.Resampling.BILINEAR) for each in digits[0][:11]]
    difference = (turned(images, degrees) - to_tensor(np.stack([np.array(each) for each in pillow]))).abs()
    assert difference.max() < 0.02


def test_views_are_turned_by_even_steps_and_an_odd_number_has_the_image_itself(images):
    assert [torch.equal(view, images) for view in views_of(images, 1)] == [True]
    assert [torch.equal(view, images) for view in views_of(images, 5)] == [False, False, True, False, False]
    for view, degrees in zip(views_of(images, 5), (-1, -0.5, 0, 0.5, 1), strict=True):
        torch.testing.assert_close(view, turned(images, degrees * MOST_DEGREES), atol=1e-5, rtol=0)


def test_an_embedding_is_of_the_mean_of_what_the_encoder_says_of_each_view(images):
    network = with_views(3)
    features = [
        network.encoder.features(each) for each in (turned(images, -MOST_DEGREES), images, turned(images, MOST_DEGREES))
    ]
    embeddings, lengths = network.measure(images)
    torch.testing.assert_close(embeddings, F.normalize(torch.stack(features).mean(0), dim=1), atol=1e-6, rtol=0)
    shortened = torch.stack([each / each.norm(dim=1, keepdim=True) for each in features]).mean(0).norm(dim=1) ** AGREEMENT
    torch.testing.assert_close(lengths, torch.stack(features).mean(0).norm(dim=1) * shortened)
    assert (shortened < 0.9999).all()
    assert torch.equal(network.embed(images), embeddings)
    assert torch.equal(with_views(1).measure(images)[0], network.encoder(images))  # to the bit as without any
    assert torch.equal(with_views(1).measure(images)[1], network.encoder.features(images).norm(dim=1))


def test_training_sees_the_image_alone(images):
    torch.testing.assert_close(with_views(3).train().embed(images), with_views(1).train().embed(images))


def test_of_several_views_an_image_has_the_same_bits_alone_and_among_others(digits):
    network = with_views(3).for_inference()
    together = embed_alike(network, digits[0][:11])[0]
    assert all(torch.equal(embed_alike(network, digits[0][n : n + 1])[0][0], together[n]) for n in (0, 5, 10))
    torch.testing.assert_close(together, embed_all(with_views(3), digits[0][:11]), rtol=1e-4, atol=1e-5)


def test_an_exported_file_has_the_views_for_batches_of_any_size():
    network = with_views(3)
    # Which refuses what differs from the network with 1 or 3 images.
    assert export_network(network, ModelFolderConfig(encoder=network.config), "torchscript")


def test_embeddings_of_other_views_are_not_comparable():
    assert len({with_views(views).fingerprint() for views in (1, 2, 3)}) == 3


def test_the_number_of_views_is_checked():
    for views, shape in ((0, None), (10, None), (2, (4,))):
        with pytest.raises(ValueError, match=f"encoder.views is {views}, allowed: 1 to"):
            EncoderConfig("mlp" if shape else "compact", views=views, shape=shape)
