"""How true the confidence is where validation has few classes: the calibration error on classes that nothing was fitted to.

python tests/benchmarks/few_classes.py --faces data/faces --omniglot data/omniglot --first 20 --seeds 20 --keep runs/few

faces: train.py on the folder with --test-share 0.286; on its own test people. glyphs: train.py on 8 classes of 6 drawings
each, drawn from Omniglot's background characters; on `--others` characters that it has no drawing of. joined points: the
same with made drawings, whose classes never end. The embeddings are kept in `--keep`, so that a second run only calibrates.
"""

import argparse
import contextlib
import os
import shutil
import statistics
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

sys.path.insert(0, str(Path(__file__).parents[2]))

from siamese.commands import train
from siamese.data.labelled_images import LabelledImages
from siamese.data.measured import calibrate, load_folder
from siamese.data.splits import load_splits
from siamese.evaluation.calibration import fit_calibration, probability_same
from siamese.evaluation.metrics import PairDistances
from siamese.images.canonical import to_tensor
from siamese.model_folder.weights import load_model
from siamese.network import embed_all

CLASSES, DRAWINGS, OTHER_DRAWINGS = 8, 6, 10
FACES_TEST_SHARE = 0.286
CHOSEN_SEEDS, CHOSEN_ALPHABETS = 100, 10  # the constants were chosen on seeds from there on, of the first alphabets


