"""How should a photograph fill the square that a network of timm sees, and which of its stages tell things apart best?

    python tests/benchmarks/framing.py data/faces --first 100 --seeds 10
    python tests/benchmarks/framing.py GroceryStoreDataset/dataset/train --classes even --per-class 20 --first 100 --seeds 5

Features are computed once for each frame, of each image and of distorted copies of it, and the metric from the training
classes of each seed, as `BackboneEncoder` does; what is not done is to weigh its axes by descent. Given: balanced pair
accuracy on classes that neither training nor validation has, at the threshold of validation, mean and standard deviation.
"""

import argparse
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2]))

from siamese.config import EncoderConfig
from siamese.data.augmentation import augment_photos
from siamese.data.class_tree import find_classes
from siamese.data.folders import choose_settings
from siamese.data.labelled_images import LabelledImages
from siamese.data.partition import split_classes
from siamese.encoders.backbone import BackboneEncoder, choose_backbone, network_of, side_for
from siamese.encoders.pretrained import PHOTO_BACKBONE, find_weights, read_weights
from siamese.evaluation.metrics import pair_distances
from siamese.images.canonical import to_tensor
from siamese.images.load import load_image

LANCZOS = Image.Resampling.LANCZOS
STAGES = {  # by name: the numbers of stages, and how many places a side each is averaged to
    "8 and 16 px": ((2, 3), (2, 4)),
    "16 px": ((3,), (4,)),
    "16 px, everywhere": ((3,), (1,)),
    "32 px, everywhere": ((4,), (1,)),
    "32 px, 2 x 2": ((4,), (2,)),
    "8, 16 and 32 px": ((2, 3, 4), (2, 4, 1)),
    "16 and 32 px": ((3, 4), (4, 1)),
    "16, everywhere, and 32 px": ((3, 4), (1, 1)),
    "16, 2 x 2, and 32 px": ((3, 4), (2, 1)),
    "8, 16 and 32 px, 2 x 2": ((2, 3, 4), (2, 4, 2)),
}


def padded(image: Image.Image, side: int) -> np.ndarray:
    """As `photo` pictures are: whole, the pixels of the edges going on beside the shorter side."""
    scale = side / max(image.size)
    width, height = (max(1, round(each * scale)) for each in image.size)
    pixels = np.asarray(image.resize((width, height), LANCZOS))
    top, left = (side - height) // 2, (side - width) // 2
    margins = [(top, side - height - top), (left, side - width - left)]
    return np.pad(pixels, margins + [(0, 0)] * (pixels.ndim - 2), mode="edge")


def stretched(image: Image.Image, side: int) -> np.ndarray:
    return np.asarray(image.resize((side, side), LANCZOS))


def middle(image: Image.Image, side: int, share: float = 1.0) -> np.ndarray:
    """The middle square of the picture, or of that a share of each side."""
    part = share * min(image.size)
    left, top = ((each - part) / 2 for each in image.size)
    return np.asarray(image.resize((side, side), LANCZOS, (left, top, left + part, top + part)))


FRAMES: dict[str, Callable[[Image.Image, int], np.ndarray]] = {
    "padded": padded,
    "stretched": stretched,
    "middle square": middle,
    "its middle 0.875": lambda image, side: middle(image, side, 0.875),
}


@torch.no_grad()
def places(network: torch.nn.Module, config, images: torch.Tensor) -> dict[tuple[int, int], torch.Tensor]:
    """Of each stage and number of places a side that STAGES names, the features of images and their mirror images."""
    mean, deviation = (torch.tensor(each)[:, None, None] for each in (config.mean, config.deviation))
    wanted, found = sorted({each for pair in STAGES.values() for each in zip(*pair, strict=True)}), {}
    numbers = sorted({stage for stage, _ in wanted})
    for turned in (images, images.flip(3)):
        scaled = (turned.expand(-1, 3, -1, -1) - mean) / deviation
        maps = network.forward_intermediates(scaled, indices=numbers, intermediates_only=True, output_fmt="NCHW")
        for stage, grid in wanted:
            pooled = F.adaptive_avg_pool2d(maps[numbers.index(stage)], grid).flatten(1)
            found[stage, grid] = found.get((stage, grid), 0) + F.normalize(pooled, dim=1)
    return found


