"""What holds for every encoder of vectors and sequences, as test_encoders.py has it for those of images."""

import copy
import io

import numpy as np
import pytest
import torch
from torch import Tensor

from siamese.config import EncoderConfig
from siamese.encoders import ENCODERS_OF_NUMBERS, build_encoder, encoder_class, encoders_of
from siamese.network import SiameseNetwork, embed_all

every_encoder = pytest.mark.parametrize("name", ENCODERS_OF_NUMBERS)
of_sequences = pytest.mark.parametrize("name", encoders_of("sequences"))
COLUMNS = 3


def build(name: str, seed: int = 0, **settings) -> SiameseNetwork:
    torch.manual_seed(seed)
    shape = (COLUMNS,) if encoder_class(name).takes == "vectors" else (20, COLUMNS + 1)
    return SiameseNetwork(EncoderConfig(name, **{"embedding_dim": 64, "shape": shape, **settings})).eval()


def batch(name: str, count: int = 40, steps: int = 20) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    if encoder_class(name).takes == "vectors":
        return torch.randn(count, COLUMNS, generator=generator)
    values = torch.cat([torch.randn(count, steps, COLUMNS, generator=generator), torch.ones(count, steps, 1)], dim=2)
    values[::2, steps * 2 // 3 :] = 0  # half of them are padded
    return values


@every_encoder
@pytest.mark.parametrize("is_half_precision", [False, True])
def test_embeddings_are_of_length_one_and_of_the_width_asked_for(name, is_half_precision):
    for width in (1, 7):
        with torch.autocast("cpu", torch.bfloat16, enabled=is_half_precision), torch.no_grad():
            embeddings = build(name, embedding_dim=width).embed(batch(name))
        assert embeddings.shape == (40, width)
        assert embeddings.dtype == torch.float32
        assert torch.allclose(embeddings.norm(dim=1), torch.ones(40), atol=1e-5)


@every_encoder
def test_every_parameter_is_trained(name):
    network = build(name).train()
    target = torch.randn(40, 64, generator=torch.Generator().manual_seed(0))
    (network.embed(batch(name)) * target).sum().backward()
    for key, parameter in network.named_parameters():
        assert parameter.grad.abs().sum() > 0, key


@every_encoder
def test_an_embedding_has_the_same_bits_alone_and_among_others(name):
    network, arrays = build(name), batch(name, 19).numpy()
    together = network.for_inference().embed_alike(arrays)[0]
    alone = np.concatenate([network.for_inference().embed_alike(each[None])[0] for each in arrays])
    assert np.array_equal(together, alone)
    assert np.allclose(together, embed_all(network, arrays), atol=1e-5)


@every_encoder
def test_weights_alone_make_the_same_network(name):
    network, other = build(name), build(name, seed=1)
    assert not torch.equal(network(batch(name)), other(batch(name)))
    buffer = io.BytesIO()
    torch.save(network.state_dict(), buffer)
    other.load_state_dict(torch.load(io.BytesIO(buffer.getvalue()), weights_only=True), assign=True)
    assert torch.equal(network(batch(name)), other(batch(name)))
    with torch.device("meta"):
        assert build(name).state_dict().keys() == network.state_dict().keys()


@of_sequences
def test_what_is_padded_changes_nothing(name):
    network, short = build(name), batch(name)[::2]
    longer = torch.cat([short, torch.zeros(20, 13, COLUMNS + 1)], dim=1)
    assert torch.allclose(network(short), network(longer), atol=1e-5)
    assert torch.allclose(network(short), network(short[:, :13]), atol=1e-5)


@of_sequences
def test_the_order_of_steps_matters_anywhere(name):
    network, whole = build(name), batch(name)[1::2]
    for first in (1, 9, 17):
        swapped = whole.clone()
        swapped[:, [first, first + 1]] = whole[:, [first + 1, first]]
        assert (network(whole) - network(swapped)).norm(dim=1).min() > 1e-4


@every_encoder
@pytest.mark.parametrize("shape", [None, (4,), (20, 4), (5, 5, 5)])
def test_shapes_of_another_kind_are_refused(name, shape):
    if shape and len(shape) == len(copy.copy(build(name).config.shape)):
        return
    with pytest.raises(ValueError, match=r"encoder\.shape is|length of encoder\.shape"):
        build_encoder(EncoderConfig(name, shape=shape))


def test_encoders_of_images_take_no_numbers():
    with pytest.raises(ValueError, match="encoder compact takes images"):
        build_encoder(EncoderConfig("compact", shape=(3,)))
