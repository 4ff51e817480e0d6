"""The network around an encoder: many images at once, in evaluation mode, whatever they are batched with."""

import numpy as np
import pytest
import torch
from networks import build
from number_models import model_of_rows, model_of_strokes
from torch import Tensor

from siamese import network as networks_module
from siamese.config import EncoderConfig
from siamese.encoders import ENCODERS, encoder_class
from siamese.images.canonical import to_tensor
from siamese.network import SiameseNetwork, embed_alike, embed_all, embed_and_measure, in_parts

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
@pytest.mark.parametrize("size", [1, 2])  # of the processor, and the two of which others are made up
def test_an_embedding_has_the_same_bits_alone_and_at_any_place_of_any_batch(name, size, digits, monkeypatch):
    monkeypatch.setattr(networks_module, "FEW_ON_CPU", 2 * size)
    network, images = build(name), digits[0][:41]
    together, lengths = embed_alike(network, images)
    order = np.random.default_rng(0).permutation(41)
    for given, expected in [(images[order], together[order]), *((images[n : n + 1], together[n : n + 1]) for n in range(9))]:
        assert torch.equal(embed_alike(network, given)[0], expected)
    torch.testing.assert_close(together, embed_all(network, images), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(lengths, embed_and_measure(network, images)[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("model", [model_of_rows, model_of_strokes])
def test_so_have_numbers(model):
    verifier = model()
    rows = np.random.default_rng(0).normal(size=(41, *verifier.config.encoder.shape)).astype(np.float32)
    together = verifier.embed_canonical(rows)
    assert np.array_equal(verifier.embed_canonical(rows[::-1]), together[::-1])
    assert all(np.array_equal(verifier.embed_canonical(rows[n : n + 1]), together[n : n + 1]) for n in range(41))


def test_batches_that_round_otherwise_are_not_used(digits, monkeypatch):
    network, sizes = build("compact"), []
    encode = network.encoder.features
    offset = torch.full((1,), 1e-6)

    def features(images: Tensor) -> Tensor:
        sizes.append(len(images))
        return encode(images) + offset * len(images)  # as a processor may do

    monkeypatch.setattr(network.encoder, "features", features)
    together = embed_alike(network, digits[0][:11])[0]
    assert sizes == [2, 2, 2, 2, 8] + 6 * [2]  # tried once
    assert torch.equal(embed_alike(network, digits[0][10:11])[0], together[10:])
    assert sizes[11:] == [2]


@every_encoder
def test_what_computes_sooner_computes_the_same(name, images):
    network = build(name)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    quick = network.for_inference()
    torch.testing.assert_close(embed_all(quick, images), embed_all(network, images), rtol=1e-4, atol=1e-5)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    if name == "compact":
        assert not any(isinstance(part, torch.nn.BatchNorm2d) for part in quick.modules())


@every_encoder
def test_embed_all_leaves_the_network_as_it_was_trained(name, images):
    network = build(name).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    embeddings = embed_all(network, images, batch_size=16)
    assert len(embeddings) == len(images)
    assert not embeddings.requires_grad
    for key, value in network.state_dict().items():
        assert torch.equal(value, before[key]), key


def test_images_become_floats_in_parts_and_their_embeddings_are_those_of_all_at_once(digits, monkeypatch):
    network, images = build("compact"), digits[0][:70]
    together = embed_all(network, to_tensor(images))
    monkeypatch.setattr(networks_module, "PIXELS_AT_ONCE", 30 * 28 * 28 + 5)
    assert [part.shape for part in in_parts(images)] == [(30, 1, 28, 28), (30, 1, 28, 28), (10, 1, 28, 28)]
    assert torch.equal(torch.cat(list(in_parts(images))), to_tensor(images))
    for kind in (images, torch.from_numpy(images), to_tensor(images)):
        torch.testing.assert_close(embed_all(network, kind), together, rtol=1e-4, atol=1e-5)
    embeddings, lengths = embed_and_measure(network, images)
    torch.testing.assert_close(embeddings, together, rtol=1e-4, atol=1e-5)
    assert lengths.shape == (70,)


def test_parts_are_bounded_by_pixels_and_hold_an_image_at_least(monkeypatch):
    large = np.zeros((70, 224, 224, 3), np.uint8)
    assert [len(part) for part in in_parts(large)] == [31, 31, 8]
    monkeypatch.setattr(networks_module, "PIXELS_AT_ONCE", 1)
    assert [part.shape for part in in_parts(large[:2])] == [(1, 3, 224, 224)] * 2
    assert embed_all(build("compact"), np.zeros((0, 28, 28), np.uint8)).shape[0] == 0


def test_unknown_encoder_lists_the_choices():
    expected = "unknown encoder 'vast', available: " + ", ".join(ENCODERS)
    with pytest.raises(ValueError, match=expected):
        encoder_class("vast")
    with pytest.raises(ValueError, match=expected):
        SiameseNetwork(EncoderConfig("vast"))


def test_embedding_draws_no_bar_into_a_log(bundled, digits, capfd):
    embed_all(bundled.network, digits[0][:4], progress="embedding")
    assert capfd.readouterr() == ("", "")
