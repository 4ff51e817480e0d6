"""The network around an encoder: many images at once, in evaluation mode, whatever they are batched with."""

import pytest
import torch
from networks import build
from torch import Tensor

from siamese.config import EncoderConfig
from siamese.encoders import ENCODERS, encoder_class
from siamese.images.canonical import to_tensor
from siamese.network import SiameseNetwork, embed_all

every_encoder = pytest.mark.parametrize("name", ENCODERS)


@pytest.fixture(scope="module")
def images(digits) -> Tensor:
    return to_tensor(digits[0][:40])


@every_encoder
def test_an_embedding_does_not_depend_on_the_rest_of_the_batch(name, images):
    network = build(name)
    together = embed_all(network, images)
    alone = torch.cat([embed_all(network, image[None]) for image in images])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    assert torch.equal(embed_all(network, images, batch_size=40), together)


@every_encoder
def test_embed_all_leaves_the_network_as_it_was_trained(name, images):
    network = build(name).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    embeddings = embed_all(network, images, batch_size=16)
    assert len(embeddings) == len(images)
    assert not embeddings.requires_grad
    for key, value in network.state_dict().items():
        assert torch.equal(value, before[key]), key


def test_unknown_encoder_lists_the_choices():
    expected = "unknown encoder 'vast', available: " + ", ".join(ENCODERS)
    with pytest.raises(ValueError, match=expected):
        encoder_class("vast")
    with pytest.raises(ValueError, match=expected):
        SiameseNetwork(EncoderConfig("vast"))
