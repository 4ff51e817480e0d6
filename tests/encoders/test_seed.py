"""The reference network against a literal version of it with its two outputs and cross-entropy."""

import itertools

import pytest
import torch
from networks import build
from torch import Tensor, nn
from torch.nn import functional

from siamese.distances import paired_distance
from siamese.images.canonical import to_tensor
from siamese.losses.cross_entropy import PairwiseCrossEntropy
from siamese.network import SiameseNetwork, embed_all


@pytest.fixture(scope="module")
def images(digits) -> Tensor:
    return to_tensor(digits[0][:40])


@pytest.fixture(scope="module")
def labels(digits) -> Tensor:
    return torch.from_numpy(digits[1][:40])


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


@pytest.mark.parametrize("image_size", [8, 23])
def test_an_image_too_small_for_the_reference_network_is_refused(image_size):
    with pytest.raises(ValueError, match=f"image_size is {image_size} px, allowed: at least 24"):
        build("seed", image_size=image_size)


def test_the_smallest_images_allowed_pass_through():
    assert embed_all(build("seed", image_size=24), torch.rand(1, 1, 24, 24)).shape == (1, 512)
