"""Print loss and gradients of one batch of real digits, which are the same in any number of processes.

python -m torch.distributed.run --standalone --nproc_per_node=2 tests/training/distributed_gradients.py
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch

from siamese.config import EncoderConfig, LossConfig
from siamese.data.datasets.mnist import load_mnist_sample
from siamese.encoders import ENCODERS
from siamese.images.canonical import to_tensor
from siamese.losses import LOSSES, build_loss
from siamese.network import SiameseNetwork
from siamese.training.distributed import World, gather_rows, processes


def gradients(world: World) -> Iterator[tuple[str, float, list[float]]]:
    """For each encoder with each loss: its name, the loss, the norm of the gradient of each parameter."""
    training, _ = load_mnist_sample()
    images, labels = to_tensor(training.images[:60]), torch.from_numpy(training.labels[:60])
    for encoder, kind in ENCODERS.items():
        for loss, loss_kind in LOSSES.items():
            torch.manual_seed(0)
            network = SiameseNetwork(EncoderConfig(encoder, kind.default_dim)).train()
            encode = world.wrap(network)
            margin = loss_kind.default_margin or 0.0
            objective = build_loss(LossConfig(loss, margin), network.unit_length, kind.default_dim, 10)
            value = objective(gather_rows(encode(images[world.share(60)])), labels)
            value.backward()
            parameters = (*network.parameters(), *objective.parameters())
            norms = [parameter.grad.norm().item() for parameter in parameters if parameter.requires_grad]
            yield f"{encoder} {loss}", value.item(), norms


def main() -> None:
    """One line of JSON for each."""
    with processes("cpu") as (world, _), world.one_voice():
        for found in gradients(world):
            print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
