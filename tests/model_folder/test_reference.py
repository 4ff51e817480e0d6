"""What a model knows: when an image is unlike all of it, and the file that travels with the weights."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from browser_fixtures import ROSE
from PIL import Image, ImageDraw
from safetensors.torch import save_file

from siamese import Verifier
from siamese.data.augmentation import augment_ink
from siamese.images.canonical import to_tensor
from siamese.model_folder.files import REFERENCE_FILE
from siamese.model_folder.reference import (
    DISTORTED_AT_ONCE,
    FALSE_ALARMS,
    LEAST_UNITS,
    MOST_IMAGES,
    Reference,
    choose_reference,
    load_reference,
    save_reference,
    usual_range,
    without_class_names,
)  # fmt: skip
from siamese.model_folder.weights import load_model

LINES = {
    "grid": [(80, 80), (320, 80), (320, 320), (80, 320), (80, 80), (200, 80), (200, 320), (320, 320), (320, 200), (80, 200)],
    "rose": [(400 * x, 400 * y) for x, y in ROSE],
}


@pytest.fixture(scope="module")
def reference(digits, verifier) -> Reference:
    """Of images as they are, as where nothing is known of the classes."""
    return choose_reference(verifier.network, digits[0][:300], digits[1][:300], "pairs")


@pytest.fixture(scope="module")
def distorted(digits, verifier) -> Reference:
    return choose_reference(verifier.network, digits[0][:300], digits[1][:300], "given", "ink", True)


# ---- What is familiar ----


def test_lengths_are_those_that_normalising_takes_away(reference, verifier, digits):
    drawn = np.random.default_rng(0).permutation(300)[:20]
    layers = verifier.network.encoder.layers
    for place, image in enumerate(digits[0][:300][drawn]):
        with torch.no_grad():
            features = layers(torch.from_numpy(image)[None, None] / 255)[0].numpy().astype(float)
        assert reference.lengths[place].item() == pytest.approx(math.hypot(*features), rel=1e-4)
        assert reference.embeddings[place] == pytest.approx(features / math.hypot(*features), abs=1e-5)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("shape", ["normal", "skewed", "two-humped"])
def test_of_new_images_the_stated_share_is_outside(shape, seed):
    """Whatever the distribution: on average over what the range is found from."""
    draw = {
        "normal": lambda generator, size: generator.normal(30, 5, size),
        "skewed": lambda generator, size: generator.exponential(10, size) + 1,
        "two-humped": lambda generator, size: np.where(generator.random(size) < 0.3, 10, 40) + generator.random(size),
    }[shape]
    generator, outside = np.random.default_rng(seed), []
    for _ in range(200):
        low, high = usual_range(draw(generator, 1000), np.arange(1000), FALSE_ALARMS / 2)
        outside.append(np.mean([not low <= length <= high for length in draw(generator, 1000)]))
    assert np.mean(outside) == pytest.approx(FALSE_ALARMS, abs=0.002)


@pytest.mark.parametrize("classes", [LEAST_UNITS, 8, 30, 98, 150])
def test_of_new_classes_no_more_than_the_stated_share_is_outside_however_alike_the_images_of_each_are(classes):
    generator, outside = np.random.default_rng(classes), []
    for _ in range(400):
        middles = generator.normal(3, 0.3, classes + 20)
        lengths = np.exp(middles[:, None] + generator.normal(0, 0.1, (classes + 20, 10)))
        low, high = usual_range(lengths[:classes].ravel(), np.arange(classes).repeat(10), FALSE_ALARMS / 2)
        outside.append(np.mean((lengths[classes:] < low) | (lengths[classes:] > high)))
    assert np.mean(outside) <= FALSE_ALARMS * 1.1
    naive = np.quantile(lengths[:classes], [FALSE_ALARMS / 2, 1 - FALSE_ALARMS / 2])
    assert low < naive[0] * 1.05  # pooled images would promise more than so few classes hold
    assert high > naive[1] * 0.95


def test_where_new_images_are_of_new_classes_these_are_what_is_drawn_anew(reference):
    kinds = {
        split: Reference(reference.embeddings, reference.labels, reference.lengths, split) for split in ("pairs", "classes")
    }
    lengths, labels = reference.lengths.astype(float), reference.labels
    assert kinds["pairs"].usual == usual_range(lengths, np.arange(300), FALSE_ALARMS / 2)
    assert kinds["classes"].usual == usual_range(lengths, labels, FALSE_ALARMS / 2)  # ten of them
    assert kinds["classes"].usual[0] < kinds["pairs"].usual[0] < kinds["pairs"].usual[1] < kinds["classes"].usual[1]
    low, high = kinds["pairs"].usual
    for embedding in (reference.embeddings[0], reference.embeddings[0] + 9):  # distance has no say
        assert [kinds["pairs"].is_familiar(embedding, length) for length in (low, high)] == [True, True]
        assert [kinds["pairs"].is_familiar(embedding, length) for length in (low * 0.999, high * 1.001)] == [False, False]


def test_of_seen_classes_length_and_distance_are_judged_together(distorted):
    """By Fisher's method: the product of the p-values, counted by hand among distorted test images."""
    lengths, distances = distorted.lengths, distorted.distances

    def product(length: float, distance: float) -> float:
        low, high = (lengths <= length).sum() + 1, (lengths >= length).sum() + 1
        return min(2 * min(low, high) / 301, 1) * ((distances >= distance).sum() + 1) / 301

    own = sorted(product(*each) for each in zip(lengths, distances, strict=True))
    assert math.exp(-distorted.strangest) == pytest.approx(own[5])  # 2% of 301
    for length in np.quantile(lengths, [0, 0.005, 0.05, 0.5, 0.98, 1]):
        for shift in (0, 0.1, 0.4, 2):
            embedding = distorted.embeddings[7] + shift
            distance = np.linalg.norm(distorted.embeddings.astype(float) - embedding, axis=1).min()
            expected = product(np.float32(length), np.float32(distance)) > own[5] * 1.001
            assert distorted.is_familiar(embedding, float(length)) == expected


