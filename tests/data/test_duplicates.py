"""Near duplicates: copies of real pictures are found, and real pictures are not taken for copies."""

import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from siamese.__main__ import main
from siamese.config import EncoderConfig, PreprocessConfig
from siamese.data.duplicates import LEAST_CORRELATION, MOST_COPIES, SIDE, near_duplicates, thumbnail
from siamese.data.folders import find_classes, read_folder
from siamese.data.labelled_images import LabelledImages
from siamese.data.pairs import read_pairs, split_pairs
from siamese.data.splits import split_images
from siamese.images.load import load_image


def saved_again(image: Image.Image, **options) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, **options)
    return Image.open(io.BytesIO(buffer.getvalue()))


def resized(image: Image.Image, scale: float) -> Image.Image:
    return image.resize([round(scale * side) for side in image.size], Image.Resampling.LANCZOS)


COPIES = {
    "half the size": lambda image: resized(image, 0.5),
    "twice the size": lambda image: resized(image, 2),
    "jpeg": lambda image: saved_again(image, format="JPEG", quality=60),
    "webp": lambda image: saved_again(resized(image, 0.8), format="WEBP", quality=60),
    "brighter": lambda image: image.point(lambda value: min(255, int(1.1 * value + 8))),
}


def looped_groups(thumbnails: np.ndarray) -> list[int]:
    """Each image joins the group of every earlier one that it correlates with."""
    correlation = np.corrcoef(thumbnails.reshape(len(thumbnails), -1).astype(float))
    groups = list(range(len(thumbnails)))
    for number in range(len(groups)):
        for other in range(number):
            if correlation[number, other] >= LEAST_CORRELATION:
                low, high = sorted((groups[number], groups[other]))
                groups = [low if group == high else group for group in groups]
    return groups


@pytest.fixture(scope="module")
def drawings(digits) -> list[Image.Image]:
    """120 digits at 112 px, as a scanner would give them."""
    return [Image.fromarray(image).resize((112, 112), Image.Resampling.BICUBIC) for image in digits[0][:120]]


@pytest.mark.parametrize("copy", COPIES)
def test_every_copy_is_found_and_nothing_else(copy, drawings):
    images = drawings + [COPIES[copy](image) for image in drawings]
    thumbnails = np.stack([thumbnail(image, 1) for image in images])
    first, alike = near_duplicates(thumbnails)
    assert first.tolist() == looped_groups(thumbnails) == [*range(120), *range(120)]
    assert alike == 0


def test_colour_tells_pictures_apart_where_the_network_sees_colour(drawings):
    mask = drawings[0]
    red, green = (Image.composite(Image.new("RGB", mask.size, ink), Image.new("RGB", mask.size), mask) for ink in
                  ((200, 0, 0), (0, 102, 0)))  # fmt: skip
    for channels, expected in ((3, [0, 1]), (1, [0, 0])):
        assert near_duplicates(np.stack([thumbnail(image, channels) for image in (red, green)]))[0].tolist() == expected


def test_digits_are_no_duplicates_of_each_other(digits):
    first, alike = near_duplicates(np.stack([thumbnail(Image.fromarray(image), 1) for image in digits[0]]))
    assert alike == 0
    assert (first != np.arange(1000)).sum() <= 1


def test_faces_in_one_pose_are_no_duplicates_of_each_other(full_mnist_root):
    files = [file for images in find_classes(full_mnist_root / "faces").values() for file in images]
    first, _ = near_duplicates(np.stack([thumbnail(load_image(file), 1) for file in files]))
    assert first.tolist() == list(range(len(files)))


def test_what_has_no_contrast_is_let_be_and_any_number_of_copies_is_one_group():
    blank = np.full((3, SIDE, SIDE), 255, np.uint8)
    assert near_duplicates(blank)[0].tolist() == [0, 1, 2]
    generator = np.random.default_rng(0)
    scene = generator.integers(0, 200, (1, SIDE, SIDE))
    for count in (MOST_COPIES, MOST_COPIES + 1, 300):
        frames = (scene + generator.integers(0, 8, (count, SIDE, SIDE))).astype(np.uint8)
        first, alike = near_duplicates(frames)
        assert first.tolist() == [0] * count
        assert alike == (0 if count == MOST_COPIES else count)


