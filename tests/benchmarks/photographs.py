"""How often a verdict on a made photograph of a digit is wrong, sure, and without a word of warning.

python tests/benchmarks/photographs.py --data-dir data [--tuning] [--count 200] [--code FOLDER]
python tests/benchmarks/photographs.py --data-dir data --kinds --drawings data/omniglot data/tablet.csv --others data/faces

Of each kind so many photographs, each against a clean drawing of a digit, half of them of the same digit. Wrong: a verdict
of over 95% confidence that is not true. Warned: a remark on a picture, or one
that is unlike all that the model knows. Digits
are MNIST's test, with `--tuning` the last of its training under another seed. `--code` measures an older tree. With
`--drawings` or `--others`, how often there is a remark on pictures of these folders, and on 1,000 test digits.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

SIDE = 640  # px of a photograph
SURE = 0.95
SEGMENTS = ("abcdef", "bc", "abged", "abgcd", "fgbc", "afgcd", "afgedc", "abc", "abcdefg", "abcdfg")
ENDS = {
    "a": (0, 0, 1, 0), "b": (1, 0, 1, 1), "c": (1, 1, 1, 2), "d": (0, 2, 1, 2), "e": (0, 1, 0, 2), "f": (0, 0, 0, 1),
    "g": (0, 1, 1, 1),
}  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    """Print a line for each kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", default="data", help="torchvision root that holds MNIST/raw (default: data)")
    parser.add_argument("--model", help="model folder (default: the bundled digits)")
    parser.add_argument("--count", type=int, default=200, help="photographs of each kind (default: 200)")
    parser.add_argument("--tuning", action="store_true", help="other digits and another seed, to choose constants on")
    parser.add_argument("--drawings", nargs="+", default=[], help="folders of drawings, or the table of the tablet's")
    parser.add_argument("--others", nargs="+", default=[], help="folders of pictures in which nothing is drawn")
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=KINDS, help="(default: all)")
    parser.add_argument("--code", default=Path(__file__).parents[2], help="the tree to measure (default: this one)")
    arguments = parser.parse_args(argv)

    sys.path.insert(0, str(arguments.code))
    import torchvision  # noqa: I001 -- after the path is set, so that nothing of this tree is imported for another
    from siamese import Verifier

    mnist = torchvision.datasets.MNIST(arguments.data_dir, train=arguments.tuning)
    images, labels = mnist.data.numpy()[-10_000:], mnist.targets.numpy()[-10_000:]
    verifier = Verifier.from_pretrained(arguments.model)
    for kind in arguments.kinds:
        wrong, warned, unwarned = rates(verifier, kind, images, labels, arguments.count, int(arguments.tuning))
        print(
            f"{kind}: wrong and sure {wrong:.1%}, warned {warned:.1%}, wrong, sure and unwarned {unwarned:.1%}", flush=True
        )
    if arguments.drawings or arguments.others:
        _remarks_on_others(verifier, [*arguments.drawings, *arguments.others], images)
    return 0