def main(argv: list[str] | None = None) -> int:
    """Print the mean error over the seeds and its spread, a line for each kind of images."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=Path, help="a folder of a folder of photographs a person")
    parser.add_argument("--omniglot", type=Path, help="Omniglot's folder, with images_background in it")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default: 0)")
    parser.add_argument("--seeds", type=int, default=20, help="how many seeds (default: 20)")
    parser.add_argument("--others", type=int, default=40, help="characters to measure on (default: 40)")
    parser.add_argument("--keep", type=Path, required=True, help="a folder for what is trained and embedded")
    arguments = parser.parse_args(argv)
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    kinds = {"joined points": lambda seed, folder: points(seed, folder, arguments.others)}
    if arguments.faces:
        kinds["faces"] = lambda seed, folder: (arguments.faces, None)
    if arguments.omniglot:
        kinds["glyphs"] = lambda seed, folder: glyphs(arguments.omniglot, seed, folder, arguments.others)
    for name, images in kinds.items():
        report(name, [held_out(name, seed, arguments.keep, images) for seed in seeds])
    return 0


def report(name: str, parts: list[list[tuple[LabelledImages, torch.Tensor]]]) -> None:
    """The error of each model on its own test, and that of all models on all of their pairs together."""
    errors, floors, accuracies, tests, sure_and_wrong = [], [], [], [], [0, 0]
    for (training, learnt), (validation, embeddings), (test, test_embeddings) in parts:
        calibration = calibrate(validation, embeddings, "classes", (learnt, training.labels))
        pairs = test.distances(test_embeddings)
        for found, known in ((errors, calibration), (floors, fit_calibration(pairs))):
            found.append(100 * pairs.calibration_error(lambda distance, known=known: probability_same(distance, known)))
        accuracies.append(100 * pairs.balanced_accuracy(calibration.threshold))
        same, different = (probability_same(kind, calibration) for kind in (pairs.same, pairs.different))
        tests.append((same, different))
        sure_and_wrong[0] += int((same < 0.001).sum() + (different > 0.999).sum())
        sure_and_wrong[1] += int((same < 0.5).sum() + (different >= 0.5).sum())
    print(
        f"{name}: calibration error {statistics.mean(errors):.2f}% (standard deviation {statistics.stdev(errors):.2f}, "
        f"{min(errors):.2f} to {max(errors):.2f}, {len(errors)} seeds), of all models together {together(tests):.2f}%; "
        f"fitted to the test itself {statistics.mean(floors):.2f}%; "
        f"balanced accuracy {statistics.mean(accuracies):.2f}%; {sure_and_wrong[0]:,} of {sure_and_wrong[1]:,} wrong "
        "verdicts are over 99.9% sure"
    )


def together(tests: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """The error over the pairs of all models, each model weighing alike: percent; 1 - probability is their distance."""
    most = min(len(kind) for test in tests for kind in test)
    generator = np.random.default_rng(0)
    same, different = (
        np.sort(np.concatenate([1 - generator.choice(test[kind], most, replace=False) for test in tests])) for kind in (0, 1)
    )
    return 100 * PairDistances(same, different).calibration_error(lambda distance: 1 - distance)


def held_out(name: str, seed: int, keep: Path, images) -> list[tuple[LabelledImages, torch.Tensor]]:
    """Training, validation and test of a model trained with `seed`, with embeddings; trained where that is not kept yet."""
    file, folder, output = keep / f"{name}-{seed}.npz", keep / f"{name}-{seed}-images", keep / f"{name}-{seed}"
    if not file.exists():
        source, others = images(seed, folder)
        flags = ["--dataset", str(source), "--seed", str(seed), "--output", str(output), "--overwrite"]
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            code = train.main([*flags, *(["--test-share", str(FACES_TEST_SHARE)] if others is None else [])])
        if code:
            sys.exit(code)
        network, config = load_model(output)
        shares = (0.2, FACES_TEST_SHARE if others is None else 0.2)
        splits = load_splits(str(source), "data", config.preprocess, config.encoder, "classes", *shares, False, seed)
        test = splits.test if others is None else load_folder(others, config.preprocess, config.encoder)[0]
        arrays = {}
        for part, data in (("training", splits.training), ("validation", splits.validation), ("test", test)):
            arrays |= {f"{part}_embeddings": embed_all(network, to_tensor(data.images)).numpy(), part: data.labels}
        np.savez(file, **arrays)
        shutil.rmtree(folder, ignore_errors=True)
    with np.load(file) as kept:
        return [
            (
                LabelledImages(np.zeros((len(kept[part]), 1, 1), np.uint8), kept[part]),
                torch.from_numpy(kept[f"{part}_embeddings"]),
            )
            for part in ("training", "validation", "test")
        ]


def glyphs(omniglot: Path, seed: int, folder: Path, others: int) -> tuple[Path, Path]:
    """A folder of 8 characters, 6 drawings each, and one of other characters."""
    alphabets = sorted((omniglot / "images_background").iterdir())
    alphabets = alphabets[:CHOSEN_ALPHABETS] if seed >= CHOSEN_SEEDS else alphabets[CHOSEN_ALPHABETS:]
    characters = sorted(character for alphabet in alphabets for character in alphabet.iterdir())
    order = np.random.default_rng(seed).permutation(len(characters))
    for part, chosen, count in (
        ("own", order[:CLASSES], DRAWINGS),
        ("others", order[CLASSES : CLASSES + others], OTHER_DRAWINGS),
    ):
        for number in chosen.tolist():
            (folder / part / str(number)).mkdir(parents=True, exist_ok=True)
            for file in sorted(characters[number].glob("*.png"))[:count]:
                shutil.copy(file, folder / part / str(number) / file.name)
    return folder / "own", folder / "others"


def points(seed: int, folder: Path, others: int) -> tuple[Path, Path]:
    """The same with lines through five points, a little different in each drawing of a class."""
    for part, count, drawings in (("own", CLASSES, DRAWINGS), ("others", others, OTHER_DRAWINGS)):
        for number in range(count):
            generator = np.random.default_rng([seed, number, part == "own"])
            (folder / part / str(number)).mkdir(parents=True, exist_ok=True)
            corners = generator.uniform(8, 56, (5, 2))
            for drawing in range(drawings):
                image = Image.new("L", (64, 64), 255)
                line = [tuple(point) for point in corners + generator.normal(0, 1.5, (5, 2))]
                ImageDraw.Draw(image).line(line, 0, 4)
                image.save(folder / part / str(number) / f"{drawing}.png")
    return folder / "own", folder / "others"


if __name__ == "__main__":
    sys.exit(main())
