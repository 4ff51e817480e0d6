"""How well models do on hands, pens and prints that no training set showed: one table.

python tests/benchmarks/other_hands.py --data-dir data --tablet data/tablet.csv --pen data/pendigits.csv
    [--models digits glyphs] [--unseen runs/unseen --omniglot data/omniglot/images_background]

Of the tablet's 1,368 drawings, by 6 people on 3 days each, digits are compared in pairs, at the model's own threshold; once
more without the one drawing that most of the errors are of, which says how much hangs on it.
Letters are recognised among 20 of the 33 capitals (small letters), by their nearest example, or by that and the mean of a
letter's examples (as by `Gallery.identify` with `prototypes`): from the sheets of one, three or five other people, or from
a sheet of the same hand on another day. All sheets, people and choices of 20 are counted,
none drawn. Warned of is what is called unlike all that the model knows, gets a remark, or is refused.

In brackets are 95% intervals: over writers (of letters, those who are recognised), printed digits over fonts, Omniglot over
alphabets, the rest over images. Six writers are few: others may well lie outside.

The bundled glyphs have seen all of Omniglot's background alphabets. `--unseen` is a model trained with `--split groups`,
whose own test alphabets are measured: 20 ways, one example, 200 draws for each alphabet.
"""

import argparse
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from scipy.special import comb
from torch import Tensor
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2]))

import pendigits
import photographs
from tablet import Drawing, load_tablet

from siamese import Verifier
from siamese.data.class_tree import find_classes
from siamese.data.datasets import DATASETS, is_of_digits
from siamese.data.labelled_images import group_numbers
from siamese.data.own_images import own_images
from siamese.data.splits import load_splits
from siamese.distances import distance_matrix
from siamese.evaluation.bootstrap import Intervals, bootstrap_intervals, bootstrap_intervals_over_pairs
from siamese.evaluation.calibration import measure
from siamese.evaluation.metrics import pair_distances
from siamese.evaluation.one_shot import one_shot_error
from siamese.images.canonical import canonical_images
from siamese.model_folder.weights import load_model
from siamese.network import embed_all

BRUSHES, USUAL_BRUSH, SIZE = (10, 18, 30), 18, 240  # px, on a canvas of 400
WAYS, LOOKS = 20, (1, 3, 5)
PEN_BRUSHES, PEN_COUNT = (0.025, 0.05, 0.08), 1500  # shares of the canvas, as pendigits.py mixes them
PHOTOGRAPHS = 50  # of each kind
FONTS = (  # that come with matplotlib, so that every machine has them
    *(f"DejaVu{kind}{style}" for kind in ("Sans", "SansMono") for style in ("", "-Bold", "-Oblique", "-BoldOblique")),
    *(f"DejaVuSerif{style}" for style in ("", "-Bold", "-Italic", "-BoldItalic")),
    *(f"STIXGeneral{style}" for style in ("", "Bol", "Italic", "BolIta")),
    *("cmr10", "cmb10", "cmss10", "cmtt10"),
)
Row = tuple[str, float, tuple[float, float] | None]  # what is measured, percent, and its interval


