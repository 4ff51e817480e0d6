"""What a browser cannot show becomes a picture that it can, of which the network sees the same."""

import io

import numpy as np
import pytest
from PIL import Image

from siamese.demo.previews import preview


@pytest.mark.parametrize("name", ["a.pgm", "a.tiff", "a.jp2", "named.png"])
def test_it_is_the_same_picture_to_the_network(name, digits, bundled, tmp_path):
    kind = {"a.tiff": "TIFF", "a.jp2": "JPEG2000"}.get(name, "PPM")
    Image.fromarray(digits[0][0]).resize((80, 120)).save(path := tmp_path / name, kind)
    shown = preview(str(path))
    shown.save(file := io.BytesIO(), "PNG")  # as Gradio does
    np.testing.assert_array_equal(bundled.canonical(Image.open(file)), bundled.canonical(path))


def test_sixteen_bits_and_turned_pictures_too(digits, bundled, tmp_path):
    deep, turned = tmp_path / "deep.tiff", tmp_path / "turned.tiff"
    Image.fromarray(digits[0][0].astype(np.uint16) * 200).save(deep)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(digits[0][1]).save(turned, exif=exif)
    for path in (deep, turned):
        preview(str(path)).save(file := io.BytesIO(), "PNG")
        np.testing.assert_array_equal(bundled.canonical(Image.open(file)), bundled.canonical(path))


def test_what_browsers_show_and_what_nobody_can_stays_as_it_is(digits, tmp_path):
    for name in ("a.png", "a.jpg", "a.webp", "a.gif", "a.bmp", "a.avif"):
        Image.fromarray(digits[0][0]).save(path := tmp_path / name)
        assert preview(str(path)) is None
    (text := tmp_path / "text.tiff").write_text("text")
    (cut := tmp_path / "cut.tiff").write_bytes(b"II*\0" + bytes(20))
    Image.new("1", (12_000, 1001)).save(large := tmp_path / "large.tiff")
    assert [preview(path and str(path)) for path in (text, cut, large, tmp_path / "gone.tiff", None)] == [None] * 5
