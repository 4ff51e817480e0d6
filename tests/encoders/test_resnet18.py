"""resnet18: what torchvision's computes, and what is said where its weights cannot be had."""

import copy
from pathlib import Path

import pytest
import torch
import torchvision
from networks import build
from torch.nn import functional


@pytest.fixture
def torch_cache(tmp_path, monkeypatch) -> Path:
    """An empty cache of torch, and no way to download into it."""
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    for name in ("http_proxy", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    return tmp_path / "checkpoints"


def cached_file(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder / Path(torchvision.models.ResNet18_Weights.IMAGENET1K_V1.url).name


@pytest.mark.parametrize("channels", [1, 3])
def test_resnet18_with_the_weights_of_torchvision_computes_what_torchvision_does(channels, torch_cache):
    torch.manual_seed(1)
    theirs = torchvision.models.resnet18().eval()
    torch.save(theirs.state_dict(), cached_file(torch_cache))
    network = build("resnet18", channels=channels, image_size=64)
    network.encoder.load_pretrained()
    images = torch.rand(2, channels, 64, 64)
    with torch.no_grad():
        theirs.fc = copy.deepcopy(network.encoder.layers.fc)
        expected = theirs((images.expand(-1, 3, -1, -1) - 0.45) / 0.225)
        torch.testing.assert_close(network.embed(images), functional.normalize(expected, dim=1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("damage", [None, b"", b"not weights"])
def test_without_pretrained_weights_one_sentence_says_what_to_do(damage, torch_cache):
    if damage is not None:
        cached_file(torch_cache).write_bytes(damage)
    network = build("resnet18")
    before = copy.deepcopy(network.state_dict())
    with pytest.raises(ValueError, match=r"cannot be had: .*Leave out --pretrained") as caught:
        network.encoder.load_pretrained()
    assert "\n" not in str(caught.value)
    assert str(torch_cache) in str(caught.value)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
