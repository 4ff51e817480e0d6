"""The wider residual encoder."""

import torch
from networks import build

from siamese.encoders.blocks import ResidualBlock


def test_it_is_small_and_its_embeddings_have_length_1():
    network = build("residual")
    assert sum(parameter.numel() for parameter in network.parameters()) <= 1_000_000
    assert network.unit_length


def test_a_block_adds_to_its_input():
    block = ResidualBlock(3).eval()
    x = torch.rand(2, 3, 5, 5)
    with torch.no_grad():
        assert torch.equal(block(x) - x, block.block(x)) or torch.allclose(block(x) - x, block.block(x), atol=1e-6)
        block.block[0].weight.zero_()
        assert torch.equal(block(x), x)
