"""Encoders on networks of timm: features against timm's own, the metric against its definition, and what is said without."""

import builtins
import importlib.util
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from siamese.config import EncoderConfig, ModelFolderConfig
from siamese.encoders import backbone, pretrained
from siamese.encoders.backbone import choose_backbone, side_for
from siamese.images.canonical import to_tensor
from siamese.model_folder.files import CONFIG_FILE, WEIGHTS_FILE, write_text
from siamese.model_folder.weights import load_model, save_weights
from siamese.network import SiameseNetwork, embed_all

NAMES = ("timm/mobilenetv3_small_050", "timm/test_vit", "timm/test_convnext", "timm/test_maxvit")
needs_timm = pytest.mark.skipif(not importlib.util.find_spec("timm"), reason="timm is an extra")


def build(name: str, side: int = 96, channels: int = 1, **more) -> SiameseNetwork:
    torch.manual_seed(0)
    side = side_for(name, side)
    found, count = choose_backbone(name, side, "a file")
    return SiameseNetwork(
        EncoderConfig(name, **{"embedding_dim": min(64, count), **more}, image_size=side, channels=channels, backbone=found)
    ).eval()


@pytest.fixture(scope="module")
def images(digits) -> Tensor:
    small = to_tensor(digits[0][:40])
    return torch.nn.functional.interpolate(small, 96, mode="bilinear").clamp(0, 1)


@needs_timm
@pytest.mark.parametrize("name", NAMES)
def test_a_model_folder_gives_the_same_embeddings_again(name, images, tmp_path):
    network = build(name)
    side = network.config.image_size
    write_text(tmp_path / CONFIG_FILE, ModelFolderConfig(encoder=network.config).to_json())
    save_weights(network, tmp_path / WEIGHTS_FILE)
    again, config = load_model(tmp_path)
    assert config.encoder == network.config
    seen = torch.nn.functional.interpolate(images[:2], side)
    assert torch.equal(embed_all(again, seen), embed_all(network, seen))


@needs_timm
def test_features_are_the_means_of_timms_own_maps(images):
    import timm

    images, network = torch.nn.functional.interpolate(images, 128), build(NAMES[0], 128)  # which divides into the places
    weights = timm.create_model("mobilenetv3_small_050").state_dict()
    network.encoder.load_pretrained(weights)
    whole = timm.create_model("mobilenetv3_small_050", features_only=True).eval()
    whole.load_state_dict(weights, strict=False)
    found, expected = network.config.backbone, 0
    for batch in (images[:3], images[:3].flip(3)):
        scaled = (batch.repeat(1, 3, 1, 1) - torch.tensor(found.mean)[:, None, None]) / torch.tensor(found.deviation)[
            :, None, None
        ]
        with torch.no_grad():
            maps = whole(scaled)
        parts = []
        for stage, grid in zip(found.stages, found.grids, strict=True):
            step = maps[stage].shape[2] // grid
            rows = [
                maps[stage][:, :, y : y + step, x : x + step].mean((2, 3))
                for y in range(0, step * grid, step)
                for x in range(0, step * grid, step)
            ]
            cells = torch.stack(rows, dim=2).flatten(1)
            parts.append(cells / cells.norm(dim=1, keepdim=True))
        expected = expected + torch.cat(parts, dim=1)
    torch.testing.assert_close(network.encoder.fixed_features(images[:3]), expected, rtol=1e-4, atol=1e-5)


@needs_timm
def test_after_fit_images_of_a_class_vary_alike_in_all_directions(images, digits, monkeypatch):
    monkeypatch.setattr(backbone, "SHRINKAGE", 1e-9)
    network = build(NAMES[0])
    encoder, labels = network.encoder, torch.from_numpy(digits[1][:40])
    features = encoder.fixed_features(images).double()
    encoder.fit(images.split(16), labels)
    within = torch.cat([features[labels == label] - features[labels == label].mean(0) for label in labels.unique()])
    basis = torch.linalg.svd(within, full_matrices=False)
    rank = int((1e-3 * basis.S[0] < basis.S).sum())
    # As Mahalanobis distances under the scatter within classes, but for the random turn to fewer numbers and one factor.
    whitened = basis.U[:, :rank] * len(within) ** 0.5
    covariance = whitened.T @ whitened / len(within)
    torch.testing.assert_close(covariance, torch.eye(rank, dtype=torch.double))
    assert encoder(images).isfinite().all()


@needs_timm
def test_its_network_does_not_change_and_its_metric_is_trained(images):
    network = build(NAMES[0]).train()
    before = {name: tensor.clone() for name, tensor in network.encoder.network.state_dict().items()}
    network.embed(images[:8]).square().mul(torch.arange(64.0)).sum().backward()
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.encoder.network.state_dict().items())
    assert [name for name, each in network.named_parameters() if each.requires_grad] == ["encoder.metric"]
    assert network.encoder.metric.grad.abs().sum() > 0


@needs_timm
def test_an_image_and_its_mirror_image_have_one_embedding(images):
    encoder = build(NAMES[0]).encoder
    with torch.no_grad():
        torch.testing.assert_close(encoder(images[:5]), encoder(images[:5].flip(3)), rtol=0, atol=1e-5)


@needs_timm
def test_sizes_and_names_that_cannot_be_are_one_sentence():
    with pytest.raises(ValueError, match=r"timm has no network 'resnet_18', available: .*timm/resnet18"):
        choose_backbone("timm/resnet_18", 96, "")
    found, count = choose_backbone(NAMES[0], 96, "")
    with pytest.raises(ValueError, match=f"embedding_dim is 4096, allowed with 96 px: at most {count:,}"):
        SiameseNetwork(EncoderConfig(NAMES[0], 4096, 96, 1, found))
    with pytest.raises(ValueError, match="cannot be built for 96 px with stages"):
        SiameseNetwork(EncoderConfig(NAMES[0], 8, 96, 1, replace(found, stages=(0, 99))))
    with pytest.raises(ValueError, match=r"lacks its backbone"):
        EncoderConfig(NAMES[0])


@needs_timm
@pytest.mark.parametrize(
    ("name", "side", "seen"), [(NAMES[0], 112, 96), (NAMES[0], 40, 96), (NAMES[0], 4000, 224), (NAMES[1], 112, 160)]
)
def test_pictures_are_seen_no_larger_than_they_are(name, side, seen):
    assert side_for(name, side) == seen


def test_without_timm_one_sentence_names_the_extra(monkeypatch):
    real = builtins.__import__

    def without(name, *more):
        if name == "timm":
            raise ImportError(name)
        return real(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(
        ValueError,
        match=r"need the library timm, which is not installed: pip install timm, which is the extra siamese\[timm\]",
    ):
        pretrained.find_weights("timm/resnet18")
