"""What a model knows: when an image is unlike all of it, and the file that travels with the weights."""

import math

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from safetensors.torch import save_file

from siamese import Verifier
from siamese.model_folder.reference import MOST_IMAGES, Reference, choose_reference, load_reference, save_reference
from siamese.model_folder.weights import REFERENCE_FILE, load_model

LINES = {
    "star": [(200 + 150 * math.sin(turn), 200 - 150 * math.cos(turn)) for turn in np.arange(6) * 0.8 * math.pi],
    "house": [(80, 340), (80, 180), (200, 60), (320, 180), (320, 340), (80, 340), (320, 180), (80, 180), (320, 340)],
    "grid": [(80, 80), (320, 80), (320, 320), (80, 320), (80, 80), (200, 80), (200, 320), (320, 320), (320, 200), (80, 200)],
}


@pytest.fixture(scope="module")
def reference(digits, verifier) -> Reference:
    return choose_reference(torch.from_numpy(verifier.embed_canonical(digits[0][:300])), digits[1][:300])


def test_all_but_one_in_a_hundred_of_the_reference_are_as_near_as_the_limit_to_another(reference):
    points = reference.embeddings.numpy().astype(float)
    nearest = sorted(min(math.dist(a, b) for j, b in enumerate(points) if j != i) for i, a in enumerate(points))
    assert nearest[295] <= reference.limit <= nearest[297]
    assert reference.is_familiar(reference.embeddings[0].numpy())
    assert not reference.is_familiar(reference.embeddings[0].numpy() + 9)


def test_the_plane_is_that_in_which_the_reference_spreads_most(reference):
    points = reference.embeddings.numpy().astype(float)
    values, axes = np.linalg.eigh(np.cov(points.T))
    flat = reference.project(reference.embeddings)
    assert flat.shape == (300, 2)
    assert flat.var(axis=0, ddof=1) == pytest.approx(values[::-1][:2], rel=1e-3)
    assert np.abs(flat[:, 0]) == pytest.approx(np.abs((points - points.mean(axis=0)) @ axes[:, -1]), abs=1e-4)


def test_a_reference_is_a_seeded_draw_of_bounded_size():
    embeddings = torch.arange(2.0 * (MOST_IMAGES + 500)).reshape(-1, 2)
    once, again = (choose_reference(embeddings, np.arange(len(embeddings))) for _ in range(2))
    assert torch.equal(once.embeddings, again.embeddings)
    assert len(once.labels) == len(once.labels.unique()) == MOST_IMAGES
    assert torch.equal(once.embeddings, embeddings[once.labels])
    assert choose_reference(embeddings, None).labels.sum() == 0  # labelled pairs have no classes


@pytest.mark.parametrize("name", LINES)
def test_the_bundled_digits_know_digits_but_not_these_drawings(name, digits, bundled_folder):
    bundled = Verifier.from_pretrained(bundled_folder)
    assert np.mean([bundled.is_familiar(embedding) for embedding in bundled.embed_canonical(digits[0])]) > 0.975
    drawing = Image.new("L", (400, 400), 255)
    ImageDraw.Draw(drawing).line(LINES[name], fill=0, width=20, joint="curve")
    assert not bundled.is_familiar(bundled.embed([drawing])[0])


# ---- The file ----


def test_training_writes_the_reference_of_its_test_images(trained_folder, verifier, digits):
    assert len(verifier.reference.embeddings) == 1000
    own = torch.from_numpy(verifier.embed_canonical(digits[0][:1]))
    assert torch.cdist(own, verifier.reference.embeddings).min() < 1e-3
    assert torch.equal(verifier.reference.labels.bincount(), torch.full((10,), 100))


def test_a_saved_reference_comes_back_unless_the_weights_are_others(reference, trained_folder, tmp_path):
    network, _ = load_model(trained_folder)
    save_reference(reference, network, tmp_path)
    loaded = load_reference(tmp_path, network)
    assert torch.equal(loaded.embeddings, reference.embeddings)
    assert torch.equal(loaded.labels, reference.labels)
    with torch.no_grad():
        next(network.parameters()).add_(1e-3)
    assert load_reference(tmp_path, network) is None
    assert load_reference(tmp_path / "nowhere", network) is None


@pytest.mark.parametrize(
    "change",
    [
        {"embeddings": torch.zeros(4, 3)},
        {"embeddings": torch.full((4, 64), float("nan"))},
        {"labels": torch.zeros(5, dtype=torch.int64)},
        {"labels": torch.zeros(4)},
        {"more": torch.zeros(1)},
    ],
    ids=["dimension", "nan", "labels", "type", "more"],
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


def test_without_a_reference_nothing_is_called_unfamiliar(untrained_folder):
    verifier = Verifier.from_pretrained(untrained_folder)
    assert verifier.reference is None
    assert verifier.is_familiar(np.full(16, 100, np.float32))
