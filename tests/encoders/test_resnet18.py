"""resnet18: older model folders that have it load, and compute what torchvision's does; no training makes more of them."""

import copy

import pytest
import torch
import torchvision
from torch.nn import functional

from siamese.config import EncoderConfig, ModelFolderConfig
from siamese.model_folder.files import CONFIG_FILE, WEIGHTS_FILE, write_text
from siamese.model_folder.weights import load_model, save_weights
from siamese.network import SiameseNetwork
from siamese.training.settings import TrainingSettings, check


@pytest.mark.parametrize("channels", [1, 3])
def test_an_older_folder_loads_and_computes_what_torchvision_does(channels, tmp_path):
    torch.manual_seed(1)
    theirs = torchvision.models.resnet18().eval()
    network = SiameseNetwork(EncoderConfig("resnet18", 16, 64, channels)).eval()
    weights = {name: tensor for name, tensor in theirs.state_dict().items() if not name.startswith("fc.")}
    if channels == 1:
        weights["conv1.weight"] = weights["conv1.weight"].sum(dim=1, keepdim=True)
    network.encoder.layers.load_state_dict(weights, strict=False)
    text = (
        ModelFolderConfig(encoder=network.config).to_json().replace(',\n    "backbone": null,\n    "mirrors": true', "")
    )  # which came later
    write_text(tmp_path / CONFIG_FILE, text)
    save_weights(network, tmp_path / WEIGHTS_FILE)
    loaded, _ = load_model(tmp_path)
    images = torch.rand(2, channels, 64, 64)
    with torch.no_grad():
        theirs.fc = copy.deepcopy(network.encoder.layers.fc)
        expected = theirs((images.expand(-1, 3, -1, -1) - 0.45) / 0.225)
        torch.testing.assert_close(loaded.embed(images), functional.normalize(expected, dim=1), rtol=1e-4, atol=1e-5)


def test_a_training_is_told_what_takes_its_place():
    with pytest.raises(ValueError, match=r"resnet18 is of older models alone; train --encoder timm/resnet18"):
        check(TrainingSettings(encoder="resnet18"))
