"""Labelled pairs: what is read of a CSV file, splits that share no image, distances and intervals."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pair_files import write_csv, write_images
from PIL import Image

from siamese.commands import train
from siamese.config import EncoderConfig, PreprocessConfig
from siamese.data.pairs import LEAST_OF_A_KIND, LabelledPairs, list_pairs, read_pairs, split_pairs
from siamese.evaluation.bootstrap import bootstrap_intervals_over_pairs

INK = PreprocessConfig("ink")


@pytest.fixture
def images(digits, tmp_path) -> Path:
    """Ten images of each digit, as digits/LABEL-NUMBER.png."""
    return write_images(tmp_path / "digits", digits)


# ---- The file ----


def test_columns_may_be_in_any_order_with_others_between_and_paths_are_relative_to_the_file(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text("\ufeffis_same,note,image_b,image_a\nTRUE,x, b.png ,./a/1.png\n\nno,,/else/c.png,../d.png\n", "utf-8")
    assert list_pairs(path) == [
        (2, tmp_path / "a" / "1.png", tmp_path / "b.png", True),
        (4, tmp_path.parent / "d.png", Path("/else/c.png"), False),
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "lacks the columns image_a, image_b, is_same"),
        (b"image_a;image_b;is_same\n", "has no pairs"),
        (b"image_a;image_b;label\n", "lacks the columns is_same; its first line is ['image_a', 'image_b', 'label']"),
        (b"sep=;\nimage_a;image_b;is_same\na.png;b.png;0,5\n", "line 3: is_same is '0,5', allowed: 1, true"),
        (b"image_a,is_same\n", "lacks the columns image_b"),
        (b"image_a,image_b,is_same\n", "has no pairs"),
        (
            b"image_a,image_b,is_same\na.png,b.png,1\na.png,b.png,2\n",
            "line 3: is_same is '2', allowed: 1, true, yes, 0, false, no",
        ),
        (b"image_a,image_b,is_same\na.png,b.png\n", "line 2: is_same is ''"),
        (b"image_a,image_b,is_same\na.png,,1\n", "line 2 has no image_b"),
        (b"image_a,image_b,is_same\n,b.png,1\n", "line 2 has no image_a"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "is not a CSV file in UTF-8"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_the_line_and_what_is_allowed(content, expected, tmp_path, capsys):
    path = tmp_path / "pairs.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(expected)):
        list_pairs(path)
    assert train.main(["--pairs", str(path), "--output", str(tmp_path / "model")]) == 2
    stderr = capsys.readouterr().err
    assert stderr.startswith("error: ")
    assert stderr.count("\n") == 1


PLAIN = "image_a,image_b,is_same\nimg/0 é.png,img/1.png,1\nimg/1.png,img/2.png,0\n"


@pytest.mark.parametrize(
    ("made", "encoding"),
    [
        (PLAIN.replace(",", ";"), "utf-8"),
        (PLAIN.replace(",", "\t"), "utf-16"),  # Excel: "Unicode text"
        (PLAIN.replace(",", "\t"), "utf-8-sig"),
        ("sep=;\r\n" + PLAIN.replace(",", ";").replace("\n", "\r\n"), "cp1252"),
        (PLAIN.replace("\n", "\r"), "utf-8"),
        (PLAIN.replace(",", ", "), "utf-8"),
        (PLAIN.replace(",1\n", ",1.0\n").replace(",0\n", ",0.0\n"), "utf-8"),
        (PLAIN.replace(",", ";").replace(";1\n", ";1,0\n").replace(";0\n", ";0,00\n"), "utf-8"),
        (PLAIN.replace(",1\n", ",WAHR\n").replace(",0\n", ",FALSCH\n"), "utf-8"),
        (PLAIN.replace(",1\n", ",VRAI\n").replace(",0\n", ",Faux\n"), "utf-8"),
        (PLAIN.replace(",1\n", ",ИСТИНА\n").replace(",0\n", ",ЛОЖЬ\n"), "utf-8"),
        (PLAIN.replace("/", "\\"), "utf-8"),
        (PLAIN.upper().replace("IMG", "img").replace("PNG", "png").replace("É", "é"), "utf-8"),
        (PLAIN + ",,\n,,\n\n  , ,\n", "utf-8"),
        ("\n".join(",".join(f'"{cell}"' for cell in line.split(",")) for line in PLAIN.split("\n")[:3]), "utf-8"),
    ],
)
def test_what_spreadsheets_make_of_a_file_is_the_same_file(made, encoding, tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_bytes(made.encode(encoding))
    image = [tmp_path / "img" / name for name in ("0 é.png", "1.png", "2.png")]
    first = 3 if made.startswith("sep=") else 2
    assert list_pairs(path) == [(first, image[0], image[1], True), (first + 1, image[1], image[2], False)]


def test_a_backslash_that_is_part_of_a_name_stays(tmp_path):
    (tmp_path / "a\\b.png").write_bytes(b"")
    (tmp_path / "pairs.csv").write_text("image_a,image_b,is_same\na\\b.png,c\\d.png,yes\n")
    assert list_pairs(tmp_path / "pairs.csv") == [(2, tmp_path / "a\\b.png", tmp_path / "c" / "d.png", True)]


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        list_pairs(tmp_path / "pairs.csv")


def test_bad_images_are_left_out_by_name_and_copies_are_one_image(images, tmp_path):
    (images / "bad.png").write_text("no picture")
    Image.open(images / "0-0.png").save(images / "copy.bmp")
    rows = [
        ("0-0", "0-1", 1), ("1-0", "0-0", 0), ("bad", "0-0", 1), ("gone", "bad", 0), ("0-1", "0-0", 1), ("2-0", "2-0", 1),
    ]  # fmt: skip
    rows = [(f"digits/{a}.png", f"digits/{b}.png", same) for a, b, same in rows]
    rows += [("digits/copy.bmp", "digits/1-0.png", 0), ("digits/copy.bmp", "digits/3-0.png", 0)]
    found = read_pairs(write_csv(tmp_path / "pairs.csv", rows), INK, EncoderConfig())
    assert {file.name: bool(reason) for file, reason in found.left_out} == {"bad.png": True, "gone.png": True}
    assert found.remarks == (
        "2 pairs left out because an image is",
        "1 pair of an image with itself or with its copy, left out",
        "2 pairs listed more than once, counted once",
    )
    pairs = found.pairs
    assert pairs.is_same.tolist() == [True, False, False]
    first = [set(pair) for pair in pairs.ends.tolist()]
    assert len(first[0] & first[1] & first[2]) == 1  # the image that has a copy
    np.testing.assert_array_equal(pairs.images[(first[0] & first[1]).pop()], np.asarray(Image.open(images / "0-0.png")))


@pytest.mark.parametrize(
    ("second", "is_same", "expected"),
    [
        ("0-0", 0, "line 3 and line 2 contradict each other about 0-1.png and 0-0.png"),
        ("0-1", 0, "line 3 says that 0-1.png and 0-1.png are different, but they are the same image"),
    ],
)
def test_labels_that_contradict_each_other_are_refused(images, second, is_same, expected, tmp_path):
    rows = [("digits/0-0.png", "digits/0-1.png", 1), ("digits/0-1.png", f"digits/{second}.png", is_same)]
    with pytest.raises(ValueError, match=expected):
        read_pairs(write_csv(tmp_path / "pairs.csv", rows), INK, EncoderConfig())


def test_a_different_pair_within_a_chain_of_same_pairs_is_remarked(images, tmp_path):
    rows = [("0-0", "0-1", 1), ("0-1", "0-2", 1), ("0-2", "0-0", 0), ("0-2", "1-0", 0)]
    rows = [(f"digits/{a}.png", f"digits/{b}.png", same) for a, b, same in rows]
    found = read_pairs(write_csv(tmp_path / "pairs.csv", rows), INK, EncoderConfig())
    assert found.remarks == ("1 pair labelled different, although other pairs connect the two images as the same",)


@pytest.mark.parametrize("is_same", [0, 1])
def test_pairs_of_one_kind_alone_are_refused(images, is_same, tmp_path):
    (images / "0-2.png").write_text("no picture")
    rows = [("digits/0-0.png", "digits/0-1.png", is_same), ("digits/0-0.png", "digits/0-2.png", 1 - is_same)]
    with pytest.raises(ValueError, match=r"allowed: at least 1 of each; .*0-2.png: "):
        read_pairs(write_csv(tmp_path / "pairs.csv", rows), INK, EncoderConfig())


# ---- Splits and batches ----


def numbered(edges: list[tuple[int, int, bool]]) -> LabelledPairs:
    """Images that are their own number; each pair once, none of an image with itself."""
    known = {(min(a, b), max(a, b)): same for a, b, same in edges if a != b}
    kept, ends = np.unique(np.array(list(known)).reshape(-1, 2), return_inverse=True)
    images = kept.astype(np.uint32).view(np.uint8).reshape(-1, 2, 2)
    return LabelledPairs(images, ends.reshape(-1, 2), np.array(list(known.values()), dtype=bool))


def named(part: LabelledPairs) -> set[tuple[int, int, bool]]:
    numbers = np.ascontiguousarray(part.images).reshape(-1, 4).view(np.uint32).ravel()
    return {(*sorted(pair), same) for pair, same in zip(numbers[part.ends].tolist(), part.is_same.tolist(), strict=True)}


edges = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200), st.booleans()), min_size=40, max_size=90)


@given(edges, st.floats(0.05, 0.4), st.floats(0.05, 0.4), st.integers(0, 1000))
def test_no_image_is_in_two_parts_and_no_pair_is_lost(edges, validation_share, test_share, seed):
    data = numbered([(300, 301, True), (302, 303, False), *edges])
    try:
        parts = split_pairs(data, validation_share, test_share, seed)
    except ValueError as error:
        assert f"allowed: at least {LEAST_OF_A_KIND} of each" in str(error)  # noqa: PT017
        return
    found = [named(part) for part in parts]
    assert set.union(*found) == named(data)
    assert sum(map(len, found)) == len(data.is_same)
    held = [{image for a, b, _ in part for image in (a, b)} for part in found]
    assert not held[0] & held[1] | held[0] & held[2] | held[1] & held[2]
    assert [named(part) for part in split_pairs(data, validation_share, test_share, seed)] == found


def test_pairs_apart_are_shared_out_as_asked_in_both_kinds():
    data = numbered([(2 * number, 2 * number + 1, number % 4 == 0) for number in range(400)])
    parts = split_pairs(data, 0.1, 0.3, 0)
    assert [np.bincount(part.is_same).tolist() for part in parts] == [[180, 60], [30, 10], [90, 30]]
    other = split_pairs(data, 0.1, 0.3, 1)
    assert named(other[2]) != named(parts[2])


def test_pairs_that_all_hang_together_cannot_be_split():
    data = numbered([(number, number + 1, number % 2 == 0) for number in range(100)])
    with pytest.raises(ValueError, match="connect the images into 1 group of at most 100 pairs"):
        split_pairs(data, 0.2, 0.2, 0)


def test_at_most_so_many_of_each_kind_are_kept():
    data = numbered([(2 * number, 2 * number + 1, number % 4 == 0) for number in range(400)])
    fewer = data.at_most(120, seed=0)
    assert np.bincount(fewer.is_same).tolist() == [120, 100]
    assert named(fewer) < named(data)
    assert len(fewer.images) == 440


# ---- Losses and metrics ----


@pytest.fixture(scope="module")
def labelled(digits) -> tuple[LabelledPairs, torch.Tensor, list[tuple[float, bool, int, int]]]:
    """Pairs of 40 digits, their pixels as embeddings, and each pair as (distance, is_same, a, b)."""
    generator = np.random.default_rng(0)
    ends = np.array(sorted({tuple(sorted(generator.choice(40, 2, replace=False).tolist())) for _ in range(120)}))
    pairs = LabelledPairs(digits[0][:40], ends, digits[1][ends[:, 0]] == digits[1][ends[:, 1]])
    embeddings = torch.from_numpy(digits[0][:40]).flatten(1).float() / 2550
    looped = [
        (math.dist(embeddings[a].tolist(), embeddings[b].tolist()), bool(same), a, b)
        for (a, b), same in zip(ends.tolist(), pairs.is_same, strict=True)
    ]
    return pairs, embeddings, looped


def test_distances_and_the_hardest_pairs_are_those_of_a_loop(labelled):
    pairs, embeddings, looped = labelled
    found = pairs.distances(embeddings)
    for values, kind in ((found.same, True), (found.different, False)):
        np.testing.assert_allclose(values, sorted(d for d, same, _, _ in looped if same == kind), rtol=1e-5)
        expected, used = [], set()
        for _, _, a, b in sorted((row for row in looped if row[1] == kind), reverse=kind):
            if not {a, b} & used and len(expected) < 3:
                expected.append((a, b))
                used |= {a, b}
        assert [(a, b) for a, b, _ in pairs.hardest(embeddings, kind, 3)] == expected


@pytest.mark.parametrize("over", ["images", "groups"])
def test_interval_is_that_of_a_looped_bootstrap_with_the_same_draws(labelled, over):
    pairs, _, looped = labelled
    threshold, replicates = float(np.median([distance for distance, *_ in looped])), 40
    distances = np.array([row[0] for row in looped], dtype=np.float32)
    units = pairs.ends if over == "images" else np.repeat(pairs.ends[:, :1] // 4, 2, axis=1)
    names = sorted(set(units.ravel().tolist()))
    generator, rates = np.random.default_rng(3), []
    for _ in range(replicates):
        drawn = [names[number] for number in generator.integers(len(names), size=len(names))]
        right = {True: [], False: []}
        for distance, same, (first, second) in zip(distances, pairs.is_same.tolist(), units.tolist(), strict=True):
            weight = drawn.count(first) * (drawn.count(second) if second != first else 1)
            right[same] += [(distance <= threshold) == same] * weight
        if right[True] and right[False]:
            rejected, accepted = 1 - np.mean(right[True]), 1 - np.mean(right[False])
            rates.append([1 - (rejected + accepted) / 2, accepted, rejected])
    expected = np.quantile(rates, [0.025, 0.975], axis=0).T
    measured = bootstrap_intervals_over_pairs(distances, pairs.is_same, units, threshold, replicates, seed=3)
    np.testing.assert_allclose(measured, expected, rtol=1e-6)


def test_the_interval_draws_what_hangs_together_where_that_is_many(digits):
    apart = LabelledPairs(digits[0][:80], np.arange(80).reshape(40, 2), np.arange(40) % 2 == 0)
    embeddings = torch.from_numpy(digits[0][:80]).flatten(1).float() / 2550
    distance = (embeddings[0::2] - embeddings[1::2]).norm(dim=1).numpy()
    threshold = float(np.median(distance))
    whole = bootstrap_intervals_over_pairs(distance, apart.is_same, np.repeat(np.arange(40)[:, None], 2, axis=1), threshold)
    assert apart.intervals(embeddings, threshold) == whole