def rates(verifier, kind: str, images: np.ndarray, labels: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """Of so many photographs of a kind, the shares wrong and sure, warned of, and wrong, sure and not warned of: (3,)."""
    generator = np.random.default_rng([seed, list(KINDS).index(kind)])
    verdicts = [_judge(verifier, kind, images, labels, number % 2 == 0, generator) for number in range(count)]
    return np.mean(verdicts, axis=0)


def _remarks_on_others(verifier, places: list[str], images: np.ndarray) -> None:
    """Print for 1,000 digits, and of each place for up to 1,000 pictures, how often there is which remark."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from tablet import load_tablet

    from siamese.data.folders import folder_files

    generator, groups = np.random.default_rng(0), {"digits": [_drawn(image) for image in images[:1000]]}
    for place in places:
        if place.endswith(".csv"):
            drawings = load_tablet(place)
            for name, are_digits in (("digits", True), ("letters", False)):
                chosen = [drawing for drawing in drawings if drawing.sign.isdigit() == are_digits]
                groups[f"{name} of {place}"] = [drawing.render() for drawing in chosen]
        else:
            files = folder_files(place)
            groups[place] = [files[index] for index in generator.permutation(len(files))[:1000]]
    for name, pictures in groups.items():
        found = Counter(_remark(verifier, picture) for picture in pictures)
        print(f"{name}, {len(pictures):,}: " + ", ".join(f"{found[each] / len(pictures):.2%} {each}" for each in found))


def _remark(verifier, picture) -> str:
    try:
        return verifier.read(picture)[1].partition(":")[0] or "no remark"
    except ValueError:
        return "nothing is drawn"


def _drawn(digit: np.ndarray) -> np.ndarray:
    return 255 - np.asarray(Image.fromarray(digit).resize((400, 400), Image.Resampling.BICUBIC))


def _judge(verifier, kind: str, images, labels, is_same: bool, generator) -> tuple[bool, bool, bool]:
    """Whether a verdict is wrong and sure, whether it is warned of, and whether it is wrong, sure and not warned of."""
    first = generator.integers(len(images))
    second = generator.choice(np.flatnonzero((labels == labels[first]) == is_same))
    picture = KINDS[kind](images[first], int(labels[first]), images, generator)
    drawing = _drawn(images[second])
    try:
        verdict = verifier.verify(picture, drawing)
    except ValueError:  # it says that nothing is drawn
        return False, True, False
    wrong = verdict.confidence > SURE and verdict.is_same != is_same
    warned = getattr(verdict, "is_familiar", None) is False or bool(getattr(verdict, "remark", ""))
    return wrong, warned, wrong and not warned


def _ink(digit: np.ndarray, generator, size: int = 0) -> np.ndarray:
    """A digit somewhere on a sheet: float (SIDE, SIDE), 1 ink."""
    size = size or int(generator.integers(280, 480))
    left, top = (int(place) for place in generator.integers(40, SIDE - size - 39, 2))
    field = Image.new("L", (SIDE, SIDE))
    field.paste(Image.fromarray(digit).resize((size, size), Image.Resampling.BICUBIC), (left, top))
    return np.asarray(field) / 255


def _half_plane(generator, low: float, high: float, soft: float) -> np.ndarray:
    """0 to 1 across an edge of any direction that leaves a share between `low` and `high` on the side of 1."""
    angle = generator.uniform(0, 2 * np.pi)
    y, x = np.mgrid[:SIDE, :SIDE]
    along = np.cos(angle) * x + np.sin(angle) * y
    edge = np.quantile(along, 1 - generator.uniform(low, high))
    return np.clip((along - edge) / soft + 0.5, 0, 1)


def _photograph(ink: np.ndarray, generator, light=None, dark=None, shade=1.0, table=None, noise=0.02) -> np.ndarray:
    light = generator.uniform(0.75, 0.9) if light is None else light
    dark = generator.uniform(0.1, 0.3) if dark is None else dark
    slope = 1 - generator.uniform(0, 0.3) * _half_plane(generator, 0.4, 0.6, 2 * SIDE)
    paper = light * (1 - ink) + dark * ink
    if table is not None:
        where, tone = table
        paper = paper * (1 - where) + tone * where
    picture = paper * slope * shade + generator.normal(0, noise, ink.shape)
    return np.clip(255 * picture, 0, 255).astype(np.uint8)


def plain(digit, label, others, generator):
    return _photograph(_ink(digit, generator), generator)


def shadow(digit, label, others, generator):
    darker = 1 - generator.uniform(0.3, 0.65) * _half_plane(generator, 0.15, 0.7, generator.choice([1, 4, 20]))
    return _photograph(_ink(digit, generator), generator, shade=darker)


def table_edge(digit, label, others, generator):
    where = _half_plane(generator, 0.06, 0.25, 2)
    grain = ndimage.gaussian_filter(generator.normal(0, 1, (SIDE, SIDE)), (1, 30))
    tone = generator.uniform(0.15, 0.6) + 0.05 * grain / grain.std()
    return _photograph(_ink(digit, generator) * (where == 0), generator, table=(where, tone))


def two_digits(digit, label, others, generator):
    size = int(generator.integers(220, 300))
    field = np.zeros((SIDE, SIDE), np.uint8)
    left = int(generator.integers(10, SIDE - 2 * size - 9))
    for number, each in enumerate((digit, others[generator.integers(len(others))])):
        top = SIDE // 2 - size // 2 + int(generator.integers(-30, 31))
        enlarged = np.asarray(Image.fromarray(each).resize((size, size), Image.Resampling.BICUBIC))
        field[top : top + size, left + number * size : left + (number + 1) * size] = enlarged
    return _photograph(field / 255, generator)


def seven_segment(digit, label, others, generator):
    width, unit, gap = generator.uniform(16, 40), generator.uniform(130, 190), generator.uniform(0, 12)
    image = Image.new("L", (SIDE, SIDE))
    draw, left, top = ImageDraw.Draw(image), SIDE / 2 - unit / 2, SIDE / 2 - unit
    for name in SEGMENTS[label]:
        x0, y0, x1, y1 = ENDS[name]
        dx, dy = gap * (x1 > x0), gap * (y1 > y0)
        start, end = (left + x0 * unit + dx, top + y0 * unit + dy), (left + x1 * unit - dx, top + y1 * unit - dy)
        draw.line([start, end], fill=255, width=int(width))
    picture = _photograph(np.asarray(image) / 255, generator)
    return picture if generator.integers(2) else 255 - picture


def glare(digit, label, others, generator):
    y, x = np.mgrid[:SIDE, :SIDE]
    cx, cy = generator.uniform(100, SIDE - 100, 2)
    spot = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * generator.uniform(40, 110) ** 2))
    picture = _photograph(_ink(digit, generator), generator).astype(float)
    return np.clip(picture + 255 * generator.uniform(0.4, 1.0) * spot, 0, 255).astype(np.uint8)


def blur(digit, label, others, generator):
    ink = ndimage.gaussian_filter(_ink(digit, generator), generator.uniform(4, 14))
    return _photograph(ink, generator)


def ruled(digit, label, others, generator, squared=False):
    spacing, lean = int(generator.integers(36, 80)), generator.uniform(-0.03, 0.03)
    y, x = np.mgrid[:SIDE, :SIDE]
    lines = (y + lean * x) % spacing < 2.5
    lines |= squared & ((x - lean * y) % spacing < 2.5)
    light = np.where(lines, generator.uniform(0.5, 0.65), generator.uniform(0.78, 0.9))
    return _photograph(_ink(digit, generator), generator, light=light)


def squared(digit, label, others, generator):
    return ruled(digit, label, others, generator, squared=True)


def chalk(digit, label, others, generator):
    dust = 1 - 0.5 * (ndimage.gaussian_filter(generator.normal(0, 1, (SIDE, SIDE)), 1.5) > 0.12)
    ink = _ink(digit, generator) * dust
    return _photograph(ink, generator, light=generator.uniform(0.12, 0.3), dark=generator.uniform(0.75, 0.9))


KINDS = {
    each.__name__.replace("_", "-"): each
    for each in (plain, shadow, table_edge, two_digits, seven_segment, glare, blur, ruled, squared, chalk)
}


if __name__ == "__main__":
    sys.exit(main())
