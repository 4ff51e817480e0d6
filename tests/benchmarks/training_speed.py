"""Training side by side: ours, the tutorial's loop, and a two-branch ResNet-18 in the shape of pytorch/examples.

python tests/benchmarks/training_speed.py --data-dir data

Every row is a process of its own, one after the other on the same machine. The clock stands still while accuracy is
measured: over all 49,995,000 pairs of the test digits, at the threshold that is best for the row. Takes some 20 minutes on
two CPU cores; --rows and --limit shorten it.
"""

import argparse
import contextlib
import functools
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from siamese.commands import train
from siamese.config import EncoderConfig
from siamese.devices import choose_device, describe_device, has_fast_bfloat16
from siamese.distances import distance_matrix
from siamese.losses import LossConfig, build_loss
from siamese.network import SiameseNetwork, embed_all
from siamese.training import setup

LEVELS = (96.0, 99.0, 99.7)  # percent of exact balanced pair accuracy
BARE_STEPS = 10  # in a row, of the bare loop that the steps of train.py are compared with


class LimitReached(Exception):
    """The row has trained for as long as it may."""


class Clock:
    """Seconds of training and the accuracy reached by then, measured with the clock stopped."""

    def __init__(self, accuracy: Callable[[], float], limit: float) -> None:
        self.accuracy, self.limit = accuracy, limit
        self.seconds, self.images, self.steps, self.next_look = 0.0, 0, 0, 5
        self.reached: dict[str, float] = {}
        self.best = 0.0
        self.started = time.perf_counter()

    def step(self, images: int, device: torch.device) -> None:
        """Count a step of so many encoded images; from time to time, measure."""
        self.steps, self.images = self.steps + 1, self.images + images
        if self.steps < self.next_look:
            return
        self.pause(device)
        self.look()
        self.next_look = int(self.steps * 1.15) + 5
        if self.seconds > self.limit:
            raise LimitReached
        self.resume()

    def pause(self, device: torch.device) -> None:
        if device.type == "cuda":
            torch.cuda.synchronize()
        self.seconds += time.perf_counter() - self.started

    def resume(self) -> None:
        self.started = time.perf_counter()

    def look(self) -> None:
        """Measure, and note the levels that are reached now."""
        accuracy = self.accuracy()
        self.best = max(self.best, accuracy)
        for level in LEVELS:
            if accuracy >= level:
                self.reached.setdefault(str(level), self.seconds)
        tqdm.write(f"{self.seconds:8.1f} s  {accuracy:.2f}%", file=sys.stderr)

    def results(self) -> dict:
        return {
            "images_per_second": self.images / self.seconds,
            "seconds": self.seconds,
            "reached": self.reached,
            "best": self.best,
        }


def balanced_accuracy(scores: Callable[[slice], Tensor], labels: Tensor, chunk: int = 500) -> float:
    """Percent, over all pairs i < j, at the best threshold: `scores(rows)` is (R, N), in 0..1 and higher for same."""
    bins = 20_000
    counts = torch.zeros(2, bins, dtype=torch.float64)
    for start in range(0, len(labels), chunk):
        rows = slice(start, min(start + chunk, len(labels)))
        values = scores(rows).float().cpu()
        later = torch.arange(len(labels))[None, :] > torch.arange(rows.start, rows.stop)[:, None]
        same = labels[rows, None] == labels[None, :]
        for kind, mask in enumerate((later & same, later & ~same)):
            counts[kind] += torch.histc(values[mask], bins, 0, 1).double()
    above = counts.flip(1).cumsum(1) / counts.sum(1, keepdim=True)  # shares of same and different pairs accepted
    return 100 * float(((above[0] + 1 - above[1]) / 2).max())


def embeddings_per_second(encode: Callable[[Tensor], Tensor], images: Tensor, rounds: int = 5) -> float:
    """Median over rounds, in batches of 1,000."""
    speeds = []
    with torch.inference_mode():
        encode(images[:1000])
        for _ in range(rounds):
            started = time.perf_counter()
            for batch in images[:3000].split(1000):
                encode(batch).cpu()
            speeds.append(3000 / (time.perf_counter() - started))
    return statistics.median(speeds)


def mnist_tensors(data_dir: str, is_training: bool) -> tuple[Tensor, Tensor]:
    digits = torchvision.datasets.MNIST(data_dir, train=is_training, download=True)
    return digits.data[:, None].float() / 255, digits.targets


