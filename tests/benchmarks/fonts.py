"""Letters of fonts, most of them drawn by hand, as class folders of pictures to train on.

npm pack @fontsource/NAME    for each name of FONTS; unpack each as fonts/NAME
python tests/benchmarks/fonts.py fonts data/font-letters --kinds letters

The fonts are free (SIL Open Font License or Apache License 2.0). Each sign of a font becomes pictures of 100 px: one as the font has it,
and others drawn along its middle with a round brush of random width, as a pen would, a little turned, slanted and bent.
Folders are named as Omniglot names its classes (`Cyrillic/character01`), so that training joins what is one letter; a
capital lies with its small letter where they differ in size alone. Needs scikit-image.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage
from skimage.morphology import skeletonize
from tqdm import tqdm
from unipen import LATIN, LIKE_CAPITALS

SCRIPTS = {
    "Latin": ("latin", LATIN, LIKE_CAPITALS),
    "Cyrillic": ("cyrillic", "абвгдеёжзийклмнопрстуфхцчшщъыьэюя", "вгджзийклмнопрстухцчшщъыьэюя"),
    "Greek": ("greek", "αβγδεζηθικλμνξοπρστυφχψω", "κοψ"),
}  # the part of a font, the small letters in Omniglot's order, and those whose capitals look the same
SHARED = dict(zip("АЕΑΒΕΖΗΙΜΝΤ", "AEABEZHIMNT", strict=True))  # capitals that look like Latin ones
CANVAS, SIDE, LONGER = 200, 100, 120  # px; SIDE is that of the picture, LONGER the sign's longer side on the canvas
BRUSHES = (4.0, 16.0)  # px on the canvas
LOOK, BENT, BLUR = 100, 4, 1.5  # px: the size to look at signs in, how far points are moved, what smooths a sign's edge
SAME = 0.9  # correlation from which a small letter is but the capital again, as in fonts of capitals


def main(argv: list[str] | None = None) -> int:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fonts", type=Path, help="a folder for each font, as its package has it")
    parser.add_argument("output", type=Path, help="folder to write")
    parser.add_argument("--kinds", nargs="+", choices=("letters", "digits"), default=["letters"], help="which signs")
    parser.add_argument("--drawn", type=int, default=2, help="pictures along the middle of each sign (default: 2)")
    arguments = parser.parse_args(argv)

    generator, count, signs = np.random.default_rng(0), 0, set()
    names = sorted(each.name for each in arguments.fonts.iterdir() if each.is_dir())
    for font in tqdm(names, "fonts", disable=None):
        for sign, folder, image in signs_of(arguments.fonts / font, arguments.kinds):
            (arguments.output / folder).mkdir(parents=True, exist_ok=True)
            pictures = [image, *(drawn(image, generator) for _ in range(arguments.drawn))]
            for number, picture in enumerate(pictures):
                case = "capital-" * (sign != sign.lower())
                small = picture.resize((SIDE, SIDE), Image.Resampling.BOX)
                small.save(arguments.output / folder / f"{font}-{case}{number}.png")
                count += 1
            signs.add(folder)
    print(f"{count:,} pictures of {len(signs)} signs from {len(names)} fonts")
    return 0


def signs_of(package: Path, kinds: list[str]) -> Iterator[tuple[str, str, Image.Image]]:
    """Each sign that a font has, with its class folder and its picture."""
    if "digits" in kinds and (font := font_of(package, "latin")):
        for digit in "0123456789":
            if image := rendered(font, digit):
                yield digit, digit, image
    if "letters" not in kinds:
        return
    for script, (part, letters, alike) in SCRIPTS.items():
        if not (font := font_of(package, part)):
            continue
        for number, letter in enumerate(letters, start=1):
            small, capital = rendered(font, letter), rendered(font, letter.upper())
            is_alike, folder = letter in alike, f"{script}/character{number:02}"
            if small and (is_alike or not capital or not is_same(small, capital)):
                yield letter, folder, small
            if capital:
                sign = SHARED.get(letter.upper(), letter.upper())
                yield letter.upper(), folder if is_alike else f"capitals/{sign}", capital


def font_of(package: Path, part: str) -> ImageFont.FreeTypeFont | None:
    """The font's regular style, where it has signs of the script."""
    files = sorted(package.glob(f"package/files/*-{part}-400-normal.woff"))
    return ImageFont.truetype(files[0], LOOK) if files else None


def rendered(font: ImageFont.FreeTypeFont, sign: str) -> Image.Image | None:
    """A sign in black on white, LONGER px long, or None where the font has it not."""
    if bytes(font.getmask(sign)) == bytes(font.getmask("\uffff")):
        return None
    left, top, right, bottom = font.getbbox(sign)
    if right <= left or bottom <= top:
        return None
    sized = font.font_variant(size=max(8, round(LOOK * LONGER / max(right - left, bottom - top))))
    image = Image.new("L", (CANVAS, CANVAS), 255)
    left, top, right, bottom = sized.getbbox(sign)
    ImageDraw.Draw(image).text(((CANVAS - left - right) / 2, (CANVAS - top - bottom) / 2), sign, 0, sized)
    return image if np.asarray(image).min() < 128 else None


def is_same(one: Image.Image, other: Image.Image) -> bool:
    """Whether two signs have one form, whatever their sizes."""
    forms = []
    for each in (one, other):
        box = Image.eval(each, lambda value: 255 - value).getbbox()
        form = np.asarray(each.crop(box).resize((32, 32)), float).ravel()
        forms.append((form - form.mean()) / max(np.linalg.norm(form - form.mean()), 1e-9))
    return float(forms[0] @ forms[1]) > SAME


def drawn(image: Image.Image, generator: np.random.Generator) -> Image.Image:
    """The sign along its middle, with a brush of its own, turned, slanted, stretched and bent by a little."""
    middle = skeletonize(ndimage.gaussian_filter(255.0 - np.asarray(image), BLUR) > 110)
    points = np.argwhere(middle)[:, ::-1] - CANVAS / 2  # x, y
    angle, slant = generator.normal(0, np.radians(5)), generator.normal(0, 0.12)
    stretch = np.exp(generator.normal(0, 0.12))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = points @ (turn @ np.array([[stretch, slant], [0, 1 / stretch]])).T
    waves = generator.normal(0, 1, (2, 3, 3))  # smooth moves, in px, from one corner of the sign to the other
    where = np.clip((points + CANVAS / 2) / CANVAS * 2, 0, 2).T[::-1]
    points += BENT * np.stack([ndimage.map_coordinates(wave, where, order=2, mode="nearest") for wave in waves], axis=1)
    low, high = points.min(axis=0), points.max(axis=0)
    points = (points - (low + high) / 2) * LONGER / max(*(high - low), 1) + CANVAS / 2
    radius = float(np.exp(generator.uniform(*np.log(BRUSHES)))) / 2
    ink = np.ones((CANVAS, CANVAS), dtype=bool)
    rows, columns = np.clip(np.round(points[:, ::-1]).astype(int), 0, CANVAS - 1).T
    ink[rows, columns] = False
    return Image.fromarray(np.where(ndimage.distance_transform_edt(ink) <= radius, 0, 255).astype(np.uint8))


if __name__ == "__main__":
    sys.exit(main())
