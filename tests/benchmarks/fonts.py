"""Letters of fonts, most of them drawn by hand, as class folders of pictures to train on.

for name in $(python tests/benchmarks/fonts.py --names); do
    mkdir -p fonts/$name && tar xzf $(npm pack --silent @fontsource/$name) -C fonts/$name; done
python tests/benchmarks/fonts.py fonts data/letters --kinds letters

The fonts are free (SIL Open Font License or Apache License 2.0). Each sign of a font becomes
pictures of 100 px: one as the font has it, and others drawn along its middle with a round brush of random width, as a
pen would, a little turned, slanted and bent: several where few fonts by hand have the script, one of a font for print.
Folders are named as Omniglot names its classes (`Cyrillic/character01`), so that training joins what is one letter; a
capital lies with its small letter where they differ in size alone. Needs scikit-image.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage
from skimage.morphology import skeletonize
from tqdm import tqdm
from unipen import LATIN, LIKE_CAPITALS

# Of Fontsource, by their names there; what is called handwriting is known from the packages themselves.
FONTS = """
alegreya alegreya-sans alex-brush allan allura amatic-sc andika annie-use-your-telescope anonymous-pro
architects-daughter arimo arsenal averia-libre averia-sans-libre averia-serif-libre bad-script balsamiq-sans bangers
berkshire-swash birthstone bubblegum-sans cabin-sketch cardo caveat caveat-brush cedarville-cursive chewy chilanka
comfortaa comforter comforter-brush comic-neue comic-relief coming-soon condiment cookie corinthia cormorant
cormorant-garamond cormorant-infant courgette cousine covered-by-your-grace crafty-girls cuprum cute-font damion
dancing-script dawning-of-a-new-day dekko delicious-handrawn delius delius-swash-caps didact-gothic eb-garamond
edu-nsw-act-foundation edu-qld-beginner edu-sa-beginner edu-tas-beginner edu-vic-wa-nt-beginner el-messiri englebert
ephesis exo-2 fascinate finger-paint fira-mono fira-sans forum fredericka-the-great freehand fuzzy-bubbles gabriela
gaegu gamja-flower gentium-plus gfs-didot gfs-neohellenic give-you-glory gloria-hallelujah gochi-hand grand-hotel
grandstander great-vibes hachi-maru-pop handlee happy-monkey herr-von-muellerhoff hi-melody homemade-apple hubballi
ibm-plex-mono ibm-plex-sans ibm-plex-serif indie-flower inspiration istok-web itim jetbrains-mono jua jura
just-another-hand just-me-again-down-here kalam kaushan-script kavivanar kelly-slab kite-one klee-one knewave kranky
kristi kurale la-belle-aurore league-script licorice life-savers literata lobster lobster-two londrina-solid lora
loved-by-the-king lovers-quarrel mali mansalva marck-script marmelad mclaren meddon medula-one merienda merriweather
molle monsieur-la-doulaise montecarlo montserrat montserrat-alternates mountains-of-christmas mr-dafoe mr-de-haviland
ms-madi mynerve nanum-brush-script nanum-pen-script nerko-one neucha niconne nothing-you-could-do noto-sans
noto-serif nova-script nunito old-standard-tt oooh-baby open-sans oranienbaum oswald over-the-rainbow pacifico
pangolin parisienne patrick-hand patrick-hand-sc permanent-marker petit-formal-script philosopher pinyon-script play
playfair-display playpen-sans poiret-one poor-story prosto-one pt-sans pt-serif qwigley rancho redressed
reenie-beanie ribeye roboto roboto-mono roboto-slab rochester rock-salt romanesco rouge-script rubik ruge-boogie
ruluko ruslan-display russo-one sacramento salsa satisfy scada schoolbell sedgwick-ave sedgwick-ave-display
shadows-into-light shadows-into-light-two shantell-sans short-stack sniglet snippet sofia source-sans-3
source-serif-4 spectral sriracha stalemate stix-two-text stylish sue-ellen-francisco sunflower sunshiney
swanky-and-moo-moo tangerine tenor-sans the-girl-next-door tillana tinos twinkle-star ubuntu unkempt vast-shadow
vibes vibur vollkorn waiting-for-the-sunrise walter-turncoat wellfleet whisper yatra-one yellowtail yeseva-one yomogi
yusei-magic zen-kurenaido zeyada
"""
SCRIPTS = {
    "Latin": (LATIN, LIKE_CAPITALS),
    "Cyrillic": ("абвгдеёжзийклмнопрстуфхцчшщъыьэюя", "вгджзийклмнопрстухцчшщъыьэюя"),
    "Greek": ("αβγδεζηθικλμνξοπρστυφχψω", "κοψ"),
}  # the small letters in Omniglot's order, and those whose capitals look the same
PARTS = {"Latin": "latin", "Cyrillic": "cyrillic", "Greek": "greek", "Digits": "latin"}  # of a font, by Fontsource's names
MOST = 12  # drawings of a sign of one font
SHARED = {"\u0410": "A", "\u0415": "E"}  # Cyrillic capitals that look like those Latin ones
LATIN_FORMS = "\u0391\u0392\u0395\u0396\u0397\u0399\u039c\u039d\u03a1\u03a4\u03a5\u03a7"  # Greek capitals: left out
CANVAS, SIDE, LONGER = 200, 100, 120  # px; SIDE is that of the picture, LONGER the sign's longer side on the canvas
BRUSHES = (4.0, 16.0)  # px on the canvas
LOOK, BENT, BLUR = 100, 4, 1.5  # px: the size to look at signs in, how far points are moved, what smooths a sign's edge
SAME = 0.9  # correlation from which a small letter is but the capital again, as in fonts of capitals


def main(argv: list[str] | None = None) -> int:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fonts", type=Path, nargs="?", help="a folder for each font, as its package has it")
    parser.add_argument("output", type=Path, nargs="?", help="folder to write")
    parser.add_argument("--names", action="store_true", help="print the names of the fonts, and no more")
    parser.add_argument("--kinds", nargs="+", choices=("letters", "digits"), default=["letters"], help="which signs")
    parser.add_argument(
        "--by-hand", type=int, default=300, help="drawings of each sign, of all fonts by hand (default: 300)"
    )
    arguments = parser.parse_args(argv)
    if arguments.names:
        print(*FONTS.split(), sep="\n")
        return 0
    if not arguments.output:
        parser.error("name the folder of the fonts, and the one to write")

    generator, count, folders = np.random.default_rng(0), 0, set()
    packages = sorted(arguments.fonts.glob("*/package"))
    by_hand = [package for package in packages if is_by_hand(package)]
    for package in tqdm(packages, "fonts", disable=None):
        for script in SCRIPTS if "letters" in arguments.kinds else ["Digits"]:
            part = PARTS[script]
            others = sum(bool(styles_of(each, part)) for each in by_hand)
            drawings = min(MOST, max(1, arguments.by_hand // max(others, 1))) if package in by_hand else 1
            for style in styles_of(package, part)[: 1 if package in by_hand else None]:
                font = ImageFont.truetype(style, LOOK)
                for sign, folder, image in signs_of(font, script):
                    (arguments.output / folder).mkdir(parents=True, exist_ok=True)
                    name = f"{style.stem}-{'capital' if sign.isupper() else 'small'}"
                    for number, picture in enumerate([image, *(drawn(image, generator) for _ in range(drawings))]):
                        small = picture.resize((SIDE, SIDE), Image.Resampling.BOX)
                        small.save(arguments.output / folder / f"{name}-{number}.png")
                        count += 1
                    folders.add(folder)
    print(f"{count:,} pictures of {len(folders)} signs from {len(packages)} fonts, {len(by_hand)} of them by hand")
    return 0


def is_by_hand(package: Path) -> bool:
    """Whether the font's maker calls it handwriting."""
    return json.loads((package / "metadata.json").read_text("utf-8")).get("category") == "handwriting"


def styles_of(package: Path, part: str) -> list[Path]:
    """The files of the font's regular weight, upright and then italic, where it has signs of the script."""
    files = [next(package.glob(f"files/*-{part}-400-{style}.woff"), None) for style in ("normal", "italic")]
    return [file for file in files if file]


def signs_of(font: ImageFont.FreeTypeFont, script: str) -> Iterator[tuple[str, str, Image.Image]]:
    """Each sign of the script that the font has, with its class folder and its picture."""
    letters, alike = SCRIPTS.get(script, ("0123456789", ""))
    for number, letter in enumerate(letters, start=1):
        small, capital = rendered(font, letter), rendered(font, letter.upper()) if letter.upper() != letter else None
        is_alike, folder = letter in alike, letter if script == "Digits" else f"{script}/character{number:02}"
        if small and (is_alike or not capital or not is_same(small, capital)):
            yield letter, folder, small
        if capital and letter.upper() not in LATIN_FORMS:
            sign = SHARED.get(letter.upper(), letter.upper())
            yield letter.upper(), folder if is_alike else f"capitals/{sign}", capital


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
