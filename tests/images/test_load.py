"""Any source becomes an upright image within bounds, or an error that says what is wrong."""

import contextlib
import struct
import threading
import time
import warnings
import weakref
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from paper import grey, strokes
from PIL import Image, ImageOps

from siamese.config import PreprocessConfig
from siamese.data.datasets.mnist import load_sample_digits
from siamese.images import load
from siamese.images.canonical import canonical_image
from siamese.images.load import MAX_SIDE, ignore_pillow_warnings, load_image

CONFIG = PreprocessConfig()
DIGITS, _ = load_sample_digits()


def canonical(picture) -> np.ndarray:
    return canonical_image(load_image(picture), CONFIG, 28, 1)


def test_exif_rotation_is_undone(tmp_path) -> None:
    upright = Image.fromarray(grey(1 - strokes(DIGITS[3])))
    exif = Image.Exif()
    exif[0x0112] = 6  # "rotate by 90 degrees clockwise to see it upright"
    upright.rotate(90, expand=True).save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(canonical(tmp_path / "turned.png"), canonical(upright))


def test_sixteen_bits_and_palettes(tmp_path) -> None:
    ink = strokes(DIGITS[3])
    Image.fromarray((65535 * (1 - ink)).astype(np.uint16)).save(tmp_path / "deep.png")
    Image.fromarray(grey(1 - ink)).convert("P").save(tmp_path / "palette.gif")
    expected = canonical(grey(1 - ink)).astype(int)
    for name in ("deep.png", "palette.gif"):
        assert np.abs(canonical(tmp_path / name) - expected).mean() < 2


def write(path, content: bytes):
    path.write_bytes(content)
    return path


