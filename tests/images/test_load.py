"""Any source becomes an upright image within bounds, or an error that says what is wrong."""

import struct
import zlib

import numpy as np
import pytest
from paper import grey, strokes
from PIL import Image, ImageOps

from siamese.config import PreprocessConfig
from siamese.data.datasets.mnist import load_sample_digits
from siamese.images.canonical import canonical_image
from siamese.images.load import MAX_SIDE, load_image

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