# ---- (a) ours ----


def ours(arguments: argparse.Namespace, device: torch.device) -> dict:
    """train.py itself, watched at every step; between its steps, stretches of a bare loop of the same network."""
    images, labels = mnist_tensors(arguments.data_dir, is_training=False)
    watched: dict = {}
    bare, own = [], []

    def accuracy() -> float:
        embeddings = embed_all(watched["network"], images).to(device)
        return balanced_accuracy(lambda rows: 1 - distance_matrix(embeddings[rows], embeddings) / 2, labels)

    clock = Clock(accuracy, arguments.limit)

    class Watch(AveragedModel):
        def update_parameters(self, network: SiameseNetwork) -> None:
            super().update_parameters(network)
            step = int(self.n_averaged)
            if not watched:
                # Averaged weights are what train.py measures and keeps.
                watched["network"], watched["bare"] = self.module, bare_step(network.config, device)
            clock.step(256, device)
            if step % 50 == 20:  # the last steps since the clock was looked at, against as many bare ones
                clock.pause(device)
                watched["since"] = (clock.seconds, clock.steps)
                clock.resume()
            if step % 50 == 20 + BARE_STEPS:
                clock.pause(device)
                seconds, steps = watched["since"]
                own.append((clock.seconds - seconds) / (clock.steps - steps))
                started = time.perf_counter()
                for _ in range(BARE_STEPS):
                    watched["bare"]()
                if device.type == "cuda":
                    torch.cuda.synchronize()
                bare.append((time.perf_counter() - started) / BARE_STEPS)
                clock.resume()

    setup.AveragedModel = Watch
    with tempfile.TemporaryDirectory() as folder:
        flags = ["--data-dir", arguments.data_dir, "--device", str(device), "--epochs", str(arguments.epochs)]
        with contextlib.suppress(LimitReached):
            if code := train.main([*flags, "--output", f"{folder}/model"]):
                sys.exit(code)
    network = watched["network"].eval()
    batch = images[:1000].to(device)
    ratios = []
    for _ in range(10):  # in turns
        pair = []
        for encode in (lambda: embed_all(network, images[:1000]), lambda: bare_embed(network, batch)):
            started = time.perf_counter()
            encode()
            pair.append(time.perf_counter() - started)
        ratios.append(pair[1] / pair[0])
    return {
        **clock.results(),
        "embeddings_per_second": embeddings_per_second(lambda batch: network(batch.to(device)), images),
        "training_against_bare": statistics.median([b / o for b, o in zip(bare, own, strict=True)] or [float("nan")]),
        "embedding_against_bare": statistics.median(ratios),
    }


def bare_step(config: EncoderConfig, device: torch.device) -> Callable[[], None]:
    """Forward, backward and update of the same network over one resident batch: what no training can be faster than."""
    network = SiameseNetwork(config).to(device, memory_format=torch.channels_last)
    loss_name = train.build_parser().get_default("loss")
    loss_function = build_loss(LossConfig(loss_name, 0.0), network.unit_length, config.embedding_dim, 10).to(device)
    optimizer = torch.optim.AdamW([*network.parameters(), *loss_function.parameters()], fused=True)
    images = torch.rand(256, config.channels, config.image_size, config.image_size, device=device)
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.arange(256, device=device) % 10
    precision = torch.bfloat16 if has_fast_bfloat16(device) else torch.float32

    def step() -> None:
        with torch.autocast(device.type, precision, enabled=precision != torch.float32):
            embeddings = network(images)
        optimizer.zero_grad()
        loss_function(embeddings, labels).backward()
        optimizer.step()

    return step


def bare_embed(network: SiameseNetwork, images: Tensor) -> Tensor:
    with torch.inference_mode():
        return network.encoder(images).cpu()


# ---- (b) the tutorial ----


class PairOfPairs(Dataset):
    """As tutorials have it: each item draws one positive and one negative pair."""

    def __init__(self, data_dir: str) -> None:
        self.digits = torchvision.datasets.MNIST(data_dir, train=True, transform=torchvision.transforms.ToTensor())
        self.members = [torch.nonzero(self.digits.targets == label).flatten() for label in range(10)]

    def __len__(self) -> int:
        return len(self.digits)

    def draw(self, label: int) -> Tensor:
        members = self.members[label]
        return self.digits[int(members[torch.randint(len(members), ())])][0]

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        image, label = self.digits[index]
        other, another = torch.randperm(10)[:2].tolist()
        return image, self.draw(label), self.draw(other), self.draw(another)