def main(argv: list[str] | None = None) -> int:
    """Print the table, a column for each model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", help="torchvision root that holds MNIST/raw")
    parser.add_argument("--tablet", help="tablet.csv: digits and letters drawn on a tablet")
    parser.add_argument("--pen", help="pendigits.csv: digits drawn with a pen, without its lifts")
    parser.add_argument("--models", nargs="+", default=["digits", "glyphs"], help="model folders, or bundled ones by name")
    parser.add_argument("--unseen", nargs="*", default=[], help="model folders of trainings with --split groups")
    parser.add_argument("--omniglot", help="the folder that these were trained on")
    arguments = parser.parse_args(argv)

    drawings = load_tablet(arguments.tablet) if arguments.tablet else []
    table: dict[str, dict[str, str]] = {}
    for model in [*arguments.models, *arguments.unseen]:
        rows = unseen_alphabets(model, arguments.omniglot) if model in arguments.unseen else ()
        for what, value, interval in itertools.chain(rows, measured(Verifier.from_pretrained(model), arguments, drawings)):
            ends = f" ({interval[0]:.2f} to {interval[1]:.2f})" if interval else ""
            table.setdefault(what, {})[model] = f"{value:.2f}%{ends}"
            print(f"{model}: {what}: {table[what][model]}", file=sys.stderr)
    columns = [*arguments.models, *arguments.unseen]
    print(f"| | {' | '.join(f'`{Path(model).name}`' for model in columns)} |\n{'| --- ' * (len(columns) + 1)}|")
    for what, values in table.items():
        print(f"| {what} | {' | '.join(values.get(model, '') for model in columns)} |")
    return 0


def measured(verifier: Verifier, arguments: argparse.Namespace, drawings: list[Drawing]) -> Iterator[Row]:
    """What of the data is there."""
    if drawings:
        yield from tablet(verifier, drawings)
    if arguments.pen:
        strokes, digits = (part[:PEN_COUNT] for part in pendigits.load_pendigits(arguments.pen))
        brushes = itertools.cycle(PEN_BRUSHES)
        images = [pendigits.render(stroke, brush=next(brushes)) for stroke in tqdm(strokes, "pen", leave=False)]
        yield over_images("pairs of digits by pen, without its lifts", verifier, verifier.embed(images), digits)
    if arguments.data_dir:
        _, test = DATASETS["mnist"].load(arguments.data_dir)
        config = verifier.config
        seen = canonical_images(test.images, config.preprocess, config.encoder.image_size, config.encoder.channels)
        yield over_images("pairs of MNIST's test digits", verifier, verifier.embed_canonical(seen), test.labels)
        if is_of_digits(config.data):
            kinds = [
                photographs.rates(verifier, kind, test.images, test.labels, PHOTOGRAPHS)
                for kind in tqdm(photographs.KINDS, "photographs", leave=False)
            ]
            yield "made photographs: wrong, sure and not warned of", 100 * float(np.mean(kinds, axis=0)[2]), None
    images = [printed(font, str(digit)) for font in FONTS for digit in range(10)]
    embeddings, (fonts, labels) = torch.from_numpy(verifier.embed(images)), np.divmod(np.arange(len(images)), 10)
    yield over_units(f"pairs of printed digits, {len(FONTS)} fonts", verifier, embeddings, labels, fonts)


def tablet(verifier: Verifier, drawings: list[Drawing]) -> Iterator[Row]:
    """Digits in pairs, letters from a few examples, and what is warned of without need."""
    digits = [each for each in drawings if each.sign.isdigit()]
    writers, labels = np.array([each.writer for each in digits]), np.array([int(each.sign) for each in digits])
    for brush in BRUSHES:
        embeddings = torch.from_numpy(verifier.embed([each.render(brush, SIZE) for each in digits]))
        what = f"pairs of digits by stylus, brush {brush} px"
        yield over_units(what, verifier, embeddings, labels, writers)
        worst = errs_most(verifier, embeddings, labels)
        print(
            f"it errs most with the {labels[worst]} by writer {digits[worst].writer}, day {digits[worst].day}",
            file=sys.stderr,
        )
        kept = np.delete(np.arange(len(digits)), worst)
        yield over_units(
            f"{what}, without the drawing that it errs most with", verifier, embeddings[kept], labels[kept], writers[kept]
        )
    for kind, is_kind in (("capitals", str.isupper), ("small letters", str.islower)):
        letters = sorted(
            (each for each in drawings if is_kind(each.sign)), key=lambda each: (each.writer, each.day, each.sign)
        )
        embeddings = torch.from_numpy(verifier.embed([each.render(USUAL_BRUSH, SIZE) for each in letters]))
        yield from few_looks(kind, embeddings, letters)
    for name, chosen in (("digits", digits), ("letters", [each for each in drawings if each.sign.isalpha()])):
        warned = np.array([is_warned_of(verifier, each.render(USUAL_BRUSH, SIZE)) for each in chosen])
        writers = np.array([each.writer for each in chosen])
        by_writer = [100 * warned[writers == writer].mean() for writer in np.unique(writers)]
        yield f"{name} by stylus: warned of", *mean_and_interval(by_writer)


def few_looks(kind: str, embeddings: Tensor, letters: list[Drawing]) -> Iterator[Row]:
    """How often a letter is taken for another of its kind: across writers, and by the same hand another day."""
    writers, days, signs = (len({getattr(each, name) for each in letters}) for name in ("writer", "day", "sign"))
    between = distance_matrix(embeddings).numpy().reshape(writers, days, signs, writers, days, signs)
    embeddings = embeddings.reshape(writers, days, signs, -1)
    for looks, prototypes in [(looks, False) for looks in LOOKS] + [(looks, True) for looks in LOOKS[1:]]:
        by_writer = []
        for writer in range(writers):
            wrong = []
            for others in itertools.combinations([each for each in range(writers) if each != writer], looks):
                for day in range(days):
                    scores = between[writer][:, :, list(others), day].min(axis=2)  # (days, signs, signs)
                    if prototypes:
                        means = embeddings[list(others), day].mean(dim=0)  # (signs, D)
                        scores = scores + torch.cdist(embeddings[writer], means).numpy()
                    wrong.append(wrong_share(scores))
            by_writer.append(np.mean(wrong))
        how = ", with prototypes" if prototypes else ""
        what = f"{kind} by stylus, {WAYS} ways, from {looks} other hand{'s' if looks > 1 else ''}{how}: wrong"
        yield what, *mean_and_interval(by_writer)
    by_writer = [
        np.mean(
            [wrong_share(between[writer, day, :, writer, other]) for day, other in itertools.permutations(range(days), 2)]
        )
        for writer in range(writers)
    ]
    yield f"{kind} by stylus, {WAYS} ways, the same hand another day: wrong", *mean_and_interval(by_writer)


def wrong_share(distances: np.ndarray) -> float:
    """The error, in percent, of the nearest of WAYS signs, the right one among them, over all choices of the others.

    `distances` (..., S, S) are from each drawing of the S signs to the nearest example of each. Where n of the others are
    nearer than the right one, all n must be left out: a share of comb(S - 1 - n, WAYS - 1) / comb(S - 1, WAYS - 1).
    """
    others = distances.shape[-1] - 1
    right = np.diagonal(distances, axis1=-2, axis2=-1)[..., None]
    nearer = (distances < right).sum(axis=-1)
    return 100 * float(1 - (comb(others - nearer, WAYS - 1) / comb(others, WAYS - 1)).mean())


def mean_and_interval(values: list[float]) -> tuple[float, tuple[float, float]]:
    """The mean, and its 95% interval by bootstrap over the values."""
    values = np.array(values)
    draws = np.random.default_rng(0).integers(len(values), size=(10_000, len(values)))
    return float(values.mean()), tuple(np.quantile(values[draws].mean(axis=1), [0.025, 0.975]).tolist())


def is_warned_of(verifier: Verifier, image: Image.Image) -> bool:
    """Whether a visitor is told to doubt what the model says of the picture."""
    try:
        look = verifier.look(image)
    except ValueError:  # it says that nothing is drawn
        return True
    return look.is_familiar is False or bool(look.remark)


def over_images(what: str, verifier: Verifier, embeddings: np.ndarray, labels: np.ndarray) -> Row:
    """Balanced accuracy over all pairs, at the model's own threshold."""
    embeddings, labels = torch.from_numpy(embeddings), torch.from_numpy(labels)
    calibration = verifier.config.calibration
    return balanced(what, verifier, embeddings, labels, bootstrap_intervals(embeddings, labels, calibration.threshold))


