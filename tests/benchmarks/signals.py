"""How good models of numbers are: pen trajectories beside pictures of the same strokes, tables, and time series.

python tests/benchmarks/signals.py --data DIR [--only pendigits tablet tables series] [--first SEED] [--seeds N]

pendigits: DIR/pendigits.csv, 60% of the digits to train on, 20% for validation, 20% for the test, drawn by the seed, as 8
points and as pictures of the strokes between them. tablet: DIR/tablet.csv, trained on digits and half of the letters, drawn
by the seed, of writers 0 to 3; 20-way one-shot among the other letters of writers 4 and 5. tables: of scikit-learn, parts as
of pendigits; beside nearest neighbours on standardised columns, which call two rows the same where the nearest training rows
of both are of one class. series: sets that aeon ships (pip install aeon), with their own training and test; the share of
test sequences whose nearest training sequence is of their class, by embedding, Euclidean distance and dynamic time warping.
Settings were chosen on the validation of seeds from 100 on, and of other time series (--sets). One line for each, means and
spreads over the seeds.
"""

import argparse
import contextlib
import csv
import io
import itertools
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import sklearn.datasets
import torch
from PIL import Image, ImageDraw
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2]))

from pendigits import load_pendigits, render

from siamese import Verifier
from siamese.commands import train

PARTS = ("train", "val", "test")
WAYS, EPISODES = 20, 200
SERIES = ("GunPoint", "ArrowHead", "BasicMotions")
TABLES = {"digits": "load_digits", "wine": "load_wine", "breast cancer": "load_breast_cancer"}
SIDE, BRUSH = 112, 0.05  # px of a picture of strokes, and the width of a stroke as a share of it