class TutorialNetwork(nn.Module):
    """Three convolutions, a descriptor, and two outputs over the squared difference."""

    def __init__(self) -> None:
        super().__init__()
        self.descriptor = nn.Sequential(
            nn.Conv2d(1, 64, 7), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(64, 128, 5), nn.ReLU(),
            nn.Conv2d(128, 256, 5), nn.ReLU(), nn.Flatten(), nn.Linear(2304, 512),
        )  # fmt: skip
        self.output = nn.Linear(512, 2)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return self.output((self.descriptor(a) - self.descriptor(b)).square())


def tutorial(arguments: argparse.Namespace, device: torch.device) -> dict:
    """Adam at 1e-3, batches of 64 items: 64 same and 64 different pairs, 256 encodings."""
    network = TutorialNetwork().to(device)
    images, labels = mnist_tensors(arguments.data_dir, is_training=False)
    encode = functools.partial(_in_evaluation, network, network.descriptor, device)

    def accuracy() -> float:
        with torch.inference_mode():
            d = torch.cat([encode(batch) for batch in images.split(1000)]).double()
            weight, bias = network.output.weight[1] - network.output.weight[0], network.output.bias
            scale, bias = weight.double(), (bias[0] - bias[1]).double()
            norms = d.square() @ scale
            return balanced_accuracy(
                lambda rows: torch.sigmoid(bias - norms[rows, None] - norms[None] + 2 * (d[rows] * scale) @ d.T), labels
            )

    clock = Clock(accuracy, arguments.limit)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    loader = DataLoader(PairOfPairs(arguments.data_dir), batch_size=64, shuffle=True, drop_last=True)
    try:
        while "99.0" not in clock.reached:
            for batch in tqdm(loader, "tutorial", leave=False):
                image, positive, other, another = (part.to(device) for part in batch)
                outputs = torch.cat([network(image, positive), network(other, another)])
                targets = torch.cat([torch.zeros(64), torch.ones(64)]).long().to(device)
                loss = F.cross_entropy(outputs, targets)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                clock.step(256, device)
    except LimitReached:
        pass
    return {**clock.results(), "embeddings_per_second": embeddings_per_second(encode, images)}


def _in_evaluation(network: nn.Module, encode: nn.Module, device: torch.device, images: Tensor) -> Tensor:
    network.eval()
    result = encode(images.to(device))
    network.train()
    return result


# ---- (c) two branches of a ResNet-18, concatenated ----


class RandomPairs(Dataset):
    """Each item is the next digit with a random one, of its class or of another, half and half; pixels stay 0..255."""

    def __init__(self, data_dir: str) -> None:
        digits = torchvision.datasets.MNIST(data_dir, train=True)
        self.images, self.targets = digits.data[:, None], digits.targets
        self.members = [torch.nonzero(digits.targets == label).flatten() for label in range(10)]

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        is_same = index % 2 == 0
        label = int(self.targets[index])
        members = self.members[label if is_same else (label + int(torch.randint(1, 10, ()))) % 10]
        other = members[torch.randint(len(members), ())]
        return self.images[index].float(), self.images[other].float(), torch.tensor(float(is_same))


