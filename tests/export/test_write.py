"""Every encoder as a file of every format: batches of any size, the same numbers, nothing of this machine."""

import importlib.util
import io
import json
import sys
import zipfile

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from siamese.config import BackboneConfig, EncoderConfig, ModelFolderConfig
from siamese.encoders import ENCODERS, LOADED_ONLY
from siamese.encoders.backbone import choose_backbone
from siamese.export.metadata import SUFFIXES, parse
from siamese.export.onnx_network import read_onnx
from siamese.export.write import METADATA_FILE, SlicedMaxPool, export_network, make_images
from siamese.images.canonical import to_tensor
from siamese.network import SiameseNetwork

TOLERANCE = 1e-5
has_onnx = all(map(importlib.util.find_spec, ("onnx", "onnxscript", "onnxruntime")))
needs_onnx = pytest.mark.skipif(not has_onnx, reason="ONNX is an extra")
BACKBONES = ("timm/mobilenetv3_small_050", "timm/test_vit", "timm/test_convnext", "timm/test_maxvit", "timm/resnet18")
SHAPES = [(28, 1), (33, 3)]  # px a side, channels


def random_network(encoder: EncoderConfig) -> SiameseNetwork:
    """Random weights, and statistics of normalisations that are no identity."""
    torch.manual_seed(0)
    network = SiameseNetwork(encoder)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 2)
    return network.eval()


def assert_as_the_network(network: SiameseNetwork, encoder: EncoderConfig, compute) -> None:
    for count in (1, 2, 7):
        images = make_images(encoder, count)
        with torch.no_grad():
            expected = network(to_tensor(images)).numpy()
        found, lengths = compute(images)
        assert np.abs(found - expected).max() <= TOLERANCE * max(1, np.linalg.norm(expected, axis=1).max())
        assert lengths.shape == (count,)


@needs_onnx
@pytest.mark.parametrize("name", [*ENCODERS, *LOADED_ONLY])
@pytest.mark.parametrize(("side", "channels"), SHAPES)
@pytest.mark.exhaustive
def test_every_encoder_becomes_onnx(name, side, channels):
    encoder = EncoderConfig(name, 32, side, channels)
    network = random_network(encoder)
    content = export_network(network, ModelFolderConfig(encoder=encoder))
    assert_as_the_network(network, encoder, read_onnx(content)[0].compute)


@needs_onnx
@pytest.mark.skipif(not importlib.util.find_spec("timm"), reason="timm is an extra")
@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.exhaustive
def test_networks_of_timm_become_onnx(name):
    side = 160 if "test_" in name else 96
    backbone, count = choose_backbone(name, side, "")
    assert isinstance(backbone, BackboneConfig)
    encoder = EncoderConfig(name, min(64, count), side, 3, backbone)
    network = random_network(encoder)
    content = export_network(network, ModelFolderConfig(encoder=encoder))
    assert_as_the_network(network, encoder, read_onnx(content)[0].compute)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["torchscript", "torch.export"])
def test_torchs_own_formats_hold_the_same(form, exported, bundled, digits):
    path = exported(form)
    if form == "torchscript":
        extra = {METADATA_FILE: ""}
        module = torch.jit.load(path, _extra_files=extra)
    else:
        extra = {METADATA_FILE: ""}
        module = torch.export.load(path, extra_files=extra).module()
    config, fingerprint, kind, _ = parse(json.loads(extra[METADATA_FILE]))
    assert (config, fingerprint, kind) == (bundled.config, bundled.network.fingerprint(), "uint8")
    for count in (1, 3, 40):
        embeddings, lengths = module(torch.from_numpy(digits[0][:count]))
        assert embeddings.detach().numpy() == pytest.approx(bundled.embed_canonical(digits[0][:count]), abs=TOLERANCE)
        assert lengths.shape == (count,)


@pytest.mark.slow
@pytest.mark.parametrize("form", SUFFIXES)
def test_nothing_in_a_file_says_where_it_was_made(form, exported, root):
    content = exported(form).read_bytes()
    texts = [content]
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            texts = [archive.read(name) for name in archive.namelist()]
    for text in texts:
        assert str(root).encode() not in text
        assert b"site-packages" not in text


@pytest.mark.parametrize("side", [4, 7, 8, 9, 10, 16, 23])
def test_sliced_pooling_is_adaptive_pooling_to_the_bit(side):
    maps = torch.randn(3, 5, side, side + 2, generator=torch.Generator().manual_seed(side))
    assert torch.equal(SlicedMaxPool(4)(maps), nn.AdaptiveMaxPool2d(4)(maps))


class Moody(nn.Module):
    """Gives something else each time."""

    times, unit_length = 0, False

    def features(self, images: Tensor) -> Tensor:
        Moody.times += 1
        return images.flatten(1)[:, :32] + Moody.times


def test_a_file_that_does_not_do_as_the_network_is_refused():
    encoder = EncoderConfig("compact", 32)
    network = random_network(encoder)
    network.encoder = Moody()
    with pytest.raises(ValueError, match=r"embeddings as torchscript differ by [\d.]+ from the network's, allowed: 1e-05"):
        export_network(network, ModelFolderConfig(encoder=encoder), "torchscript")


class Unspeakable(Moody):
    def features(self, images: Tensor) -> Tensor:
        return images.flatten(1)[:, : 1 + int(images.sum().item()) % 2] + np.random.default_rng().random()


@needs_onnx
@pytest.mark.slow
def test_what_a_format_lacks_is_said_in_one_sentence():
    encoder = EncoderConfig("compact", 32)
    network = random_network(encoder)
    network.encoder = Unspeakable()
    with pytest.raises(ValueError, match=r"\Aencoder compact cannot be written as onnx: [^\n]+\Z"):
        export_network(network, ModelFolderConfig(encoder=encoder))


@pytest.mark.parametrize("library", ["onnx", "onnxscript"])
def test_without_the_libraries_one_sentence_names_the_extra(library, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    encoder = EncoderConfig("compact", 32)
    with pytest.raises(
        ValueError,
        match=rf"not installed, [a-z, ]*{library}[a-z, ]*: pip install onnx onnxscript onnxruntime, .* siamese\[onnx\]",
    ):
        export_network(random_network(encoder), ModelFolderConfig(encoder=encoder))
