"""One encoder for digits and all other characters: trained on MNIST and Omniglot together, against a model of each.

python tests/benchmarks/one_model.py --data-dir data --omniglot data/omniglot-background --also data/letters
    --tablet data/tablet.csv --steps 2000

It starts from the weights of glyphs. A step sees a batch of either, and each batch has a loss of its own: a digit may look
like a letter. Thresholds are chosen on validation for either; what is printed is measured on the test images.
"""

import argparse
import itertools
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2]))

import other_hands
from tablet import load_tablet

from siamese import Verifier
from siamese.config import LossConfig
from siamese.data.augmentation import AUGMENTATIONS
from siamese.data.own_images import own_images
from siamese.data.sampling import class_batches, derived_seed, epoch_batches
from siamese.data.splits import Splits, load_splits
from siamese.evaluation.metrics import pair_distances
from siamese.inputs import to_tensor
from siamese.losses import build_loss
from siamese.network import SiameseNetwork, embed_all
from siamese.training.loop import _schedule
from siamese.training.setup import parameter_groups

PER_CLASS, AVERAGED = 4, 0.1  # images of a character in a batch; the share of the steps that the average looks back on


def main(argv: list[str] | None = None) -> int:
    """Train, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", default="data", help="torchvision root that holds MNIST/raw")
    parser.add_argument("--omniglot", default="data/omniglot-background", help="folder of alphabets")
    parser.add_argument("--also", help="folder of further characters to train on")
    parser.add_argument("--tablet", help="tablet.csv: digits and letters drawn on a tablet")
    parser.add_argument("--init", default="glyphs", help="model to start from (default: glyphs)")
    parser.add_argument("--steps", type=int, default=2000, help="default: 2000")
    parser.add_argument("--digits", type=int, default=160, help="images of digits in a step (default: 160)")
    parser.add_argument("--others", type=int, default=256, help="images of other characters in a step (default: 256)")
    parser.add_argument("--lr", type=float, default=0.002, help="peak learning rate (default: 0.002)")
    parser.add_argument("--seed", type=int, default=0, help="default: 0")
    arguments = parser.parse_args(argv)

    verifier = Verifier.from_pretrained(arguments.init)
    preprocess, encoder = verifier.config.preprocess, verifier.config.encoder
    digits = load_splits("mnist", arguments.data_dir, preprocess, encoder, None, 0.1, 0.1, False, arguments.seed)
    place = own_images(arguments.omniglot)
    others = load_splits(place, "", preprocess, encoder, "within", 0.1, 0.1, True, arguments.seed, arguments.also)
    network = SiameseNetwork(encoder)
    network.load_state_dict(verifier.network.state_dict())
    network.to(memory_format=torch.channels_last).train()
    average = train(network, digits, others, arguments)
    report(average, digits, others)
    if arguments.tablet:
        drawings = load_tablet(arguments.tablet)
        for row in letters_and_digits(
            Verifier(average, verifier.config, "both", "cpu"), drawings, threshold_of(average, digits)
        ):
            print(row)
    return 0


def train(network: SiameseNetwork, digits: Splits, others: Splits, arguments: argparse.Namespace) -> SiameseNetwork:
    """The running average of the weights."""
    loss = build_loss(LossConfig("supcon", 0.0), True, network.config.embedding_dim, others.record.classes)
    optimizer = torch.optim.AdamW(parameter_groups(list(network.parameters())), weight_decay=0.05, fused=True)
    done = 0

    def blend(averages, latest, _) -> None:
        if averages[0].is_floating_point():
            torch._foreach_lerp_(averages, latest, 1 / max(1.0, AVERAGED * done))
        else:
            torch._foreach_copy_(averages, latest)

    average = AveragedModel(network, multi_avg_fn=blend, use_buffers=True)
    parts = []
    for part, size in ((digits.training, arguments.digits), (others.training, arguments.others)):
        images, labels = torch.from_numpy(part.images), torch.from_numpy(part.labels)
        parts.append((images, labels, batches_of(part, size, arguments)))
    began, losses = time.perf_counter(), [[], []]
    for done in range(1, arguments.steps + 1):
        generator = torch.Generator().manual_seed(derived_seed(arguments.seed, 1, done))
        for group in optimizer.param_groups:
            group["lr"] = arguments.lr * _schedule((done - 0.5) / arguments.steps)
        inputs, labels, sizes = [], [], []
        for place, (images, known, batches) in enumerate(parts):
            batch = next(batches)
            seen = to_tensor(images[batch])
            which = known[batch] if place == 0 else None
            inputs.append(AUGMENTATIONS["ink"](seen, generator, len(batch), slice(0, len(batch)), which))
            labels.append(known[batch])
            sizes.append(len(batch))
        with torch.autocast("cpu", torch.bfloat16):
            embeddings = network(torch.cat(inputs).contiguous(memory_format=torch.channels_last))
        both = [loss(*pair) for pair in zip(embeddings.float().split(sizes), labels, strict=True)]
        optimizer.zero_grad()
        sum(both).backward()
        optimizer.step()
        average.update_parameters(network)
        for kept, each in zip(losses, both, strict=True):
            kept.append(each.item())
        if done % 100 == 0:
            means = [float(np.mean(kept[-100:])) for kept in losses]
            print(f"step {done}: losses {means[0]:.3f} {means[1]:.3f}, {time.perf_counter() - began:.0f} s", flush=True)
        if done % 500 == 0:
            report(average.module.eval(), digits, others)
    return average.module.eval()


def batches_of(part, size: int, arguments: argparse.Namespace):
    """Batches without end."""
    for epoch in itertools.count():
        steps = max(1, len(part) // size)
        if int(part.labels.max()) < size // PER_CLASS:
            yield from epoch_batches(len(part), size, arguments.seed, epoch)
        else:
            yield from class_batches(part.labels, size, PER_CLASS, min(steps, 200), arguments.seed, epoch, part.groups)


def threshold_of(network: SiameseNetwork, digits: Splits) -> float:
    validation = digits.validation
    return pair_distances(embed_all(network, validation.images), torch.from_numpy(validation.labels)).steady_threshold()


def report(network: SiameseNetwork, digits: Splits, others: Splits) -> None:
    """What it is worth on the test images of either."""
    threshold = threshold_of(network, digits)
    pairs = pair_distances(embed_all(network, digits.test.images), torch.from_numpy(digits.test.labels))
    print(f"MNIST's test digits: {100 * pairs.balanced_accuracy(threshold):.3f}% of pairs", flush=True)
    pairs = pair_distances(embed_all(network, others.test.images), torch.from_numpy(others.test.labels))
    print(f"new drawings of known characters: EER {100 * pairs.equal_error_rate():.2f}%", flush=True)


def letters_and_digits(verifier: Verifier, drawings: list, threshold: float):
    """Lines on the tablet's drawings."""
    digits = [each for each in drawings if each.sign.isdigit()]
    labels = torch.tensor([int(each.sign) for each in digits])
    for brush in other_hands.BRUSHES:
        embeddings = torch.from_numpy(verifier.embed([each.render(brush, other_hands.SIZE) for each in digits]))
        share = 100 * pair_distances(embeddings, labels).balanced_accuracy(threshold)
        yield f"digits by stylus, brush {brush} px: {share:.2f}%"
    for kind, is_kind in (("capitals", str.isupper), ("small letters", str.islower)):
        letters = sorted(
            (each for each in drawings if is_kind(each.sign)), key=lambda each: (each.writer, each.day, each.sign)
        )
        images = [each.render(other_hands.USUAL_BRUSH, other_hands.SIZE) for each in letters]
        for what, value, _ in other_hands.few_looks(kind, torch.from_numpy(verifier.embed(images)), letters):
            yield f"{what}: {value:.2f}%"


if __name__ == "__main__":
    sys.exit(main())
