"""How often an image is called unlike all that the model knows: of what it is for, and of other things.

python tests/benchmarks/familiarity.py --model digits --data-dir data --like data/more-digits --unlike data/faces
    [--pen data/pendigits.csv] [--tablet data/tablet.csv] [--write data/omniglot-background]

Of a model by the name of its dataset, the test images that are not in its reference are counted first. `--like` and
`--unlike` are folders of images; made scribbles and noise are always counted. `--pen` and `--tablet` are drawings by other
people; those that the model judges rightly, whose nearest other drawing is the same sign, count by themselves too. What is
refused as blank counts as called so. `--write FOLDER` adds to the reference of an older model what is usual, from the images
among which its test images are: they are found by their embeddings. Without a folder, they are those of the model's dataset.
"""

import argparse
import dataclasses
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2]))

from pendigits import load_pendigits, render
from tablet import load_tablet

from siamese import BlankImageError, Verifier
from siamese.data.datasets import DATASETS, load_dataset
from siamese.data.folders import folder_files
from siamese.distances import distance_matrix
from siamese.hub.sources import locate_model
from siamese.images.canonical import to_tensor
from siamese.model_folder.reference import SAME_CLASSES, as_distorted, save_reference
from siamese.network import embed_and_measure
from siamese.verifier import Look

NEAR = 1e-3  # embeddings nearer than that are of one image


def main(argv: list[str] | None = None) -> int:
    """Print the share of images that are called unfamiliar, a line for each kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="model folder (default: the bundled digits)")
    parser.add_argument("--data-dir", default="data", help="folder of datasets, as for train.py (default: data)")
    parser.add_argument("--like", nargs="*", default=[], help="folders of images of what the model is for")
    parser.add_argument("--unlike", nargs="*", default=[], help="folders of images of other things")
    parser.add_argument("--pen", help="pendigits.csv: digits drawn on a tablet")
    parser.add_argument("--tablet", help="tablet.csv: digits and letters drawn on a tablet")
    parser.add_argument("--count", type=int, default=1500, help="images of each kind at most (default: 1500)")
    parser.add_argument("--write", nargs="?", const="", help="a folder: find the reference's images there")
    arguments = parser.parse_args(argv)

    verifier, generator = Verifier.from_pretrained(arguments.model), np.random.default_rng(0)
    config, reference = verifier.config, verifier.reference
    if config.data.dataset in DATASETS:
        _, test = load_dataset(config.data.dataset, arguments.data_dir, config.preprocess, config.encoder)
        embeddings, lengths = embed_and_measure(verifier.network, to_tensor(test.images))
    if arguments.write is not None:
        if arguments.write:
            images, embeddings, lengths = _embed_folder(verifier, arguments.write)
        else:
            images = test.images
        places = _places(reference.embeddings, embeddings)
        reference = dataclasses.replace(reference, lengths=lengths[places].numpy(), distances=None)
        if config.data.split in SAME_CLASSES:
            are_digits = config.data.dataset in DATASETS and DATASETS[config.data.dataset].is_of_digits
            reference = as_distorted(reference, verifier.network, images[places], config.preprocess.mode, are_digits)
        save_reference(reference, verifier.network, locate_model(arguments.model)[0])
        verifier = Verifier.from_pretrained(arguments.model)
    if config.data.dataset in DATASETS:
        is_rest = np.ones(len(lengths), bool)
        is_rest[_places(reference.embeddings, embeddings)] = False
        rest = zip(embeddings[is_rest].numpy(), lengths[is_rest].tolist(), strict=True)
        known = [reference.is_familiar(*each) for each in rest]
        _report(f"rest of {config.data.dataset}'s test", known)
    for folder in [*arguments.like, *arguments.unlike]:
        files = folder_files(folder)
        drawn = generator.permutation(len(files))[: arguments.count]
        _report(folder, [verifier.look(files[index]).is_familiar for index in drawn])
    scribbles = [_scribble(generator) for _ in range(min(300, arguments.count))]
    _report("scribbles", [verifier.look(image).is_familiar for image in scribbles])
    noise = [generator.integers(0, 256, (100, 100), np.uint8) for _ in range(min(100, arguments.count))]
    _report("noise", [_is_familiar(verifier, image) for image in noise])
    if arguments.pen:
        strokes, digits = load_pendigits(arguments.pen)
        drawn = generator.permutation(len(strokes))[: arguments.count]
        looks = [verifier.look(render(strokes[index])) for index in drawn]
        _report_judged("digits drawn with a pen", looks, digits[drawn])
    if arguments.tablet:
        drawings = load_tablet(arguments.tablet)
        signs = np.array([drawing.sign for drawing in drawings])
        is_digit = np.array([sign.isdigit() for sign in signs])
        for name, chosen in (("digits of the tablet", is_digit), ("letters of the tablet", ~is_digit)):
            drawn = generator.permutation(np.flatnonzero(chosen))[: arguments.count]
            _report_judged(name, [verifier.look(drawings[index].render()) for index in drawn], signs[drawn])
    return 0


def _is_familiar(verifier: Verifier, image: np.ndarray) -> bool | None:
    try:
        return verifier.look(image).is_familiar
    except BlankImageError:
        return False


def _report_judged(name: str, looks: list[Look], signs: np.ndarray) -> None:
    distances = distance_matrix(torch.from_numpy(np.stack([look.embedding for look in looks])))
    nearest = distances.fill_diagonal_(float("inf")).argmin(dim=1).numpy()
    known = [look.is_familiar for look in looks]
    _report(name, known)
    _report(f"{name}, rightly judged", [each for each, right in zip(known, signs[nearest] == signs, strict=True) if right])


def _embed_folder(verifier: Verifier, folder: str) -> tuple[np.ndarray, torch.Tensor, torch.Tensor]:
    images = []
    for file in folder_files(folder):
        try:
            images.append(verifier.canonical(file))
        except ValueError as error:
            print(f"left out {file}: {error}", file=sys.stderr)
    return np.stack(images), *embed_and_measure(verifier.network, to_tensor(np.stack(images)))


def _places(reference: np.ndarray, embeddings: torch.Tensor) -> torch.Tensor:
    """Where among the embeddings (N, D) each of the reference (M, D) is: int64 (M,)."""
    exact = "donot_use_mm_for_euclid_dist"  # the product rounds
    rows_at_once = torch.from_numpy(reference).split(100)
    found = [torch.cdist(rows, embeddings, compute_mode=exact).min(dim=1) for rows in rows_at_once]
    if max(float(part.values.max()) for part in found) > NEAR:
        raise SystemExit("some images of the reference are not among these")
    return torch.cat([part.indices for part in found])


def _report(name: str, is_familiar: list[bool | None]) -> None:
    warned = np.mean([known is False for known in is_familiar])
    print(f"{name}: {warned:.2%} of {len(is_familiar):,} called unlike all that the model knows")


def _scribble(generator: np.random.Generator) -> Image.Image:
    """A line through 6 to 24 random points, as wide as the demo's brush."""
    image = Image.new("L", (400, 400), 255)
    points = generator.uniform(50, 350, (generator.integers(6, 25), 2))
    ImageDraw.Draw(image).line([tuple(point) for point in points], fill=0, width=20, joint="curve")
    return image


if __name__ == "__main__":
    sys.exit(main())
