"""The encoder for few photographs: features against explicit loops, metric against scikit-learn."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from torch import Tensor

from siamese import Verifier
from siamese.config import EncoderConfig
from siamese.encoders import hog
from siamese.encoders.hog import HOGEncoder
from siamese.images.canonical import to_tensor
from siamese.network import SiameseNetwork
from siamese.training.loop import train as run_training
from siamese.training.settings import TrainingSettings


@pytest.fixture(scope="module")
def images(digits) -> Tensor:
    return to_tensor(digits[0][:300])


@pytest.fixture(scope="module")
def labels(digits) -> Tensor:
    return torch.from_numpy(digits[1][:300])


def histograms(image: np.ndarray, cell: int) -> np.ndarray:
    """The features of one image (H, W), pixel by pixel."""
    height, width = image.shape
    edges = np.zeros((8, height, width))
    for row in range(height):
        for column in range(width):
            right = image[row, min(column + 1, width - 1)] - image[row, max(column - 1, 0)]
            down = image[min(row + 1, height - 1), column] - image[max(row - 1, 0), column]
            for number in range(8):
                share = max(0.0, math.cos(math.atan2(down, right) - number * math.pi / 4)) ** 3
                edges[number, row, column] = math.hypot(right, down) * share
    starts = range(0, height - cell + 1, cell // 2)
    cells = np.array([[edges[:, y : y + cell, x : x + cell].mean(axis=(1, 2)) for x in starts] for y in starts])
    energy = np.pad((cells**2).sum(axis=2), 1)
    count = len(starts)
    nearby = np.array([[energy[y : y + 3, x : x + 3].mean() ** 0.5 for x in range(count)] for y in range(count)])
    features = np.sqrt(cells / (nearby + 0.01)[:, :, None]).transpose(2, 0, 1).ravel()
    return features / np.linalg.norm(features)


def test_features_against_explicit_loops(images):
    encoder = HOGEncoder(64, 28, 1)
    for image in images[:3]:
        pixels = image[0].double().numpy()
        expected = histograms(pixels, 7) + histograms(pixels[:, ::-1], 7)
        np.testing.assert_allclose(encoder.fixed_features(image[None])[0], expected, atol=2e-5)


def test_after_fit_images_of_a_class_vary_alike_in_all_directions(images, labels, monkeypatch):
    monkeypatch.setattr(hog, "RIDGE", 0.0)
    encoder = HOGEncoder(32, 28, 1)
    encoder.fit(images.split(100), labels)
    outputs = (encoder.fixed_features(images) - encoder.mean) @ encoder.weight.T
    within = np.concatenate([outputs[labels == label] - outputs[labels == label].mean(dim=0) for label in range(10)])
    covariance = within.T @ within / len(within)
    np.testing.assert_allclose(covariance / covariance[0, 0], np.eye(32), atol=1e-3)


def test_the_first_axes_are_those_of_linear_discriminant_analysis(images, labels, monkeypatch):
    monkeypatch.setattr(hog, "RIDGE", 0.0)
    encoder = HOGEncoder(32, 28, 1)
    encoder.fit(images.split(100), labels)
    features = (encoder.fixed_features(images) - encoder.mean).double().numpy()
    ours = features @ encoder.weight.double().numpy().T
    # With 10 classes there are 9 discriminants; in the 32 directions that are kept, the same space.
    theirs = LinearDiscriminantAnalysis(solver="eigen").fit(ours, labels.numpy()).scalings_[:, :9]
    basis, _ = np.linalg.qr(theirs)
    assert np.linalg.norm(basis[:9]) ** 2 == pytest.approx(9, abs=1e-2)


def test_an_image_and_its_mirror_image_have_one_embedding(images, labels):
    encoder = HOGEncoder(64, 28, 1)
    encoder.fit(images.split(100), labels)
    with torch.no_grad():
        torch.testing.assert_close(encoder(images[:20]), encoder(images[:20].flip(3)), rtol=0, atol=1e-5)


@pytest.mark.parametrize("count", [2, 12])
def test_fewer_images_than_axes_leave_axes_empty(images, labels, count):
    encoder = HOGEncoder(64, 28, 1)
    encoder.fit([images[:count]], labels[:count])
    is_used = encoder.weight.abs().sum(dim=1) > 0
    assert 0 < is_used.sum() < count
    with torch.no_grad():
        assert encoder(images[:40]).isfinite().all()


def test_classes_of_one_image_each_are_no_obstacle(images):
    encoder = HOGEncoder(16, 28, 1)
    encoder.fit([images], torch.arange(len(images)))
    with torch.no_grad():
        assert encoder(images).isfinite().all()


def test_more_axes_than_features_are_refused():
    with pytest.raises(ValueError, match="hog: embedding_dim is 513, allowed with 28 px and 1 channels: at most 512"):
        SiameseNetwork(EncoderConfig("hog", 513, 28, 1))


def photographs(folder: Path, classes: int, count: int) -> None:
    """Pictures with a tone in every pixel: smooth noise of a class, moved and relit."""
    for label in range(classes):
        generator = np.random.default_rng(label)
        scene = generator.uniform(40, 215, (9, 9)).astype(np.uint8)
        (folder / f"scene {label}").mkdir(parents=True)
        for number in range(count):
            x, y, light = *generator.integers(0, 10, 2), generator.uniform(0.7, 1.1)
            picture = Image.fromarray(scene).resize((100, 100), Image.Resampling.BICUBIC).crop((x, y, x + 90, y + 90))
            picture.point(lambda value, light=light: int(value * light)).save(folder / f"scene {label}" / f"{number}.png")


def test_few_photographs_are_trained_with_it_and_told_apart(tmp_path):
    photographs(tmp_path / "scenes", 16, 6)
    settings = TrainingSettings(str(tmp_path / "scenes"), encoder="hog", epochs=2, test_share=0.3, output=tmp_path / "model")
    *_, finished = run_training(settings)
    assert finished.config.metrics.balanced_accuracy > 90  # of scenes never seen
    assert Verifier.from_pretrained(tmp_path / "model").network.config.name == "hog"


def test_labelled_pairs_of_photographs_are_trained_with_it(tmp_path):
    photographs(tmp_path / "scenes", 12, 4)
    rows = ["image_a,image_b,is_same"]
    for label in range(12):
        rows += [f"scenes/scene {label}/{a}.png,scenes/scene {label}/{a + 1}.png,1" for a in range(3)]
        rows += [f"scenes/scene {label}/{a}.png,scenes/scene {label ^ 1}/{a}.png,0" for a in range(3)]
    (tmp_path / "pairs.csv").write_text("\n".join(rows))
    settings = TrainingSettings(
        pairs=str(tmp_path / "pairs.csv"), encoder="hog", loss="bce", epochs=2, output=tmp_path / "model"
    )
    *_, finished = run_training(settings)
    assert finished.config.encoder.name == "hog"
    assert (tmp_path / "model" / "model.safetensors").exists()
