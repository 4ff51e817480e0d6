"""Fixed features under a computed map: what the encoders of that kind share."""

import pytest
import torch
from networks import build
from torch import Tensor

from siamese.images.canonical import to_tensor


@pytest.fixture(scope="module")
def images(digits) -> Tensor:
    return to_tensor(digits[0][:8])


def test_an_image_and_its_mirror_image_have_one_embedding(images):
    network = build("hog").eval()
    torch.testing.assert_close(network.embed(images), network.embed(images.flip(3)), rtol=1e-4, atol=1e-5)


def test_before_it_is_fitted_the_map_is_a_rotation_and_only_its_axes_are_weighed_by_descent():
    encoder = build("hog").encoder
    torch.testing.assert_close(encoder.weight @ encoder.weight.T, torch.eye(len(encoder.weight)), rtol=1e-4, atol=1e-5)
    assert [name for name, each in encoder.named_parameters() if each.requires_grad] == ["metric"]
    assert encoder.is_fitted
