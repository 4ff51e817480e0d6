"""Images to measure a model on: as it would see them, not too many, with intervals that fit how they were split."""

import itertools

import numpy as np
import pytest
import torch
from brought import write_classes

from siamese.config import EncoderConfig, PreprocessConfig
from siamese.data import measured
from siamese.data.labelled_images import LabelledImages
from siamese.data.measured import bootstrap, calibrate, load_folder, load_pairs
from siamese.data.pairs import LabelledPairs
from siamese.evaluation.bootstrap import bootstrap_intervals, bootstrap_intervals_over_classes
from siamese.evaluation.calibration import fit_calibration, independent_pairs
from siamese.evaluation.metrics import pair_distances
from siamese.evaluation.unseen import as_of_unseen_classes, towards_usual
from siamese.images.canonical import canonical_image
from siamese.images.load import load_image

INK, COMPACT = PreprocessConfig("ink"), EncoderConfig()


@pytest.fixture
def folder(digits, tmp_path):
    """Three classes of four digits, and a file that is none."""
    folder = write_classes(tmp_path / "folder", digits, images=4)
    (folder / "class 1" / "bad.png").write_text("no picture")
    return folder


def test_a_folder_is_read_as_the_model_sees_it(folder):
    images, names, left_out, _ = load_folder(folder, INK, COMPACT)
    assert names == ("class 0", "class 1", "class 2")
    assert images.labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    files = sorted(folder.rglob("[0-9].png"))
    for image, file in zip(images.images, files, strict=True):
        np.testing.assert_array_equal(image, canonical_image(load_image(file), INK, 28, 1))
    ((file, reason),) = left_out
    assert file.name == "bad.png"
    assert "is not an image" in reason


def test_of_many_images_and_pairs_a_seeded_draw_is_measured(folder, monkeypatch):
    (folder / "class 1" / "bad.png").unlink()
    rows = [
        f"class {a}/{n}.png,class {b}/{m}.png,{int(a == b)}" for a in range(3) for b in range(3) for n, m in ((0, 1), (2, 3))
    ]
    (folder / "pairs.csv").write_text("\n".join(["image_a,image_b,is_same", *rows]))
    assert len(load_pairs(folder / "pairs.csv", INK, COMPACT)[0].ends) == 18
    monkeypatch.setattr(measured, "MOST_EVALUATED", 8)
    first, again = (load_folder(folder, INK, COMPACT)[0] for _ in range(2))
    assert len(first) == 8
    np.testing.assert_array_equal(first.images, again.images)
    pairs, left_out, _ = load_pairs(folder / "pairs.csv", INK, COMPACT)
    assert np.bincount(pairs.is_same).tolist() == [2, 2]
    assert left_out == ()


@pytest.mark.parametrize("split", ["given", "within", "classes", "groups"])
def test_intervals_are_over_classes_where_classes_were_held_out_and_else_over_images(split, digits):
    images, labels = digits
    data = LabelledImages(images[:100], labels[:100])
    embeddings = torch.from_numpy(data.images).flatten(1).float() / 255
    over = bootstrap_intervals_over_classes if split in ("classes", "groups") else bootstrap_intervals
    found = bootstrap(data, embeddings, 8.0, split)
    assert found == over(embeddings, torch.from_numpy(data.labels), 8.0)
    assert bootstrap_intervals_over_classes(embeddings, torch.from_numpy(data.labels), 8.0) != bootstrap_intervals(
        embeddings, torch.from_numpy(data.labels), 8.0
    )


# ---- Calibration ----


def looped_counts(data: LabelledImages, is_unseen: bool) -> tuple[float, float]:
    """As how many the pairs count, pair by pair: classes where they are unseen, else images, two of which make a pair."""
    pairs, units = {True: 0, False: 0}, {True: set(), False: set()}
    for i, j in itertools.combinations(range(len(data)), 2):
        is_same = bool(data.labels[i] == data.labels[j])
        pairs[is_same] += 1
        units[is_same] |= {int(data.labels[i]), int(data.labels[j])} if is_unseen else {i, j}
    same, different = (len(units[kind]) for kind in (True, False))
    same = same if is_unseen else same / 2
    return independent_pairs(pairs[True], same), independent_pairs(pairs[False], different / 2)


@pytest.mark.parametrize("split", ["given", "within", "classes", "groups"])
def test_confidence_counts_classes_where_they_are_unseen_and_else_images(split, digits):
    images, labels = digits
    kept = np.concatenate([np.flatnonzero(labels == label)[: 1 + 4 * label] for label in range(4)])  # one class of one image
    data = LabelledImages(images[kept], labels[kept])
    embeddings = torch.from_numpy(data.images).flatten(1).float() / 255
    is_unseen = split in ("classes", "groups")
    pairs, counts = data.distances(embeddings), looped_counts(data, is_unseen)
    if is_unseen:
        pairs = as_of_unseen_classes(pairs, embeddings, torch.from_numpy(data.labels))
    measured = pair_distances(embeddings, torch.from_numpy(data.labels))
    assert calibrate(data, embeddings, split) == fit_calibration(
        pairs, (len(measured.same), len(measured.different)), counts
    )


@pytest.mark.parametrize("split", ["within", "classes"])
def test_training_images_tell_what_few_unseen_classes_do_not(split, digits):
    images, labels = digits
    embeddings = torch.from_numpy(images).flatten(1).float() / 255
    data, few = LabelledImages(images[labels < 2], labels[labels < 2]), embeddings[labels < 2]
    training = embeddings[labels > 5], labels[labels > 5]
    alone = calibrate(data, few, split)
    if split == "classes":
        alone = towards_usual(alone, few, 2, training[0], torch.from_numpy(training[1]))
    assert calibrate(data, few, split, training) == alone


def test_confidence_of_labelled_pairs_counts_groups_that_hang_together(digits):
    images, _ = digits
    ends, is_same = np.arange(80).reshape(40, 2), np.arange(40) % 4 == 0
    embeddings = torch.from_numpy(images[:80]).flatten(1).float() / 255
    apart = LabelledPairs(images[:80], ends, is_same)  # forty pairs that share nothing are independent
    assert calibrate(apart, embeddings, "pairs") == fit_calibration(apart.distances(embeddings), (10, 30), (10, 30))