class ConcatenationNetwork(nn.Module):
    """ResNet-18 without its last layer on both sides; a small network over both outputs side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = torchvision.models.resnet18()
        self.trunk.conv1 = nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)
        self.trunk.fc = nn.Identity()
        self.hidden, self.output = nn.Linear(1024, 256), nn.Linear(256, 1)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return self.output(F.relu(self.hidden(torch.cat([self.trunk(a), self.trunk(b)], dim=1))))[:, 0]


def concatenation(arguments: argparse.Namespace, device: torch.device) -> dict:
    """Adadelta at 1, batches of 64 pairs, one epoch."""
    network = ConcatenationNetwork().to(device)
    images, labels = mnist_tensors(arguments.data_dir, is_training=False)
    encode = functools.partial(_in_evaluation, network, network.trunk, device)

    def accuracy() -> float:
        with torch.inference_mode():
            features = torch.cat([encode(255 * batch) for batch in images.split(1000)])
            first = features @ network.hidden.weight[:, :512].T + network.hidden.bias
            second = features @ network.hidden.weight[:, 512:].T

            def scores(rows: slice) -> Tensor:
                hidden = F.relu(first[rows, None] + second[None])  # (R, N, 256)
                return torch.sigmoid(network.output(hidden)[..., 0])

            return balanced_accuracy(scores, labels, chunk=20)

    clock = Clock(accuracy, arguments.limit)
    clock.next_look = 300  # looking at all pairs takes this network a minute
    optimizer = torch.optim.Adadelta(network.parameters(), lr=1.0)
    loader = DataLoader(RandomPairs(arguments.data_dir), batch_size=64, shuffle=True)
    try:
        for batch in tqdm(loader, "concatenation", leave=False):
            a, b, is_same = (part.to(device) for part in batch)
            loss = F.binary_cross_entropy_with_logits(network(a, b), is_same)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            clock.step(2 * len(a), device)
        clock.pause(device)
        clock.look()
    except LimitReached:
        pass
    return {**clock.results(), "embeddings_per_second": embeddings_per_second(encode, images)}


# ---- All of them ----

ROWS: dict[str, Callable[[argparse.Namespace, torch.device], dict]] = {
    "ours": ours,
    "tutorial": tutorial,
    "concatenation": concatenation,
}


def main(argv: list[str] | None = None) -> int:
    """Run the rows, each in a process of its own, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", default="data", help="folder of datasets (default: data)")
    parser.add_argument("--rows", nargs="+", default=list(ROWS), choices=list(ROWS), help="default: all")
    parser.add_argument("--epochs", type=int, default=3, help="of ours (default: 3)")
    parser.add_argument("--limit", type=float, default=900, help="most seconds of training for a row (default: 900)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: auto)")
    parser.add_argument("--alone", help=argparse.SUPPRESS)  # run this row here and print its results as JSON
    arguments = parser.parse_args(argv)
    device = choose_device(arguments.device)
    if arguments.alone:
        torch.manual_seed(0)
        results = ROWS[arguments.alone](arguments, device)
        is_cuda = device.type == "cuda"
        results["megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        results["gpu_megabytes"] = torch.cuda.max_memory_allocated() / 2**20 if is_cuda else 0
        print("\n" + json.dumps(results))
        return 0

    flags = ["--data-dir", arguments.data_dir, "--epochs", str(arguments.epochs), "--limit", str(arguments.limit)]
    table = {}
    for row in arguments.rows:
        print(f"{row} ...", file=sys.stderr)
        command = [sys.executable, __file__, *flags, "--device", str(device), "--alone", row]
        finished = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        table[row] = json.loads(finished.stdout.splitlines()[-1])
    print(f"\n{describe_device(device)}; torch {torch.__version__}\n")
    levels = "".join(f" to {level:g}% |" for level in LEVELS)
    print(f"| row | images/s in training |{levels} best, after | peak memory | embeddings/s |")
    print("| --- |" + " --- |" * (5 + len(LEVELS)))
    for row, results in table.items():
        reached = "".join(
            f" {results['reached'][str(level)]:.1f} s |" if str(level) in results["reached"] else " - |" for level in LEVELS
        )
        memory = f"{results['megabytes']:.0f} MB" + (f", GPU {results['gpu_megabytes']:.0f} MB" * (device.type == "cuda"))
        print(
            f"| {row} | {results['images_per_second']:,.0f} |{reached} {results['best']:.2f}%, {results['seconds']:.0f} s | "
            f"{memory} | {results['embeddings_per_second']:,.0f} |"
        )
    if "ours" in table:
        print(f"\ntraining against a bare forward and backward loop: {table['ours']['training_against_bare']:.0%}")
        print(f"embedding against the bare encoder: {table['ours']['embedding_against_bare']:.0%}")
        for row in set(table) - {"ours"}:
            for level in map(str, LEVELS):
                if level in table["ours"]["reached"]:
                    own, theirs = table["ours"]["reached"][level], table[row]["reached"].get(level)
                    text = f"{theirs / own:.1f} times" if theirs else f"more than {table[row]['seconds'] / own:.1f} times"
                    print(f"time to {level}%: {row} takes {text} ours")
    return 0


if __name__ == "__main__":
    sys.exit(main())