def test_bad_input_says_what_is_wrong(tmp_path) -> None:
    Image.fromarray(DIGITS[0]).save(tmp_path / "good.png")
    good = (tmp_path / "good.png").read_bytes()
    bad = {
        "is not a file": tmp_path / "missing.png",
        r"not an image, allowed: PNG": write(tmp_path / "text.png", b"hello"),
        "damaged|cannot be read": write(tmp_path / "cut.png", good[: len(good) // 2]),
        "not an image": write(tmp_path / "empty.png", b""),
        "float64 array": np.zeros((28, 28)),
        r"shape \(28, 28, 2\)": np.zeros((28, 28, 2), np.uint8),
        "0x28 px": np.zeros((28, 0), np.uint8),
        "allowed: a path, a PIL image": 5,
        f"at most|{MAX_SIDE}": Image.new("1", (MAX_SIDE + 1, 2)),
    }
    for message, picture in bad.items():
        with pytest.raises(ValueError, match=message):
            canonical(picture)


def test_what_git_lfs_leaves_in_place_of_a_picture_is_called_so(tmp_path) -> None:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{64 * '0'}\nsize 12345\n"
    with pytest.raises(
        ValueError, match=r"'a\.png' only points to a picture that Git LFS keeps elsewhere: run `git lfs pull`"
    ):
        canonical(write(tmp_path / "a.png", pointer.encode()))


def test_huge_image_is_refused_before_it_is_decoded(tmp_path) -> None:
    Image.new("1", (6, 6)).save(tmp_path / "bomb.png")
    content = bytearray((tmp_path / "bomb.png").read_bytes())
    content[16:24] = struct.pack(">II", 60_000, 60_000)  # the header now promises 3.6 gigapixels
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    with pytest.raises(ValueError, match=r"60000x60000 px, allowed|too large"):
        canonical(write(tmp_path / "bomb.png", bytes(content)))


def test_source_is_left_alone() -> None:
    picture = Image.fromarray(np.dstack([np.zeros((400, 400, 3), np.uint8), grey(strokes(DIGITS[3]))]))
    before = picture.copy()
    canonical(ImageOps.exif_transpose(picture))
    canonical(picture)
    assert picture.mode == before.mode
    np.testing.assert_array_equal(np.asarray(picture), np.asarray(before))


def test_what_python_does_with_warnings_is_not_changed_for_other_threads(tmp_path) -> None:
    """A thread that has warnings recorded gets all of its own while others load images, and its filters stay."""
    Image.fromarray(DIGITS[3]).save(tmp_path / "digit.png")
    done = threading.Event()

    def load() -> None:
        while not done.is_set():
            load_image(tmp_path / "digit.png")

    threads = [threading.Thread(target=load) for _ in range(3)]
    with warnings.catch_warnings(record=True) as recorded:
        warnings.simplefilter("always")
        before = list(warnings.filters)
        for thread in threads:
            thread.start()
        for _ in range(100):
            warnings.warn("mine", stacklevel=1)
            time.sleep(0.0002)
        done.set()
        for thread in threads:
            thread.join()
        assert warnings.filters == before
    assert sum(str(warning.message) == "mine" for warning in recorded) == 100


def test_a_program_prints_no_warnings_of_pillow_but_its_own() -> None:
    with warnings.catch_warnings(record=True) as recorded:
        warnings.resetwarnings()
        ignore_pillow_warnings()
        ignore_pillow_warnings()
        assert len(warnings.filters) == 1
        warnings.warn_explicit("of Pillow", UserWarning, "TiffImagePlugin.py", 1, "PIL.TiffImagePlugin")
        warnings.warn_explicit("of another", UserWarning, "other.py", 1, "other")
    assert [str(warning.message) for warning in recorded] == ["of another"]


# ---- Transparent colours ----


def written(path, pixels: np.ndarray, kind: int, bits: int, transparent: bytes):
    """A PNG by hand: Pillow writes neither all kinds nor all numbers of bits. `pixels` hold the bytes of its rows."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    height, row = pixels.shape
    width = row * 8 // bits // (3 if kind == 2 else 1)
    rows = b"".join(b"\0" + line.tobytes() for line in pixels)
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    parts = [(b"IHDR", header), (b"tRNS", transparent), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return write(path, b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts))


# Of each kind of pixel: dark ink (20, or the darkest there is), and a transparent colour that is nearly as dark, so that
# where it counts as a colour, the sheet is dark all over.
KINDS = {
    "grey of 1 bit": (0, 1, lambda ink: np.packbits(~ink, axis=1), b"\0\1"),
    "grey of 2 bits": (0, 2, lambda ink: np.packbits(np.repeat(~ink, 2, axis=1) & [False, True] * 80, axis=1), b"\0\1"),
    "grey of 4 bits": (
        0, 4, lambda ink: np.packbits(np.repeat(~ink, 4, axis=1) & [False, False, True, True] * 80, axis=1), b"\0\3",
    ),
    "grey of 8 bits": (0, 8, lambda ink: np.where(ink, 20, 60).astype(np.uint8), b"\0\x3c"),
    "grey of 16 bits": (0, 16, lambda ink: np.where(ink, 5000, 15000).astype(">u2").view(np.uint8), b"\x3a\x98"),
    "colour of 8 bits": (2, 8, lambda ink: np.repeat(np.where(ink, 20, 60).astype(np.uint8), 3, axis=1), b"\0\x3c" * 3),
    "colour of 16 bits": (
        2, 16, lambda ink: np.repeat(np.where(ink, 5000, 15000).astype(">u2"), 3, axis=1).view(np.uint8),
        b"\x3a\x98" * 3,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_a_transparent_colour_is_paper_whatever_the_bits_of_a_pixel(name, tmp_path) -> None:
    kind, bits, pixels, transparent = KINDS[name]
    ink = np.zeros((80, 80), bool)
    ink[10:70, 36:44] = ink[10:18, 20:44] = True
    image = load_image(written(tmp_path / "see-through.png", np.ascontiguousarray(pixels(ink)), kind, bits, transparent))
    assert image.mode == ("LA" if kind == 0 else "RGBA")
    np.testing.assert_array_equal(np.asarray(image)[..., -1], 255 * ink)
    np.testing.assert_array_equal(canonical(image), canonical(Image.fromarray(grey(1 - ink))))


def test_a_photograph_with_a_transparent_colour_lies_on_white(tmp_path) -> None:
    pixels = np.full((40, 40, 3), (10, 200, 30), np.uint8)
    pixels[10:30, 10:30] = (200, 30, 20)
    Image.fromarray(pixels).save(tmp_path / "photo.png", transparency=(10, 200, 30))
    seen = canonical_image(load_image(tmp_path / "photo.png"), PreprocessConfig("photo"), 40, 3)
    expected = np.where((pixels == (10, 200, 30)).all(axis=2, keepdims=True), 255, pixels)
    np.testing.assert_array_equal(seen, expected)


def test_a_transparent_colour_of_an_image_in_memory_leaves_it_as_it_was() -> None:
    picture = Image.fromarray(grey(1 - strokes(DIGITS[3])))
    picture.info["transparency"] = 255
    assert load_image(picture).mode == "LA"
    assert (picture.mode, picture.info) == ("L", {"transparency": 255})


# ---- Many at once ----


def test_pictures_that_are_decoded_at_once_are_bounded_together(tmp_path):
    """Whatever threads want, and in whatever order: never more pixels than allowed, and each has its turn."""
    decoding, most, seen, paths = load.Decoding(1000), 1000, [], []
    for number, side in enumerate((10, 20, 25, 30, 31)):
        paths.append(tmp_path / f"{number}.png")
        Image.linear_gradient("L").resize((side, side)).save(paths[-1])

    def look(path: Path) -> None:
        with decoding.turn() as turn:
            image = load_image(path, turn)
            seen.append((image.width, decoding.held))
            time.sleep(0.002)

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(look, paths * 10))
    assert len(seen) == 50
    assert max(held for _, held in seen) <= most
    assert max(held for _, held in seen) >= 31 * 31  # and they do not wait where they need not
    assert decoding.held == 0


def test_a_picture_larger_than_the_bound_has_its_turn_alone_and_what_fails_gives_its_share_back(tmp_path):
    decoding = load.Decoding(10)
    Image.linear_gradient("L").save(tmp_path / "a.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "a.png").read_bytes()[:200])
    with decoding.turn() as turn:
        load_image(tmp_path / "a.png", turn)
        assert decoding.held == 256 * 256
    with pytest.raises(ValueError, match="damaged"), decoding.turn() as turn:
        load_image(tmp_path / "cut.png", turn)
    assert decoding.held == 0


def test_an_error_keeps_no_picture_alive(tmp_path):
    """Else those of all that were refused would be in memory for as long as somebody writes of it to a log."""
    opened = []
    Image.new("RGBA", (50, 50)).save(tmp_path / "blank.png")

    def look(turn: load.Turn) -> None:
        image = load_image(tmp_path / "blank.png", turn)
        opened.append(weakref.ref(image))
        canonical_image(image, CONFIG, 28, 1)

    with pytest.raises(ValueError, match="blank") as caught, load.Decoding(10_000).turn() as turn:
        look(turn)
    assert caught.value.__traceback__ is not None
    assert opened[0]() is None


def test_all_ways_to_a_verdict_share_one_bound(verifier, tmp_path, monkeypatch):
    waited = []
    monkeypatch.setattr(load.Turn, "wait_for", lambda self, pixels: waited.append(pixels))
    Image.linear_gradient("L").save(tmp_path / "a.png")
    for image in (tmp_path / "a.png", Image.linear_gradient("L"), np.asarray(Image.linear_gradient("L"))):
        waited.clear()
        with contextlib.suppress(ValueError):
            verifier.look(image)
        assert waited[0] in (256 * 256, 0)
        assert waited[-1] == 0
    Image.linear_gradient("L").resize((3000, 2000)).convert("RGB").save(tmp_path / "photo.jpg")
    waited.clear()
    with contextlib.suppress(ValueError):
        verifier.look(tmp_path / "photo.jpg")
    assert waited[0] <= 3000 * 2000 / 4  # a JPEG is decoded smaller than it is