def test_of_so_many_distorted_images_as_many_are_called_unfamiliar(distorted):
    strange = distorted.strangeness(distorted.lengths, distorted.distances)
    assert (strange >= distorted.strangest).mean() == pytest.approx(FALSE_ALARMS, abs=1 / 300)


def test_distorted_images_are_measured_against_the_other_images(distorted, reference, verifier, digits):
    """Distorted as the training does it, by hand for the first of them; the embeddings are of the images themselves."""
    assert np.array_equal(distorted.embeddings, reference.embeddings)
    drawn = np.random.default_rng(0).permutation(300)[:DISTORTED_AT_ONCE]
    images, labels = to_tensor(digits[0][:300][drawn]), torch.from_numpy(digits[1][:300][drawn])
    images = augment_ink(images, torch.Generator().manual_seed(0), digits=labels)
    embeddings = verifier.network.eval()(images).detach().numpy().astype(float)
    points = distorted.embeddings.astype(float)
    for place in range(0, DISTORTED_AT_ONCE, 9):
        nearest = min(math.dist(embeddings[place], point) for other, point in enumerate(points) if other != place)
        assert distorted.distances[place].item() == pytest.approx(nearest, abs=1e-3)


def test_of_few_distorted_images_lengths_alone_decide(distorted):
    few = Reference(*(part[:9] for part in (distorted.embeddings, distorted.labels, distorted.lengths)), "within")
    few = dataclasses.replace(few, distances=distorted.distances[:9])
    assert few.strangest is None
    low, high = few.usual
    assert [few.is_familiar(few.embeddings[0] + 9, each) for each in (low, high, 0.9 * low)] == [True, True, False]


def test_with_too_few_to_tell_nobody_says_anything(reference):
    few = reference.labels < LEAST_UNITS - 1
    parts = reference.embeddings[few], reference.labels[few], reference.lengths[few]
    for silent in (Reference(*parts, "classes"), Reference(*parts, "groups"), Reference(*parts[:2])):
        assert silent.usual is None
        assert silent.is_familiar(parts[0][0], 1e9) is None
    assert Reference(*parts, "within").is_familiar(parts[0][0], 1e9) is False


def test_the_plane_is_that_in_which_the_reference_spreads_most(reference):
    points = reference.embeddings.astype(float)
    values, axes = np.linalg.eigh(np.cov(points.T))
    flat = reference.project(reference.embeddings)
    assert flat.shape == (300, 2)
    assert flat.var(axis=0, ddof=1) == pytest.approx(values[::-1][:2], rel=1e-3)
    assert np.abs(flat[:, 0]) == pytest.approx(np.abs((points - points.mean(axis=0)) @ axes[:, -1]), abs=1e-4)


def test_a_reference_is_a_seeded_draw_of_bounded_size(verifier, digits):
    images = np.concatenate([digits[0], digits[0][:100]])
    once, again = (choose_reference(verifier.network, images, np.arange(len(images)), "given") for _ in range(2))
    assert np.array_equal(once.embeddings, again.embeddings)
    assert np.array_equal(once.lengths, again.lengths)
    assert len(once.labels) == len(np.unique(once.labels)) == MOST_IMAGES
    expected = verifier.embed_canonical(images[once.labels[:50]])
    assert once.embeddings[:50] == pytest.approx(expected, abs=1e-5)
    assert choose_reference(verifier.network, images[:9], None, "pairs").labels.sum() == 0  # labelled pairs have no classes


@pytest.mark.parametrize("name", LINES)
def test_the_bundled_digits_know_digits_but_not_these_drawings(name, digits, bundled_folder):
    bundled = Verifier.from_pretrained(bundled_folder)
    assert np.mean([look.is_familiar for look in bundled.look_at_canonical(digits[0])]) > 0.97
    drawing = Image.new("L", (400, 400), 255)
    ImageDraw.Draw(drawing).line(LINES[name], fill=0, width=20, joint="curve")
    assert bundled.look(drawing).is_familiar is False
    assert bundled.verify(drawing, digits[0][0]).is_familiar is False


