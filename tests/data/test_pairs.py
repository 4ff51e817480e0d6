"""Labelled pairs: what is read of a CSV file, splits that share no image, and training and measuring on pairs alone."""

import csv
import itertools
import json
import math
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file
from sklearn.metrics import balanced_accuracy_score

from siamese import Verifier
from siamese.__main__ import main
from siamese.commands import train
from siamese.config import EncoderConfig, PreprocessConfig
from siamese.data.pairs import LEAST_OF_A_KIND, LabelledPairs, list_pairs, read_pairs, split_pairs
from siamese.data.sampling import known_pairs, pair_batches
from siamese.evaluation.bootstrap import bootstrap_intervals_over_pairs
from siamese.losses import LOSSES, for_labelled_pairs
from siamese.model_folder.weights import RESUME_FILE, WEIGHTS_FILE

INK = PreprocessConfig("ink")


def write_csv(path: Path, rows: list[tuple], header: str = "image_a,image_b,is_same") -> Path:
    with path.open("w", newline="", encoding="utf-8") as text:
        text.write(header + "\n")
        csv.writer(text).writerows(rows)
    return path


@pytest.fixture
def images(digits, tmp_path) -> Path:
    """Ten images of each digit, as digits/LABEL-NUMBER.png."""
    (tmp_path / "digits").mkdir()
    for label in range(10):
        for number, image in enumerate(digits[0][digits[1] == label][:10]):
            Image.fromarray(image).save(tmp_path / "digits" / f"{label}-{number}.png")
    return tmp_path / "digits"


@pytest.fixture
def pairs_file(images, tmp_path) -> Path:
    """A CSV file beside the images' folder: rings of four images, two of each of two digits, all six pairs of each ring."""
    rows = []
    for label, number in itertools.product(range(0, 10, 2), range(0, 10, 2)):
        ring = [f"{kind}-{n}" for kind in (label, label + 1) for n in (number, number + 1)]
        rows += [(f"digits/{a}.png", f"digits/{b}.png", int(a[0] == b[0])) for a, b in itertools.combinations(ring, 2)]
    return write_csv(tmp_path / "pairs.csv", rows)


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
        (b"image_a;image_b;is_same\n", "lacks the columns image_a, image_b, is_same"),
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


