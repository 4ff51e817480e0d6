"""Remarks: pictures of several drawings get one, drawings of several strokes do not."""

import numpy as np
import pytest
from paper import PICTURES, grey, photograph, strokes
from PIL import Image, ImageDraw
from scipy import ndimage

from siamese.config import PreprocessConfig
from siamese.data.datasets.mnist import load_sample_digits
from siamese.images.canonical import read_image
from siamese.images.ink import BlankImageError
from siamese.images.load import load_image
from siamese.images.remarks import ANGULAR, COLOURED, SEVERAL, TANGLED, UNCLEAR

DIGITS, _ = load_sample_digits()


def remark(picture, **config) -> str:
    return read_image(load_image(picture), PreprocessConfig(**config), 28, 1)[1]


def two(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.hstack([strokes(digit, 200, 210, 5, 5) for digit in (first, second)])


@pytest.mark.parametrize("number", range(0, 1000, 100))
@pytest.mark.parametrize("turn", [lambda ink: ink, np.transpose], ids=["side by side", "above each other"])
def test_two_digits_in_a_picture_are_several_drawings(number, turn):
    pair = turn(two(DIGITS[number], DIGITS[(number + 437) % 1000]))
    field = np.pad(pair, 60)
    assert remark(grey(1 - field)) == SEVERAL
    assert remark(grey(field)) == SEVERAL


@pytest.mark.parametrize("kind", PICTURES)
def test_one_digit_is_one_drawing(kind):
    assert [remark(PICTURES[kind](DIGITS[number])) for number in range(3, 1000, 100)] == [""] * 10


@pytest.mark.parametrize(
    "lines",
    [
        [(100, 100, 100, 300), (100, 30, 100, 50)],  # i
        [(80, 60, 80, 170), (80, 185, 80, 300)],  # the loose halves of a 1
        [(250, 60, 120, 60), (110, 80, 110, 170, 250, 170, 250, 320, 100, 320)],  # a 5 with a loose bar
        [(100, 60, 100, 200, 220, 200), (240, 60, 240, 320)],  # a 4
    ],
)
def test_strokes_of_one_sign_are_one_drawing(lines):
    image = Image.new("L", (400, 400), 255)
    draw = ImageDraw.Draw(image)
    for line in lines:
        draw.line(line, fill=0, width=16, joint="curve")
        for x, y in zip(line[::2], line[1::2], strict=True):  # a pen is round, and a hand less steady than a ruler
            draw.ellipse((x - 8, y - 8, x + 8, y + 8), fill=0)
    lean = image.transform(image.size, Image.Transform.AFFINE, (1, 0.2, -40, 0, 1, 0), fillcolor=255)
    assert remark(lean) == ""


SEGMENTS = {
    "2": [(0, 0, 1, 0), (1, 0, 1, 1), (0, 1, 1, 1), (0, 1, 0, 2), (0, 2, 1, 2)],
    "4": [(0, 0, 0, 1), (0, 1, 1, 1), (1, 0, 1, 1), (1, 1, 1, 2)],
    "6": [(0, 0, 1, 0), (0, 0, 0, 1), (0, 1, 1, 1), (0, 1, 0, 2), (1, 1, 1, 2), (0, 2, 1, 2)],
}


@pytest.mark.parametrize("digit", SEGMENTS)
@pytest.mark.parametrize("gap", [0, 6])
@pytest.mark.parametrize("lean", [0, 7])
def test_digits_of_a_display_are_told_from_handwriting(digit, gap, lean):
    image = Image.new("L", (400, 400), 240)
    for x0, y0, x1, y1 in SEGMENTS[digit]:
        dx, dy = gap * (x1 > x0), gap * (y1 > y0)
        ends = (140 + 120 * x0 + dx, 80 + 120 * y0 + dy, 140 + 120 * x1 - dx, 80 + 120 * y1 - dy)
        ImageDraw.Draw(image).line(ends, fill=20, width=20)
    assert remark(image.rotate(lean, Image.Resampling.BICUBIC, fillcolor=240)) == ANGULAR


def wall(seed: int, roughness: float) -> np.ndarray:
    """A surface without a drawing, uint8 (400, 400): noise that is stronger the coarser it is."""
    generator, frequencies = np.random.default_rng(seed), np.fft.fftfreq(400)
    distance = np.hypot(frequencies, frequencies[:, None])
    distance[0, 0] = 1
    values = np.fft.ifft2(np.fft.fft2(generator.normal(size=(400, 400))) / distance**roughness).real
    return grey(0.6 + 0.12 * (values - values.mean()) / values.std())


@pytest.mark.parametrize("roughness", [0.8, 1.2, 1.6])
def test_a_wall_is_no_clear_drawing_or_blank(roughness):
    for seed in range(5):
        try:
            assert remark(wall(seed, roughness)) in (UNCLEAR, TANGLED)
        except BlankImageError:
            assert roughness < 1  # no mark stands out of it


def test_a_blob_and_what_is_blurred_beyond_strokes_are_no_clear_drawing():
    assert remark(grey(1 - shape_of("disc"))) == UNCLEAR
    blurred = {
        sigma: [remark(photograph(ndimage.gaussian_filter(strokes(DIGITS[k]), sigma))) for k in range(0, 1000, 50)]
        for sigma in (4, 25)
    }
    assert blurred[4] == [""] * 20
    assert blurred[25].count(UNCLEAR) > 12


def test_faces_are_no_clear_drawing(full_mnist_root):
    faces = sorted((full_mnist_root / "faces").glob("s*/[12].pgm"))
    if not faces:
        pytest.skip("there are no faces beside MNIST")
    assert np.mean([remark(face) in (UNCLEAR, TANGLED, SEVERAL) for face in faces]) > 0.8


def test_a_scribble_is_more_than_a_digit():
    image, generator = Image.new("L", (400, 400), 255), np.random.default_rng(0)
    ImageDraw.Draw(image).line([tuple(point) for point in generator.uniform(50, 350, (20, 2))], fill=0, width=8)
    assert remark(image) == TANGLED


def test_small_pictures_and_photographs_get_none():
    pair = grey(1 - np.pad(two(DIGITS[3], DIGITS[543]), 60))
    assert remark(Image.fromarray(pair).resize((60, 40))) == ""
    assert remark(pair, mode="photo") == ""


COLOURS = [(200, 30, 30), (30, 60, 200), (240, 180, 0), (20, 140, 60)]


def coloured(ink: np.ndarray, colour: tuple[int, int, int], paper: tuple[int, int, int] = (255, 255, 255)) -> np.ndarray:
    """Ink (H, W) in 0..1 of one colour on paper of another: uint8 (H, W, 3)."""
    return np.round(ink[..., None] * colour + (1 - ink[..., None]) * paper).astype(np.uint8)


def shape_of(kind: str) -> np.ndarray:
    image = Image.new("L", (400, 400))
    draw = ImageDraw.Draw(image)
    {"disc": draw.ellipse, "box": draw.rectangle}[kind]((90, 110, 310, 290), fill=255)
    return np.asarray(image) / 255


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("kind", ["disc", "box"])
def test_a_coloured_thing_on_white_is_not_ink_without_a_word(kind, colour):
    assert remark(coloured(shape_of(kind), colour)) == COLOURED
    assert remark(coloured(shape_of(kind), (60, 60, 60))) == UNCLEAR  # ink is black, but of strokes


@pytest.mark.parametrize("colour", COLOURS)
def test_a_coloured_pen_or_marker_draws_and_so_does_ink_on_coloured_paper(colour):
    for number in range(5, 1000, 100):
        for thin, side in ((strokes(DIGITS[number], 300, 400, 5, 5), 0), (strokes(DIGITS[number], 300, 400, 30, 30), 1)):
            assert remark(coloured(thin, colour)) == "", side
            assert remark(coloured(thin, (20, 20, 20), colour)) == "", side
