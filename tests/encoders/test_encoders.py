"""Encoders, and the reference network against a literal version of it with its two outputs and cross-entropy."""

import copy
import itertools
from pathlib import Path

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional

from siamese.config import EncoderConfig
from siamese.distances import paired_distance
from siamese.encoders import ENCODERS, encoder_class
from siamese.images.canonical import to_tensor
from siamese.losses.cross_entropy import PairwiseCrossEntropy
from siamese.network import SiameseNetwork, embed_all

every_encoder = pytest.mark.parametrize("name", ENCODERS)


def build(name: str, seed: int = 0, **settings) -> SiameseNetwork:
    """A randomly initialised network in evaluation mode."""
    torch.manual_seed(seed)
    return SiameseNetwork(EncoderConfig(name, **{"embedding_dim": ENCODERS[name].default_dim, **settings})).eval()


@pytest.fixture(scope="module")
def images(digits) -> Tensor:
    return to_tensor(digits[0][:40])


@pytest.fixture(scope="module")
def labels(digits) -> Tensor:
    return torch.from_numpy(digits[1][:40])


# ---- The reference network ----


class ReferenceNetwork(nn.Module):
    """The network as described: convolutions, descriptor, squared difference, linear with the outputs same and different."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 64, kernel_size=7)
        self.conv2 = nn.Conv2d(64, 128, kernel_size=5)
        self.conv3 = nn.Conv2d(128, 256, kernel_size=5)
        self.linear1 = nn.Linear(2304, 512)
        self.linear2 = nn.Linear(512, 2)

    def descriptor(self, image: Tensor) -> Tensor:
        x = functional.max_pool2d(functional.relu(self.conv1(image)), 2)
        x = functional.relu(self.conv2(x))
        x = functional.relu(self.conv3(x))
        return self.linear1(x.reshape(len(x), 2304))

    def forward(self, image_a: Tensor, image_b: Tensor) -> Tensor:
        return self.linear2((self.descriptor(image_a) - self.descriptor(image_b)) ** 2)


def reference_pair(bias: float = 0.8) -> tuple[SiameseNetwork, ReferenceNetwork]:
    """Our reference encoder with a random metric, and the literal network with the same weights.

    The two outputs differ by (w_same - w_different) . squares + bias, so any w_same does if w_different = w_same + metric^2.
    """
    ours, literal = build("seed"), ReferenceNetwork()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        ours.encoder.metric.copy_(torch.randn(512, generator=generator))
        layers = [layer for layer in ours.encoder.layers if isinstance(layer, nn.Conv2d | nn.Linear)]
        for copy, layer in zip((literal.conv1, literal.conv2, literal.conv3, literal.linear1), layers, strict=True):
            copy.load_state_dict(layer.state_dict())
        same_weight = torch.randn(512, generator=generator)
        literal.linear2.weight.copy_(torch.stack([same_weight, same_weight + ours.encoder.metric**2]))
        literal.linear2.bias.copy_(torch.tensor([0.3 + bias, 0.3]))
    return ours, literal


def test_reference_distance_gives_the_difference_of_the_two_outputs(images):
    ours, literal = reference_pair(bias=0.8)
    first, second = images[:20], images[20:]
    with torch.no_grad():
        distance = paired_distance(ours.embed(first), ours.embed(second))
        outputs = literal(first, second)
    torch.testing.assert_close(0.8 - distance**2, outputs[:, 0] - outputs[:, 1], rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(
        torch.sigmoid(0.8 - distance**2), functional.softmax(outputs, dim=1)[:, 0], rtol=1e-3, atol=1e-4
    )


def test_reference_loss_is_cross_entropy_of_the_two_outputs_over_all_pairs(images, labels):
    ours, literal = reference_pair(bias=0.8)
    loss_function = PairwiseCrossEntropy(unit_length=ours.unit_length)
    entropies = {True: [], False: []}
    with torch.no_grad():
        loss_function.bias.fill_(0.8)
        loss = loss_function(ours.embed(images[:16]), labels[:16])
        for i, j in itertools.combinations(range(16), 2):
            is_same = bool(labels[i] == labels[j])
            target = torch.tensor([0 if is_same else 1])
            entropies[is_same].append(functional.cross_entropy(literal(images[i : i + 1], images[j : j + 1]), target))
    expected = (torch.stack(entropies[True]).mean() + torch.stack(entropies[False]).mean()) / 2
    torch.testing.assert_close(loss, expected, rtol=1e-3, atol=1e-5)


def test_reference_network_has_the_layers_of_its_description(images):
    network = build("seed")
    convolutions = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    assert [(layer.in_channels, layer.out_channels) for layer in convolutions] == [(1, 64), (64, 128), (128, 256)]
    assert [layer.kernel_size for layer in convolutions] == [(7, 7), (5, 5), (5, 5)]
    (linear,) = (layer for layer in network.modules() if isinstance(layer, nn.Linear))
    assert (linear.in_features, linear.out_features) == (2304, 512)
    assert network.embed(images[:2]).shape == (2, 512)


# ---- Every encoder ----


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


@pytest.mark.parametrize("name", ["compact", "residual"])
def test_compact_is_compact_and_of_unit_length(name):
    network = build(name)
    assert sum(parameter.numel() for parameter in network.parameters()) <= 1_000_000
    assert network.unit_length


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


@pytest.mark.parametrize("image_size", [8, 23])
def test_an_image_too_small_for_the_reference_network_is_refused(image_size):
    with pytest.raises(ValueError, match=f"image_size is {image_size} px, allowed: at least 24"):
        build("seed", image_size=image_size)


def test_the_smallest_images_allowed_pass_through():
    assert embed_all(build("seed", image_size=24), torch.rand(1, 1, 24, 24)).shape == (1, 512)
    assert embed_all(build("compact", image_size=8), torch.rand(1, 1, 8, 8)).shape == (1, 64)


@every_encoder
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(name):
    first, again, other = (build(name, seed).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


def test_unknown_encoder_lists_the_choices():
    expected = "unknown encoder 'vast', available: " + ", ".join(ENCODERS)
    with pytest.raises(ValueError, match=expected):
        encoder_class("vast")
    with pytest.raises(ValueError, match=expected):
        SiameseNetwork(EncoderConfig("vast"))


# ---- Weights from ImageNet ----


@pytest.fixture
def torch_cache(tmp_path, monkeypatch) -> Path:
    """An empty cache of torch, and no way to download into it."""
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    for name in ("http_proxy", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    return tmp_path / "checkpoints"


def cached_file(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder / Path(torchvision.models.ResNet18_Weights.IMAGENET1K_V1.url).name


@pytest.mark.parametrize("channels", [1, 3])
def test_resnet18_with_the_weights_of_torchvision_computes_what_torchvision_does(channels, torch_cache):
    torch.manual_seed(1)
    theirs = torchvision.models.resnet18().eval()
    torch.save(theirs.state_dict(), cached_file(torch_cache))
    network = build("resnet18", channels=channels, image_size=64)
    network.encoder.load_pretrained()
    images = torch.rand(2, channels, 64, 64)
    with torch.no_grad():
        theirs.fc = copy.deepcopy(network.encoder.layers.fc)
        expected = theirs((images.expand(-1, 3, -1, -1) - 0.45) / 0.225)
        torch.testing.assert_close(network.embed(images), functional.normalize(expected, dim=1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("damage", [None, b"", b"not weights"])
def test_without_pretrained_weights_one_sentence_says_what_to_do(damage, torch_cache):
    if damage is not None:
        cached_file(torch_cache).write_bytes(damage)
    network = build("resnet18")
    before = copy.deepcopy(network.state_dict())
    with pytest.raises(ValueError, match=r"cannot be had: .*Leave out --pretrained") as caught:
        network.encoder.load_pretrained()
    assert "\n" not in str(caught.value)
    assert str(torch_cache) in str(caught.value)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


# ---- The running average ----


# A share of 1 weighs all steps the same; with 1/2, the weight grows linearly with the step, from 0 at the first.
