"""A network that others trained goes on learning: slower than what is new, and to the same weights when interrupted."""

import dataclasses
import itertools
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from siamese.model_folder.weights import WEIGHTS_FILE, load_model
from siamese.training.events import Ask, Finished, Interrupted, Started
from siamese.training.loop import train
from siamese.training.recipe import PRETRAINED_SHARE
from siamese.training.settings import TrainingSettings, check
from siamese.training.setup import parameter_groups
from siamese.training.state import TrainingState

timm = pytest.importorskip("timm", reason="timm is an extra")
NAME = "timm/mobilenetv3_small_050"


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """As somebody else's training may have left them."""
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("theirs") / "theirs.safetensors"
    save_file(timm.create_model("mobilenetv3_small_050").state_dict(), file)
    return file


def settings_for(folder: Path, weights: Path, output: Path, **more) -> TrainingSettings:
    common = {"encoder": NAME, "backbone_weights": str(weights), "embedding_dim": 16, "batch_size": 8, "epochs": 1}
    return TrainingSettings(str(folder), device="cpu", output=output, precision="float32", **(common | more))


@pytest.mark.slow
def test_interrupted_it_comes_to_the_same_weights_and_the_folder_needs_no_other_file(digit_folder, weights, tmp_path):
    whole, broken = (settings_for(digit_folder, weights, tmp_path / name, tune=True) for name in ("whole", "broken"))
    started, *_, finished = train(whole)
    assert isinstance(started, Started)
    assert "peak learning rate 0.001, 0.1 of it for the weights of timm/" in started.description
    assert isinstance(finished, Finished)
    with pytest.raises(Interrupted):
        list(train(broken, asked=itertools.chain([None] * 3, itertools.repeat(Ask.INTERRUPT)).__next__))
    state = TrainingState.load(broken.output, "cpu")
    assert (state.step, state.settings.tune) == (4, True)
    list(train(state.settings, state=state))
    before = load_file(weights)
    weights.rename(tmp_path / "gone")
    try:
        networks = [load_model(tmp_path / name)[0] for name in ("whole", "broken")]
    finally:
        (tmp_path / "gone").rename(weights)
    first, second = (network.state_dict() for network in networks)
    assert all(torch.equal(first[name], second[name]) for name in first)
    prefix = "encoder.network."
    learnt = [
        name for name in first if name.startswith(prefix) and not torch.equal(first[name], before[name[len(prefix) :]])
    ]
    assert learnt
    assert not [name for name in learnt if name.endswith(("running_mean", "running_var"))]
    assert finished.config.encoder.backbone.weights.endswith(", which then went on learning")


@pytest.mark.slow
def test_few_images_leave_its_weights_as_they_were(digit_folder, weights, tmp_path):
    *_, finished = train(settings_for(digit_folder, weights, tmp_path / "model"))
    before, after = load_file(weights), load_file(tmp_path / "model" / WEIGHTS_FILE)
    prefix = "encoder.network."
    assert all(torch.equal(each, before[name[len(prefix) :]]) for name, each in after.items() if name.startswith(prefix))
    assert finished.config.training.learning_rate == 3e-3


def test_what_others_trained_learns_at_a_share_of_the_rate():
    new, theirs = (torch.nn.Linear(3, 3) for _ in range(2))
    groups = parameter_groups([*new.parameters(), *theirs.parameters()], None, theirs.parameters())
    assert [group.get("share", 1.0) for group in groups] == [1.0, 1.0, PRETRAINED_SHARE, PRETRAINED_SHARE]
    assert [group["params"] for group in groups] == [[new.weight], [new.bias], [theirs.weight], [theirs.bias]]
    saved = torch.optim.AdamW(groups).state_dict()
    again = torch.optim.AdamW(parameter_groups([*new.parameters(), *theirs.parameters()], saved, theirs.parameters()))
    again.load_state_dict(saved)
    assert [group.get("share", 1.0) for group in again.param_groups] == [1.0, 1.0, PRETRAINED_SHARE, PRETRAINED_SHARE]


@pytest.mark.parametrize(("encoder", "given"), [(None, "not given"), ("compact", "compact")])
def test_other_encoders_have_nothing_to_tune(encoder, given):
    with pytest.raises(ValueError, match=f"--tune is about a network of timm, and --encoder is {given}, allowed: --encoder"):
        check(dataclasses.replace(TrainingSettings(encoder=encoder), tune=True))