def features_of(images: torch.Tensor, side: int, copies: int) -> dict[tuple[int, int], torch.Tensor]:
    """See `places`: (1 + copies, N, F) each, of the images and of distorted copies."""
    weights = read_weights(PHOTO_BACKBONE, find_weights(PHOTO_BACKBONE))
    network, config = network_of(PHOTO_BACKBONE, side, weights).eval(), choose_backbone(PHOTO_BACKBONE, side, "")[0]
    random, parts = torch.Generator().manual_seed(0), []
    for copy in range(1 + copies):
        for part in images.split(20):
            x = to_tensor(part)
            parts.append(places(network, config, augment_photos(x, random) if copy else x))
    joined = {key: torch.cat([part[key] for part in parts]) for key in parts[0]}
    return {key: each.unflatten(0, (1 + copies, len(images))) for key, each in joined.items()}


def accuracy(features: torch.Tensor, labels: np.ndarray, seed: int, shares: tuple[float, float]) -> float:
    """In percent, of one draw of the classes. `features`: (1 + copies, N, F)."""
    count = features.shape[2]
    numbers = LabelledImages(np.arange(len(labels), dtype=np.int64)[:, None, None], labels)
    training, validation, test = split_classes(numbers, *shares, seed)
    torch.manual_seed(seed)
    encoder = BackboneEncoder.__new__(BackboneEncoder)
    torch.nn.Module.__init__(encoder)
    encoder.start_metric(min(BackboneEncoder.default_dim, count), count)
    encoder.fixed_features = lambda part: part
    chosen = training.images.ravel()
    encoder.fit([each[chosen] for each in features], torch.from_numpy(training.labels).repeat(len(features)))
    found = []
    for part in (validation, test):
        mapped = F.linear(features[0, part.images.ravel()] - encoder.mean, encoder.weight)
        found.append(pair_distances(F.normalize(mapped, dim=1), torch.from_numpy(part.labels)))
    return 100 * found[1].balanced_accuracy(found[0].steady_threshold())


def main(argv: list[str] | None = None) -> int:
    """Print a line for each frame and choice of stages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="class folders of photographs")
    parser.add_argument("--classes", choices=("all", "even", "odd"), default="all", help="by their order (default: all)")
    parser.add_argument("--per-class", type=int, default=10_000, help="images of each class, at most")
    parser.add_argument("--copies", type=int, default=3, help="distorted ones of each image (default: 3)")
    parser.add_argument("--side", type=int, help="px; what the encoder would take if not given")
    parser.add_argument("--shares", type=float, nargs=2, default=(0.2, 0.286), help="of classes, validation and test")
    parser.add_argument("--first", type=int, default=100, help="the first seed (default: 100)")
    parser.add_argument("--seeds", type=int, default=10, help="how many (default: 10)")
    parser.add_argument("--frames", nargs="+", default=list(FRAMES), choices=FRAMES, help="(default: all)")
    parser.add_argument("--stages", nargs="+", default=list(STAGES), choices=STAGES, help="(default: all)")
    arguments = parser.parse_args(argv)
    classes = list(find_classes(arguments.folder).values())
    classes = {"all": classes, "even": classes[::2], "odd": classes[1::2]}[arguments.classes]
    most = arguments.per_class
    chosen = [images[:: max(1, len(images) // most)][:most] for images in classes]
    files = [file for images in chosen for file in images]
    labels = np.repeat(np.arange(len(chosen)), [len(images) for images in chosen])
    _, _, channels, longer = choose_settings(files, "photo")
    side = arguments.side or side_for(PHOTO_BACKBONE, longer)
    EncoderConfig(image_size=side, channels=channels)
    pictures = [load_image(file).convert("RGB" if channels == 3 else "L") for file in files]
    print(f"{len(files):,} images of {len(classes)} classes, {side} px, {channels} channels", flush=True)
    for frame in arguments.frames:
        images = torch.from_numpy(np.stack([FRAMES[frame](picture, side) for picture in pictures]))
        found = features_of(images, side, arguments.copies)
        for name in arguments.stages:
            features = torch.cat([found[each] for each in zip(*STAGES[name], strict=True)], dim=2)
            seeds = range(arguments.first, arguments.first + arguments.seeds)
            results = [accuracy(features, labels, seed, arguments.shares) for seed in seeds]
            spread = statistics.stdev(results) if len(results) > 1 else 0.0
            print(f"{frame:18} {name:26} {statistics.mean(results):.2f}% ({spread:.2f})", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