# ---- The file ----


def test_training_writes_the_reference_of_its_test_images(trained_folder, verifier, digits):
    assert len(verifier.reference.embeddings) == 1000
    own = verifier.embed_canonical(digits[0][:1])
    assert np.linalg.norm(verifier.reference.embeddings - own, axis=1).min() < 1e-3
    assert np.bincount(verifier.reference.labels).tolist() == [100] * 10


def test_a_saved_reference_comes_back_unless_the_weights_are_others(reference, distorted, trained_folder, tmp_path):
    network, _ = load_model(trained_folder)
    save_reference(reference, network, tmp_path)
    loaded = load_reference(tmp_path, network)
    assert np.array_equal(loaded.embeddings, reference.embeddings)
    assert np.array_equal(loaded.labels, reference.labels)
    assert np.array_equal(loaded.lengths, reference.lengths)
    assert loaded.usual == reference.usual
    assert loaded.distances is None
    save_reference(distorted, network, tmp_path)
    assert load_reference(tmp_path, network).strangest == distorted.strangest
    assert load_reference(tmp_path, network, "classes").split == "classes"
    with torch.no_grad():
        next(network.parameters()).add_(1e-3)
    assert load_reference(tmp_path, network) is None
    assert load_reference(tmp_path / "nowhere", network) is None


def test_the_names_of_the_classes_come_back_and_no_others(reference, trained_folder, tmp_path):
    network, _ = load_model(trained_folder)
    names = tuple(f"class <{number}> é" for number in range(10))
    save_reference(dataclasses.replace(reference, names=names), network, tmp_path)
    assert load_reference(tmp_path, network).names == names
    (tmp_path / "sent").mkdir()
    (tmp_path / "sent" / REFERENCE_FILE).write_bytes(without_class_names(tmp_path / REFERENCE_FILE))
    assert b"class <" not in (tmp_path / "sent" / REFERENCE_FILE).read_bytes()
    sent = load_reference(tmp_path / "sent", network)
    assert sent.names is None
    for name, array in sent.arrays().items():
        np.testing.assert_array_equal(array, getattr(reference, name))
    assert without_class_names(tmp_path / "sent" / REFERENCE_FILE) == (tmp_path / "sent" / REFERENCE_FILE).read_bytes()
    arrays = {"embeddings": torch.zeros(4, 64), "labels": torch.arange(4)}
    for damaged in ('{"a": 1}', "[1, 2, 3, 4]", '["a"]', "[" * 100_000, "names", '["a", "b", "c", null]'):
        about = {"format": "siamese-reference-1", "names": damaged}
        save_file(arrays, tmp_path / REFERENCE_FILE, metadata=about)
        with pytest.raises(ValueError, match="is not a reference file"):
            load_reference(tmp_path, network)


@pytest.mark.parametrize(
    "change",
    [
        {"embeddings": torch.zeros(4, 3)},
        {"embeddings": torch.full((4, 64), float("nan"))},
        {"labels": torch.zeros(5, dtype=torch.int64)},
        {"labels": torch.zeros(4)},
        {"lengths": torch.zeros(5)},
        {"distances": torch.zeros(5)},
        {"lengths": torch.full((4,), float("inf"))},
        {"lengths": torch.zeros(4, dtype=torch.float64)},
        {"more": torch.zeros(1)},
    ],
    ids=["dimension", "nan", "labels", "type", "lengths", "distances", "infinite", "double", "more"],
)
def test_a_damaged_reference_is_refused(change, trained_folder, tmp_path):
    network, _ = load_model(trained_folder)
    good = {"embeddings": torch.zeros(4, 64), "labels": torch.zeros(4, dtype=torch.int64)}
    save_file(good | change, tmp_path / REFERENCE_FILE, metadata={"format": "siamese-reference-1"})
    with pytest.raises(ValueError, match="reference"):
        load_reference(tmp_path, network)
    (tmp_path / REFERENCE_FILE).write_bytes(b"no safetensors")
    with pytest.raises(ValueError, match="reference"):
        load_reference(tmp_path, network)


def test_a_reference_of_an_older_version_loads_and_is_silent(reference, trained_folder, tmp_path):
    network, config = load_model(trained_folder)
    save_reference(Reference(reference.embeddings, reference.labels), network, tmp_path)
    loaded = load_reference(tmp_path, network)
    assert np.array_equal(loaded.embeddings, reference.embeddings)
    assert loaded.is_familiar(loaded.embeddings[0], 1e9) is None
    silent = Verifier(network, config, "older", torch.device("cpu"), loaded)
    assert silent.verify(np.eye(28, dtype=np.uint8) * 255, np.eye(28, dtype=np.uint8) * 255).is_familiar is None


def test_without_a_reference_nobody_says_what_is_familiar(untrained_folder, digits):
    verifier = Verifier.from_pretrained(untrained_folder)
    assert verifier.reference is None
    assert verifier.verify(*digits[0][:2]).is_familiar is None
