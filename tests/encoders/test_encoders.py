"""What holds for every encoder of the registry."""

import pytest
import torch
from networks import build
from torch import Tensor

from siamese.encoders import ENCODERS
from siamese.images.canonical import to_tensor
from siamese.network import embed_all

every_encoder = pytest.mark.parametrize("name", ENCODERS)


@pytest.fixture(scope="module")
def images(digits) -> Tensor:
    return to_tensor(digits[0][:40])


@every_encoder
def test_embeddings_are_single_precision_vectors_of_the_width_asked_for(name, images):
    for width in (1, 7, ENCODERS[name].default_dim):
        embeddings = build(name, embedding_dim=width).embed(images[:3])
        assert embeddings.shape == (3, width)
        assert embeddings.dtype == torch.float32


@every_encoder
@pytest.mark.parametrize("is_half_precision", [False, True])
def test_unit_length_is_what_the_encoder_says(name, is_half_precision, images):
    network = build(name)
    with torch.autocast("cpu", torch.bfloat16, enabled=is_half_precision), torch.no_grad():
        embeddings = network.embed(images)
    assert embeddings.dtype == torch.float32
    lengths = embeddings.norm(dim=1)
    assert network.unit_length == torch.allclose(lengths, torch.ones(len(images)), atol=1e-5)


@every_encoder
def test_every_parameter_is_trained(name, images):
    network = build(name).train()
    target = torch.randn(8, ENCODERS[name].default_dim, generator=torch.Generator().manual_seed(0))
    (network.embed(images[:8]) * target).sum().backward()
    for key, parameter in network.named_parameters():
        assert not parameter.requires_grad or parameter.grad.abs().sum() > 0, key


@every_encoder
def test_two_digits_get_two_embeddings(name, images):
    embeddings = embed_all(build(name), images)
    distances = torch.cdist(embeddings, embeddings) + torch.eye(len(images))
    assert distances.min() > 0


@every_encoder
@pytest.mark.parametrize(("image_size", "channels"), [(28, 3), (32, 1), (64, 3)])
def test_other_sizes_and_colour_are_taken(name, image_size, channels):
    network = build(name, image_size=image_size, channels=channels, embedding_dim=16)
    noise = torch.rand(2, channels, image_size, image_size, generator=torch.Generator().manual_seed(0))
    assert embed_all(network, noise).shape == (2, 16)


@every_encoder
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(name):
    first, again, other = (build(name, seed).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)