# ---- In folders, files of pairs and splits ----


@pytest.fixture
def folder(drawings, digits, tmp_path):
    """Six drawings of each of five digits, and copies: of one of "2" in its class, of one of "3" as one of "4"."""
    for label in range(5):
        (tmp_path / "digits" / str(label)).mkdir(parents=True)
    for label in range(5):
        of_class = [image for image, other in zip(drawings, digits[1], strict=False) if other == label]
        for number, image in enumerate(of_class[:6]):
            image.save(tmp_path / "digits" / str(label) / f"{number}.png")
        if label in (2, 3):
            COPIES["jpeg"](of_class[1]).save(tmp_path / "digits" / str(label + label - 2) / "copy.webp")
    return tmp_path / "digits"


def test_near_duplicates_in_a_folder_are_named_with_what_is_done_about_them(folder, capsys):
    found = read_folder(folder, PreprocessConfig("ink"), EncoderConfig())
    assert len(found.files) == 32
    within, across = (
        (folder / "2" / "copy.webp", folder / "2" / "1.png"),
        (folder / "4" / "copy.webp", folder / "3" / "1.png"),
    )
    assert found.near_duplicates() == [(*within, True), (*across, False)]
    assert found.remarks == (
        f"1 image nearly the same as an earlier one of the class, kept in the same part of the split: {within[0]} is like "
        f"{within[1]}",
        "1 image nearly the same as an earlier one of another class, kept; if the two show the same, one of the classes is "
        f"wrong: {across[0]} is like {across[1]}",
    )
    assert main(["check", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["near_duplicates"] == [
        {"file": str(within[0]), "of": str(within[1]), "same_class": True},
        {"file": str(across[0]), "of": str(across[1]), "same_class": False},
    ]
    assert main(["check", str(folder)]) == 0
    out = capsys.readouterr().out
    assert f"nearly the same: {within[0]} and {within[1]}\n" in out
    assert f"nearly the same, though of two classes: {across[0]} and {across[1]}\n" in out


@given(st.lists(st.integers(0, 59), min_size=0, max_size=40), st.integers(0, 1000))
def test_near_duplicates_are_in_one_part_of_a_split_within_classes(copied, seed):
    count = 60 + len(copied)
    first = np.concatenate([np.arange(60), np.array(copied, dtype=np.int64)])
    labels = np.arange(60) % 3
    data = LabelledImages(np.arange(count)[:, None, None].astype(np.uint8), labels[first])
    parts = [part.images.ravel().tolist() for part in split_images(data, 0.2, 0.2, seed, first)]
    assert sorted(number for part in parts for number in part) == list(range(count))
    for part in parts:
        assert all((first[number] in part) for number in part)


def test_near_duplicates_are_in_one_part_of_a_split_of_pairs(folder, tmp_path):
    lines = ["image_a,image_b,is_same"]
    for label in range(4):
        files = [f"digits/{label}/{number}.png" for number in range(6)]
        lines += [f"{files[0]},{files[1]},1", f"{files[2]},{files[3]},0", f"{files[4]},{files[5]},{label % 2}"]
    lines += ["digits/2/copy.webp,digits/4/0.png,0", "digits/4/copy.webp,digits/4/1.png,1"]
    (tmp_path / "pairs.csv").write_text("\n".join(lines))
    found = read_pairs(tmp_path / "pairs.csv", PreprocessConfig("ink"), EncoderConfig())
    assert found.remarks == ("2 images nearly the same as another one, kept in the same part of the split",)
    for seed in range(5):
        parts = split_pairs(found.pairs, 0.3, 0.3, seed, found.first)
        whole = {image.tobytes(): number for number, image in enumerate(found.pairs.images)}
        groups = [{found.first[whole[image.tobytes()]] for image in part.images} for part in parts]
        assert not groups[0] & groups[1] | groups[0] & groups[2] | groups[1] & groups[2]
