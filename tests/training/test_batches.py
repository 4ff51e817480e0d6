"""What each step of a training sees: the images of its batch, what is known of them, and a share for each process."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch

from siamese.config import LEAST_STEPS
from siamese.data.datasets.mnist import load_mnist_sample
from siamese.data.labelled_images import LabelledImages
from siamese.data.pairs import LabelledPairs
from siamese.training import batches as module
from siamese.training.batches import LEAST_POSITIVES, Batches
from siamese.training.distributed import ALONE, World
from siamese.training.settings import TrainingSettings

CPU = torch.device("cpu")
SETTINGS = TrainingSettings("mnist-sample", batch_size=64, seed=3)


@pytest.fixture(scope="module")
def training() -> LabelledImages:
    """2,000 digits."""
    return load_mnist_sample()[0]


@pytest.fixture(scope="module")
def many_classes(training) -> LabelledImages:
    """400 images in 100 classes of four, which share digits."""
    return LabelledImages(training.images[:400], np.arange(400) % 100)


@pytest.fixture(scope="module")
def pairs(training) -> LabelledPairs:
    """30 pairs of 60 images, a third of them same."""
    return LabelledPairs(training.images[:60], np.arange(60).reshape(30, 2), np.arange(30) % 3 == 0)


@pytest.mark.parametrize("most_resident", [8 << 30, 0], ids=["on the device", "read batch by batch"])
def test_a_batch_is_its_images_in_0_to_1_with_their_classes(most_resident, training, monkeypatch):
    monkeypatch.setattr(module, "MOST_RESIDENT", most_resident)
    batches = Batches(training, SETTINGS, CPU, ALONE)
    batch = batches.epoch(0)[5]
    expected = training.images[batch.numpy()].astype(np.float32)[:, None] / 255
    np.testing.assert_allclose(batches.images(batch).numpy(), expected, rtol=1e-6)
    assert batches.images(batch).dtype == torch.float32
    assert batches.known(batch).tolist() == training.labels[batch.numpy()].tolist()


def test_an_epoch_sees_each_image_at_most_once_in_an_order_of_its_own(training):
    batches = Batches(training, SETTINGS, CPU, ALONE)
    assert batches.steps_per_epoch == 2000 // 64
    first, second = batches.epoch(0), batches.epoch(1)
    assert first.shape == (2000 // 64, 64)
    assert len(first.unique()) == first.numel()
    assert not torch.equal(first, second)
    assert torch.equal(first, Batches(training, SETTINGS, CPU, ALONE).epoch(0))
    assert not torch.equal(first, Batches(training, dataclasses.replace(SETTINGS, seed=4), CPU, ALONE).epoch(0))


def test_fewer_images_than_a_batch_are_one(training):
    few = training.take(np.flatnonzero(training.labels < 2)[:20])
    batches = Batches(few, SETTINGS, CPU, ALONE)
    assert (batches.size, batches.steps_per_epoch) == (20, 1)
    assert sorted(batches.epoch(0)[0].tolist()) == list(range(20))


def test_of_many_classes_a_batch_holds_few_with_positives_of_each(many_classes):
    batches = Batches(many_classes, SETTINGS, CPU, ALONE)
    for batch in batches.epoch(0):
        _, counts = batches.known(batch).unique(return_counts=True)
        assert counts.tolist() == [LEAST_POSITIVES] * (64 // LEAST_POSITIVES)


def test_a_batch_of_pairs_holds_both_ends_and_knows_no_more_than_the_labels(pairs):
    batches = Batches(pairs, SETTINGS, CPU, ALONE)
    assert batches.size == 60
    for batch in batches.epoch(0):
        known = batches.known(batch)
        for (i, a), (j, b) in itertools.product(enumerate(batch.tolist()), repeat=2):
            is_labelled = a != b and a // 2 == b // 2
            assert known[i, j] == (int(pairs.is_same[a // 2]) if is_labelled else -1)
    ends = batches.epoch(0)[0]
    expected = pairs.images[pairs.ends.ravel()[ends.numpy()]].astype(np.float32)[:, None] / 255
    np.testing.assert_allclose(batches.images(ends).numpy(), expected, rtol=1e-6)


def test_a_small_folder_is_passed_over_until_an_epoch_has_steps_enough(training, tmp_path):
    few = training.take(np.arange(100))
    own = dataclasses.replace(SETTINGS, dataset=str(tmp_path), batch_size=50)
    assert Batches(few, dataclasses.replace(SETTINGS, batch_size=50), CPU, ALONE).steps_per_epoch == 2
    batches = Batches(few, own, CPU, ALONE)
    assert batches.steps_per_epoch == LEAST_STEPS
    assert batches.epoch(0).shape == (LEAST_STEPS, 50)
    assert batches.epoch(0).unique(return_counts=True)[1].tolist() == [LEAST_STEPS // 2] * 100
    seen = {tuple(batch.tolist()) for epoch in range(3) for batch in batches.epoch(epoch)}
    assert len(seen) == 3 * LEAST_STEPS


@pytest.mark.parametrize(
    ("kind", "mode", "sentence"),
    [
        ("training", "ink", "these are 10, seen as ink"),
        ("pairs", "ink", "these are 0"),
        ("many_classes", "photo", "as photo"),
    ],
)
def test_new_classes_are_composed_of_drawings_of_many_classes_alone(kind, mode, sentence, many_classes, request):
    settings = dataclasses.replace(SETTINGS, compose=True, preprocess=mode)
    with pytest.raises(ValueError, match=f"{sentence}.*allowed: ink, and more than 1[56] classes with --batch-size 6[04]"):
        Batches(request.getfixturevalue(kind), settings, CPU, ALONE)
    Batches(many_classes, dataclasses.replace(settings, preprocess="ink"), CPU, ALONE)


@pytest.mark.parametrize(("size", "processes"), [(33, 2), (64, 3)])
def test_a_batch_that_the_processes_cannot_share_is_refused(size, processes, training):
    settings = dataclasses.replace(SETTINGS, batch_size=size)
    with pytest.raises(ValueError, match=f"--batch-size is {size} images, allowed with {processes} processes: a multiple"):
        Batches(training, settings, CPU, World(0, processes))


@pytest.mark.parametrize("kind", ["many_classes", "pairs"])
def test_each_process_gets_whole_positives(kind, request):
    batches = Batches(request.getfixturevalue(kind), dataclasses.replace(SETTINGS, batch_size=36), CPU, World(1, 2))
    assert batches.size == 32
