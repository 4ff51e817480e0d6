"""What a training starts from: the running average of its weights, and the validation images that it shows."""

import re

import numpy as np
import pytest
import torch
from torch import Tensor

from siamese.config import DataRecord, EncoderConfig, LossConfig
from siamese.data.datasets.mnist import load_mnist_sample
from siamese.data.splits import Splits
from siamese.encoders import ENCODERS
from siamese.losses import LOSSES, build_loss
from siamese.network import SiameseNetwork
from siamese.training import setup
from siamese.training.settings import TrainingSettings, fill_in
from siamese.training.setup import _about_backbones, _few_to_test_on, choose_sample, parameter_groups, running_average
from siamese.training.state import TrainingState

WEIGHT, VARIANCE, COUNT = (f"encoder.layers.{name}" for name in ("0.weight", "1.running_var", "1.num_batches_tracked"))


def walk(share: float, steps: int, start: int = 0) -> list[tuple[dict[str, Tensor], dict[str, Tensor]]]:
    """The weights of a network that jumps at random, and of its average, after each step; `start` steps were made before."""
    state = TrainingState(fill_in(TrainingSettings("mnist-sample", average=share)), "", step=start)
    network = SiameseNetwork(EncoderConfig("compact", 8))
    average = running_average(network, state)
    generator, history = torch.Generator().manual_seed(0), []
    for _ in range(steps):
        with torch.no_grad():
            for tensor in network.state_dict().values():
                tensor.copy_(torch.randn(tensor.shape, generator=generator) if tensor.is_floating_point() else state.step)
        state.step += 1
        average.update_parameters(network)
        copies = ({name: tensor.clone() for name, tensor in each.state_dict().items()} for each in (network, average.module))
        history.append(tuple(copies))
    return history


@pytest.mark.parametrize(("share", "weights"), [(1.0, np.ones(40)), (0.5, np.arange(40))])
def test_the_average_looks_back_on_its_share_of_the_steps(share, weights):
    history = walk(share, 40)
    for name in (WEIGHT, VARIANCE):
        for step in range(2, 41):
            latest = [network[name].numpy() for network, _ in history[:step]]
            expected = np.average(latest, axis=0, weights=weights[:step])
            np.testing.assert_allclose(history[step - 1][1][name], expected, rtol=1e-4, atol=1e-5)


def test_a_share_of_none_is_the_latest_weights():
    for network, average in walk(0.0, 3):
        assert all(torch.equal(average[name], tensor) for name, tensor in network.items())


def test_what_is_counted_is_not_averaged():
    for network, average in walk(1.0, 3):
        assert torch.equal(average[COUNT], network[COUNT])


def test_an_average_that_goes_on_forgets_nothing():
    """After 100 steps, the next one weighs a hundredth."""
    ((network, average),) = walk(1.0, 1, start=100)
    assert (average[WEIGHT] - network[WEIGHT]).abs().max() > 0.1


def test_the_sample_of_validation_is_of_few_classes_and_the_same_each_time():
    _, digits = load_mnist_sample()
    chosen = choose_sample(digits, images=60, classes=3, seed=4)
    assert np.array_equal(chosen, choose_sample(digits, images=60, classes=3, seed=4))
    assert len(np.unique(chosen)) == len(chosen) == 60
    assert sorted(np.bincount(digits.labels[chosen])[np.unique(digits.labels[chosen])]) == [20, 20, 20]


@pytest.mark.parametrize(("classes", "words"), [(2, "an interval needs 5"), (5, "trust the interval"), (20, "")])
def test_a_test_of_few_classes_is_remarked_and_an_interval_is_spoken_of_where_there_is_one(classes, words):
    _, digits = load_mnist_sample()
    splits = Splits(digits, digits, digits, DataRecord(split="classes", test_classes=classes))
    remarks = _few_to_test_on(splits)
    assert len(remarks) == bool(words)
    assert all(words in remark for remark in remarks)


def test_where_hand_made_features_are_taken_one_sentence_says_what_an_extra_gives_as_it_was_measured(root, monkeypatch):
    monkeypatch.setattr(setup, "photo_weights", lambda: (None, "timm is not installed: pip install timm"))
    (remark,) = _about_backbones(EncoderConfig("hog", 128, 64))
    assert "timm is not installed: pip install timm" in remark
    results = (root / "tests" / "benchmarks" / "README.md").read_text(encoding="utf-8")
    figures = re.findall(r"\d+\.\d+%", remark)
    assert len(figures) == 2
    assert all(f"| **{figure}** |" in results for figure in figures)
    assert _about_backbones(EncoderConfig("compact")) == ()


# ---- What decays ----


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("loss", LOSSES)
def test_weights_of_layers_decay_and_biases_normalisation_and_scales_do_not(encoder, loss):
    network = SiameseNetwork(EncoderConfig(encoder, 16))
    objective = build_loss(LossConfig(loss, 1.0), network.unit_length, 16, 5)
    decays, does_not = parameter_groups([*network.parameters(), *objective.parameters()])
    kept = {id(parameter) for parameter in does_not["params"]}
    expected = {id(each) for each in objective.parameters() if each.ndim == 0}
    for name, parameter in network.named_parameters():
        is_of_normalisation = isinstance(
            network.get_submodule(name.rpartition(".")[0]), torch.nn.BatchNorm1d | torch.nn.BatchNorm2d
        )
        if name.endswith(("bias", "metric")) or is_of_normalisation:
            expected.add(id(parameter))
    assert kept == expected
    assert does_not["weight_decay"] == 0.0
    assert "weight_decay" not in decays
    assert len(decays["params"]) + len(kept) == len([*network.parameters(), *objective.parameters()])


def test_a_training_that_an_older_version_began_goes_on_as_it_began():
    parameters = list(SiameseNetwork(EncoderConfig("compact", 16)).parameters())
    older = torch.optim.AdamW(parameters).state_dict()
    groups = parameter_groups(parameters, older)
    assert [len(group["params"]) for group in groups] == [len(parameters)]
    torch.optim.AdamW(groups).load_state_dict(older)
    newer = torch.optim.AdamW(parameter_groups(parameters)).state_dict()
    torch.optim.AdamW(parameter_groups(parameters, newer)).load_state_dict(newer)