def over_units(what: str, verifier: Verifier, embeddings: Tensor, labels: np.ndarray, units: np.ndarray) -> Row:
    """The same, with an interval over what each image is from, such as its writer: `units` (N,)."""
    rows, columns = np.triu_indices(len(labels), 1)
    distances, is_same = distance_matrix(embeddings).numpy()[rows, columns], labels[rows] == labels[columns]
    pairs_of, threshold = np.stack([units[rows], units[columns]], axis=1), verifier.config.calibration.threshold
    intervals = bootstrap_intervals_over_pairs(distances, is_same, pairs_of, threshold)
    return balanced(what, verifier, embeddings, torch.from_numpy(labels), intervals)


def errs_most(verifier: Verifier, embeddings: Tensor, labels: np.ndarray) -> int:
    """Which of the images has the largest share of its pairs judged wrong, same and different ones counting half each."""
    is_same = labels[:, None] == labels[None, :]
    is_wrong = (distance_matrix(embeddings).numpy() <= verifier.config.calibration.threshold) != is_same
    is_wrong[np.diag_indices(len(labels))] = False
    shares = [(is_wrong & kind).sum(axis=1) / kind.sum(axis=1) for kind in (is_same, ~is_same)]
    return int(np.sum(shares, axis=0).argmax())


def balanced(what: str, verifier: Verifier, embeddings: Tensor, labels: Tensor, intervals: Intervals) -> Row:
    """A row of measured pairs."""
    metrics = measure(pair_distances(embeddings, labels), verifier.config.calibration, intervals)
    interval = intervals.balanced_accuracy
    return what, metrics.balanced_accuracy, interval and (100 * interval[0], 100 * interval[1])


def printed(font: str, digit: str) -> Image.Image:
    """A digit in print: mode L, black on white."""
    file = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{font}.ttf"
    image = Image.new("L", (400, 400), 255)
    ImageDraw.Draw(image).text((200, 200), digit, 0, ImageFont.truetype(file, 240), anchor="mm")
    return image


def unseen_alphabets(model: str, omniglot: str) -> Iterator[Row]:
    """The error of one example on the alphabets that a training with `--split groups` has kept for its test."""
    network, config = load_model(model)
    alphabets = int(group_numbers(tuple(find_classes(omniglot))).max()) + 1
    shares = (config.data.validation_groups / alphabets, config.data.test_groups / alphabets)
    given = (own_images(omniglot), "", config.preprocess, config.encoder, config.data.split, *shares, False)
    test = load_splits(*given, config.training.seed).test
    errors = one_shot_error(embed_all(network, test.images), *map(torch.from_numpy, (test.labels, test.groups[test.labels])))
    yield (
        f"Omniglot, {len(errors)} unseen alphabets, {WAYS} ways, 1 example: wrong",
        *mean_and_interval(list(errors.values())),
    )


if __name__ == "__main__":
    sys.exit(main())