@given(st.integers(1, 30), st.integers(1, 30), st.integers(2, 12).map(lambda quarter: 4 * quarter), st.integers(0, 99))
def test_batches_of_pairs_hold_both_ends_and_as_many_of_each_kind(same, different, batch_size, seed):
    is_same = np.random.default_rng(seed).permutation([True] * same + [False] * different)
    batches = pair_batches(is_same, batch_size, 7, np.random.default_rng(seed))
    assert batches.shape == (7, batch_size)
    for batch in batches.tolist():
        assert sorted(end ^ 1 for end in batch) == sorted(batch)  # 2p and 2p + 1
        assert sum(bool(is_same[end // 2]) for end in batch) == batch_size // 2
    drawn = batches.numpy()[:, :] // 2
    for kind in (True, False):
        times = np.bincount(drawn[is_same[drawn] == kind], minlength=len(is_same))[is_same == kind]
        assert times.max() - times.min() <= 2  # each pair as often as any other, give or take one round
    again = pair_batches(is_same, batch_size, 7, np.random.default_rng(seed))
    assert torch.equal(batches, again)


# ---- Losses and metrics ----


@pytest.mark.parametrize("name", for_labelled_pairs())
def test_losses_see_the_labelled_pairs_alone(name):
    generator = torch.Generator().manual_seed(0)
    is_same = torch.tensor([True, False, True, False, False, True])
    ends = torch.tensor([0, 5, 2, 1, 3, 4, 7, 6, 10, 11, 8, 9, 2, 3])  # pair 1 twice
    embeddings = torch.randn(len(ends), 5, generator=generator)
    loss = LOSSES[name]()
    terms = {True: [], False: []}
    for i, j in itertools.combinations(range(len(ends)), 2):
        if ends[i] // 2 == ends[j] // 2 and ends[i] != ends[j]:
            distance = math.dist(embeddings[i].tolist(), embeddings[j].tolist())
            same = bool(is_same[ends[i] // 2])
            if name == "contrastive":
                term = distance**2 / 2 if same else max(0, loss.margin - distance) ** 2 / 2
            else:
                logit = loss.bias.item() - loss.log_scale.exp().item() * distance**2
                term = np.logaddexp(0, -logit if same else logit)
            terms[same].append(term)
    assert {same: len(values) for same, values in terms.items()} == {True: 3, False: 6}
    expected = (np.mean(terms[True]) + np.mean(terms[False])) / 2
    assert loss(embeddings, known_pairs(is_same, ends)).item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", for_labelled_pairs())
def test_labels_of_all_pairs_are_worth_as_much_as_classes(name, digits):
    embeddings, labels = torch.from_numpy(digits[0][:50]).flatten(1).float() / 2550, torch.from_numpy(digits[1][:50])
    relation = (labels[:, None] == labels[None, :]).long().fill_diagonal_(-1)
    loss = LOSSES[name]()
    assert loss(embeddings, relation).item() == pytest.approx(loss(embeddings, labels).item(), rel=1e-6)


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


# ---- Training and measuring ----

SHORT = ["--device", "cpu", "--epochs", "2", "--batch-size", "8", "--encoder", "seed"]


def test_training_on_pairs_from_end_to_end(pairs_file, images, tmp_path, capsys):
    (images / "0-0.png").write_text("no picture")
    folder = tmp_path / "model"
    arguments = ["--pairs", str(pairs_file), *SHORT, "--validation-share", "0.3", "--test-share", "0.3"]
    assert train.main([*arguments, "--output", str(folder)]) == 0
    stdout, stderr = capsys.readouterr()
    assert "labelled pairs to train on; seen as ink, 28 x 28 px, grey" in stdout
    assert "left out" in stderr
    assert "0-0.png" in stderr
    assert "note: 3 pairs left out because an image is" in stderr
    assert "pairs of a kind: trust the interval" in stderr
    verifier = Verifier.from_pretrained(folder)
    config, data = verifier.config, verifier.config.data
    assert (data.dataset, data.split, data.classes, data.left_out, config.loss.name) == ("pairs.csv", "pairs", 0, 1, "bce")
    assert data.pairs + config.metrics.same_pairs + config.metrics.different_pairs < 147
    assert data.training_images + data.validation_images + data.test_images == 99
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert f"({data.pairs} labelled pairs)" in card
    assert "no image is in two" in card
    assert "0-0.png" in card
    assert "0 classes" not in card

    assert main(["evaluate", "--pairs", str(pairs_file), "--model", str(folder), "--json"]) == 0
    stdout, stderr = capsys.readouterr()
    answer = json.loads(stdout)
    assert "0-0.png" in stderr
    rows = [row for row in list_pairs(pairs_file) if "0-0.png" not in (row[1].name, row[2].name)]
    a, b = (verifier.embed([row[side] for row in rows]).astype(np.float64) for side in (1, 2))
    is_same = np.array([row[3] for row in rows])
    accepted = np.linalg.norm(a - b, axis=1) <= config.calibration.threshold
    assert (answer["same_pairs"], answer["different_pairs"]) == (is_same.sum(), (~is_same).sum())
    assert answer["dataset"] == str(pairs_file)
    assert answer["balanced_accuracy"] == pytest.approx(100 * balanced_accuracy_score(is_same, accepted), abs=1.5)
    assert answer["balanced_accuracy_low"] <= answer["balanced_accuracy"] <= answer["balanced_accuracy_high"]


def test_an_interrupted_training_on_pairs_ends_as_if_never_interrupted(pairs_file, root, tmp_path):
    arguments = ["--pairs", str(pairs_file), *SHORT, "--loss", "contrastive", "--validation-share", "0.3"]
    assert train.main([*arguments, "--output", str(tmp_path / "whole")]) == 0
    folder = tmp_path / "model"
    command = [sys.executable, "train.py", *arguments, "--output", str(folder)]
    process = subprocess.Popen(command, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if re.match(r"epoch 2/2: .* [1-9]\d*/\d+ \[", line):
            break
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert process.returncode == 130
    assert [path.name for path in folder.iterdir()] == [RESUME_FILE]
    assert train.main(["--resume", "--output", str(folder)]) == 0
    continued, whole = (load_file(place / WEIGHTS_FILE) for place in (folder, tmp_path / "whole"))
    assert all(torch.equal(continued[name], tensor) for name, tensor in whole.items())


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--loss", "supcon"], "loss supcon needs classes, and --pairs has none; allowed: bce, contrastive"),
        (["--dataset", "mnist-sample"], "leave --dataset out"),
        (["--split", "within"], "leave --split out"),
        (["--rotations"], "leave --rotations out"),
        (["--test-share", "0.01"], "test would have"),
        (["--hosted", "t4-small", "--push", "--repo-id", "me/model", "--dry-run"], "a job sees no file or folder"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_does_not_go_with_pairs_is_refused(flags, expected, pairs_file, tmp_path, capsys):
    output = [] if "--hosted" in flags else ["--output", str(tmp_path / "model")]
    assert train.main(["--pairs", str(pairs_file), *flags, *output]) == 2
    stderr = capsys.readouterr().err
    assert expected in stderr
    assert "error: " in stderr
    assert stderr.count("\n") == 1


def test_evaluate_takes_a_dataset_or_pairs(pairs_file, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["evaluate", "--pairs", str(pairs_file), "--dataset", "mnist-sample"])
    assert caught.value.code == 2
    assert main(["evaluate", "--pairs", str(pairs_file), "--ways", "5"]) == 2
    assert "--ways is 5" in capsys.readouterr().err
