"""Model folders: what is saved comes back exactly, and weights that do not fit are refused."""

import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from siamese.config import EncoderConfig, ModelFolderConfig
from siamese.encoders import ENCODERS
from siamese.model_folder.files import CONFIG_FILE, WEIGHTS_FILE, write_text
from siamese.model_folder.weights import load_model, save_weights
from siamese.network import SiameseNetwork


def write_folder(folder: Path, name: str = "compact", **settings) -> SiameseNetwork:
    """The least that can be loaded: random weights of any encoder and a config."""
    encoder = EncoderConfig(name, **{"embedding_dim": 16, **settings})
    network = SiameseNetwork(encoder)
    save_weights(network, folder / WEIGHTS_FILE)
    write_text(folder / CONFIG_FILE, ModelFolderConfig(encoder=encoder).to_json())
    return network


def change_weights(folder: Path, change) -> None:
    """Rewrite the weights file after `change(tensors)`."""
    tensors = load_file(folder / WEIGHTS_FILE)
    change(tensors)
    save_file(tensors, folder / WEIGHTS_FILE)


# ---- Round trip ----


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_model_comes_back_exactly(name, channels, tmp_path):
    network = write_folder(tmp_path / "model", name, channels=channels)
    images = torch.rand(3, channels, 28, 28)
    expected = network.eval().embed(images)
    loaded, config = load_model(tmp_path / "model")
    assert config.encoder == network.config
    assert not loaded.training
    assert loaded.state_dict().keys() == network.state_dict().keys()
    for key, value in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[key], value), key
    torch.testing.assert_close(loaded.embed(images), expected)


# ---- Weights that do not fit ----


STATE = SiameseNetwork(EncoderConfig("compact", 16)).state_dict()
FIRST = next(iter(STATE))
COUNTER = next(name for name in STATE if name.endswith("num_batches_tracked"))
SHAPE = list(STATE[FIRST].shape)


def replaced(change):
    """The first weight becomes what `change` makes of it."""
    return lambda tensors: tensors.update({FIRST: change(tensors[FIRST])})


DEFECTS = {
    "missing": (lambda tensors: tensors.pop(FIRST), f"missing {FIRST}"),
    "extra": (lambda tensors: tensors.update(surprise=torch.zeros(1)), "unknown surprise"),
    "renamed": (lambda tensors: tensors.update({"a.b": tensors.pop(FIRST)}), f"missing {FIRST}; unknown a.b"),
    "misshapen": (replaced(lambda weight: weight[1:].clone()), f"F32 [{SHAPE[0] - 1}, {SHAPE[1]}, "),
    "flattened": (replaced(torch.flatten), f"F32 [{STATE[FIRST].numel()}], the encoder needs F32 {SHAPE}"),
    "half precision": (replaced(torch.Tensor.half), f"F16 {SHAPE}, the encoder needs F32 {SHAPE}"),
    "double precision": (replaced(torch.Tensor.double), f"F64 {SHAPE}, the encoder needs F32 {SHAPE}"),
    "float counter": (lambda tensors: tensors.update({COUNTER: torch.zeros(())}), "F32 [], the encoder needs I64 []"),
    "NaN": (
        replaced(lambda weight: weight.index_fill(0, torch.tensor(3), torch.nan)),
        f"{FIRST} holds values that are not finite",
    ),
    "infinite": (
        replaced(lambda weight: weight.index_fill(0, torch.tensor(3), -torch.inf)),
        f"{FIRST} holds values that are not",
    ),
}


@pytest.mark.parametrize(("change", "message"), DEFECTS.values(), ids=DEFECTS)
def test_weights_that_do_not_fit_are_refused_by_name(untrained_folder, change, message):
    change_weights(untrained_folder, change)
    with pytest.raises(ValueError, match=re.escape(message)):
        load_model(untrained_folder)


@pytest.mark.parametrize("name", ["compact", "seed"])
def test_weights_of_another_encoder_are_refused(name, tmp_path):
    write_folder(tmp_path, name)
    other = next(encoder for encoder in ENCODERS if encoder != name)
    encoder = EncoderConfig(other, 16)
    write_text(tmp_path / CONFIG_FILE, ModelFolderConfig(encoder=encoder).to_json())
    with pytest.raises(ValueError, match="does not fit the encoder: missing "):
        load_model(tmp_path)
