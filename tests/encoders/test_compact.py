"""The default encoder for drawings."""

import torch
from networks import build


def test_it_is_small_and_its_embeddings_have_length_1():
    network = build("compact")
    assert sum(parameter.numel() for parameter in network.parameters()) <= 1_000_000
    assert network.unit_length


def test_the_smallest_images_allowed_pass_through():
    assert build("compact", image_size=8).embed(torch.rand(1, 1, 8, 8)).shape == (1, 64)