def main(argv: list[str] | None = None) -> int:
    """Print one line for each data and encoder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a folder with pendigits.csv and tablet.csv")
    parser.add_argument("--only", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument(
        "--encoders", nargs="+", default=["tdnn", "gru", "compact"], help="which (default: tdnn gru compact)"
    )
    parser.add_argument("--first", type=int, default=0, help="the first seed (default: 0)")
    parser.add_argument("--seeds", type=int, default=3, help="how many (default: 3)")
    parser.add_argument("--sets", nargs="+", default=SERIES, help=f"of aeon (default: {' '.join(SERIES)})")
    arguments = parser.parse_args(argv)
    for kind in arguments.only:
        results: dict[str, list[float]] = {}
        for seed in range(arguments.first, arguments.first + arguments.seeds):
            with tempfile.TemporaryDirectory() as folder:
                for name, value in KINDS[kind](arguments, seed, Path(folder)):
                    results.setdefault(name, []).append(value)
                    print(f"# {kind}: {name}, seed {seed}: {value:.2f}", file=sys.stderr, flush=True)
        for name, values in results.items():
            spread = f" +- {statistics.stdev(values):.2f}" if len(values) > 1 else ""
            print(f"{kind:9}  {name:58} {statistics.mean(values):6.2f}{spread}", flush=True)
    return 0


def of_sequences(arguments: argparse.Namespace) -> list[str]:
    """The encoders of sequences that are asked for."""
    return [name for name in ("tdnn", "gru") if name in arguments.encoders]


def trained(dataset: Path, folder: Path, *words: str, seed: int) -> Verifier:
    """A model of that dataset, by the command line of training."""
    words = ["--dataset", str(dataset), "--output", str(folder), "--seed", str(seed), "--device", "cpu", *words]
    with contextlib.redirect_stdout(io.StringIO()):
        code = train.main(words)
    if code:
        raise SystemExit(f"train.py {' '.join(words)} ended with {code}")
    return Verifier.from_pretrained(folder)


def validation_of(verifier: Verifier) -> float:
    """Balanced accuracy of the kept epoch on validation, in percent."""
    config = verifier.config
    return config.history[config.training.best_epoch - 1].balanced_accuracy


def drawn_parts(count: int, seed: int) -> np.ndarray:
    """Which of PARTS each of `count` things is in: 60%, 20% and 20%."""
    order = np.random.default_rng(seed).permutation(count)
    part = np.zeros(count, np.int64)
    part[order[: count // 5]], part[order[count // 5 : 2 * count // 5]] = 1, 2
    return part


def pair_accuracy(labels: np.ndarray, said: np.ndarray) -> float:
    """Balanced accuracy over all pairs, in percent, of "the same where the class that is `said` of both is"."""
    i, j = np.triu_indices(len(labels), 1)
    is_same, is_said = labels[i] == labels[j], said[i] == said[j]
    return 50 * (is_said[is_same].mean() + (~is_said[~is_same]).mean())


# ---- Pen trajectories ----


def pendigits(arguments: argparse.Namespace, seed: int, folder: Path) -> Iterator[tuple[str, float]]:
    """Balanced pair accuracy on the test, closed set."""
    strokes, digits = load_pendigits(arguments.data / "pendigits.csv")
    part = drawn_parts(len(digits), seed)
    for number, (stroke, digit) in enumerate(zip(strokes, digits, strict=True)):
        for kind in ("points", "pictures"):
            (folder / kind / PARTS[part[number]] / str(digit)).mkdir(parents=True, exist_ok=True)
        place = f"{PARTS[part[number]]}/{digit}/{number}"
        np.savetxt(folder / "points" / f"{place}.csv", stroke, delimiter=",", header="x,y", comments="")
        if "compact" in arguments.encoders:
            render(stroke, SIDE).save(folder / "pictures" / f"{place}.png")
    of_points = ("--split", "within", "--normalise", "shape", "--length", "8")
    for encoder in of_sequences(arguments):
        yield from accuracies(
            f"8 points, {encoder}", folder / "points", folder / encoder, *of_points, "--encoder", encoder, seed=seed
        )
    if "compact" not in arguments.encoders:
        return
    of_pictures = ("--split", "within", "--preprocess", "ink", "--encoder", "compact")
    yield from accuracies(
        "pictures of the strokes, compact", folder / "pictures", folder / "compact", *of_pictures, seed=seed
    )


def accuracies(name: str, dataset: Path, folder: Path, *words: str, seed: int) -> Iterator[tuple[str, float]]:
    verifier = trained(dataset, folder, *words, seed=seed)
    yield f"{name}: validation", validation_of(verifier)
    yield f"{name}: test, balanced pair accuracy", verifier.config.metrics.balanced_accuracy


def tablet(arguments: argparse.Namespace, seed: int, folder: Path) -> Iterator[tuple[str, float]]:
    """One-shot accuracy on letters that training never saw, of writers that it never saw."""
    with (arguments.data / "tablet.csv").open(encoding="utf-8", newline="") as file:
        rows = [(int(row["writer"]), row["label"], points_of(row["strokes"])) for row in csv.DictReader(file)]
    letters = sorted({label for _, label, _ in rows if not label.isdigit()})
    unseen = set(np.random.default_rng(seed).permutation(letters)[: len(letters) // 2].tolist())
    queries: dict[str, list[np.ndarray]] = {}
    for number, (writer, label, way) in enumerate(rows):
        if writer < 4 and label not in unseen:
            for kind in ("ways", "pictures"):
                (folder / kind / label).mkdir(parents=True, exist_ok=True)
            np.savetxt(folder / "ways" / label / f"{number}.csv", way, delimiter=",", header="x,y,pen", comments="")
            picture(way).save(folder / "pictures" / label / f"{number}.png")
        elif writer >= 4 and label in unseen:
            queries.setdefault(label, []).append(way)
    shares = ("--split", "classes", "--validation-share", "0.2", "--test-share", "0.1")
    of_ways = (*shares, "--normalise", "shape", "--length", "64")
    for encoder in of_sequences(arguments):
        verifier = trained(folder / "ways", folder / encoder, *of_ways, "--encoder", encoder, seed=seed)
        yield f"the way of the pen, {encoder}: validation", validation_of(verifier)
        named = {
            label: [dict(zip(("x", "y", "pen"), way.T, strict=True)) for way in ways] for label, ways in queries.items()
        }
        yield f"the way of the pen, {encoder}: 20-way one-shot", one_shot(verifier, named)
    if "compact" not in arguments.encoders:
        return
    verifier = trained(
        folder / "pictures", folder / "compact", *shares, "--preprocess", "ink", "--encoder", "compact", seed=seed
    )
    yield "pictures of the strokes, compact: validation", validation_of(verifier)
    pictures = {label: [picture(way) for way in ways] for label, ways in queries.items()}
    yield "pictures of the strokes, compact: 20-way one-shot", one_shot(verifier, pictures)


def points_of(strokes: str) -> np.ndarray:
    """x, y and whether the pen stays down to the next point: (T, 3), points that repeat the one before left out."""
    ways = []
    for stroke in strokes.split("|"):
        points = np.array([[float(number) for number in point.split(":")] for point in stroke.split()])
        points = points[np.append(True, (np.diff(points, axis=0) != 0).any(axis=1))]
        ways.append(np.column_stack([points, np.append(np.ones(len(points) - 1), 0)]))
    return np.concatenate(ways)


def picture(way: np.ndarray) -> Image.Image:
    """The strokes drawn, black on white."""
    points = way[:, :2] - way[:, :2].min(axis=0)
    points = 0.15 * SIDE + 0.7 * SIDE * points / max(points.max(), 1e-6)
    image = Image.new("L", (4 * SIDE, 4 * SIDE), 255)
    pen, width = ImageDraw.Draw(image), 4 * SIDE * BRUSH
    for (start, end), is_down in zip(itertools.pairwise(points), way[:, 2], strict=False):
        if is_down:
            pen.line([*(4 * start), *(4 * end)], 0, round(width))
    for x, y in 4 * points:
        pen.ellipse([x - width / 2, y - width / 2, x + width / 2, y + width / 2], 0)
    return image.resize((SIDE, SIDE), Image.Resampling.BOX)


def one_shot(verifier: Verifier, examples: dict[str, list]) -> float:
    """Percent right of queries among WAYS classes with an example each, in EPISODES draws that are always the same."""
    classes = [verifier.embed(each) for each in examples.values() if len(each) > 1]
    random, right = np.random.default_rng(0), []
    for _ in range(EPISODES):
        drawn = random.permutation(len(classes))[:WAYS]
        pairs = [classes[number][random.permutation(len(classes[number]))[:2]] for number in drawn]
        support, query = np.stack([pair[0] for pair in pairs]), np.stack([pair[1] for pair in pairs])
        nearest = ((query[:, None] - support) ** 2).sum(axis=2).argmin(axis=1)
        right.append((nearest == np.arange(len(drawn))).mean())
    return 100 * float(np.mean(right))


# ---- Tables ----


def tables(arguments: argparse.Namespace, seed: int, folder: Path) -> Iterator[tuple[str, float]]:
    """Balanced pair accuracy, and that of the nearest training row's class, beside the same on standardised columns."""
    for name, load in TABLES.items():
        found = getattr(sklearn.datasets, load)()
        part, place = drawn_parts(len(found.target), seed), folder / name.replace(" ", "-")
        place.mkdir()
        with (place / "table.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([*(f"c{number}" for number in range(found.data.shape[1])), "class", "split"])
            writer.writerows(
                [*row, target, PARTS[each]] for row, target, each in zip(found.data, found.target, part, strict=True)
            )
        verifier = trained(place / "table.csv", place / "model", "--split", "within", seed=seed)
        is_test, scaled = part == 2, StandardScaler().fit(found.data[part == 0]).transform(found.data)
        labels = found.target[is_test]
        yield f"{name}, mlp: validation", validation_of(verifier)
        yield f"{name}, mlp: balanced pair accuracy", verifier.config.metrics.balanced_accuracy
        embeddings = verifier.embed(list(found.data))
        for what, rows in (("mlp", embeddings), ("standardised columns", scaled)):
            nearest = KNeighborsClassifier(1).fit(rows[~is_test], found.target[~is_test]).predict(rows[is_test])
            yield f"{name}, {what}: nearest neighbour, pairs", pair_accuracy(labels, nearest)
            yield f"{name}, {what}: nearest neighbour, rows", 100 * float((nearest == labels).mean())


# ---- Time series ----


def series(arguments: argparse.Namespace, seed: int, folder: Path) -> Iterator[tuple[str, float]]:
    """The share of test sequences whose nearest training sequence is of their class."""
    from aeon.datasets import load_classification
    from aeon.distances import pairwise_distance

    for name in arguments.sets:
        values, labels, where = [], [], []
        for split in ("train", "test"):
            found, targets = load_classification(name, split=split)
            values += [np.asarray(each).T for each in found]  # (T, F)
            labels += [str(target) for target in targets]
            where += [split] * len(targets)
        labels, is_test = np.array(labels), np.array(where) == "test"
        for number, (each, label, split) in enumerate(zip(values, labels, where, strict=True)):
            place = folder / name / split / label.replace("/", "-")
            place.mkdir(parents=True, exist_ok=True)
            np.save(place / f"{number:05}.npy", each)
        for encoder in of_sequences(arguments):
            words = ("--split", "within", "--encoder", encoder)
            verifier = trained(folder / name, folder / f"{name}-{encoder}", *words, seed=seed)
            yield f"{name}, {encoder}: validation", validation_of(verifier)
            embeddings = verifier.embed(values)
            distances = np.square(embeddings[is_test][:, None] - embeddings[~is_test]).sum(axis=2)
            yield f"{name}, {encoder}: nearest neighbour", right(distances, labels, is_test)
        if seed == arguments.first and len({len(each) for each in values}) == 1:
            arrays = np.stack(values).transpose(0, 2, 1)  # (N, F, T)
            for method in ("euclidean", "dtw"):
                distances = pairwise_distance(arrays[is_test], arrays[~is_test], method=method)
                torch.set_num_threads(1)  # of which that has made as many as there are processors
                yield f"{name}, {method}: nearest neighbour", right(distances, labels, is_test)


def right(distances: np.ndarray, labels: np.ndarray, is_test: np.ndarray) -> float:
    return 100 * float((labels[~is_test][distances.argmin(axis=1)] == labels[is_test]).mean())


KINDS = {"pendigits": pendigits, "tablet": tablet, "tables": tables, "series": series}

if __name__ == "__main__":
    torch.set_num_threads(1)
    sys.exit(main())
