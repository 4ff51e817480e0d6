"""What an interrupted training leaves, and what comes back of it."""

import dataclasses

import pytest
import torch
from full_disk import REASON, files_of_at_most
from torch import nn

from siamese.config import EpochRecord
from siamese.model_folder.files import RESUME_FILE, WriteError
from siamese.training.fingerprint import Fingerprint
from siamese.training.settings import TrainingSettings, fill_in
from siamese.training.state import TrainingState


@pytest.fixture
def state(tmp_path):
    """A training in its third step, the second epoch of which was worse than the first."""
    settings = fill_in(TrainingSettings("mnist-sample", output=tmp_path / "model", seed=5, lr=0.01))
    state = TrainingState(settings, "python train.py", step=3, loss_sum=0.25, seconds=1.5)
    for number, accuracy in ((1, 90.0), (2, 80.0)):
        state.take(EpochRecord(number, 0.5, accuracy, 10.0, 0.9, 1.0), {"weight": torch.full((2,), float(number))})
    return state


def save(state: TrainingState) -> dict[str, nn.Module | torch.optim.Optimizer]:
    """Save it with parts that were trained for a step."""
    network, loss = nn.Linear(2, 3), nn.Linear(1, 1)
    optimizer = torch.optim.AdamW(network.parameters())
    network(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    parts = {"network": network, "average": nn.Linear(2, 3), "loss": loss, "optimizer": optimizer}
    state.save(**parts)
    return parts


def test_all_of_it_comes_back(state):
    parts = save(state)
    loaded = TrainingState.load(state.settings.folder, "auto")
    for name, part in parts.items():
        expected = part.state_dict()
        assert loaded.parts[name].keys() == expected.keys()
        if name != "optimizer":
            assert all(torch.equal(loaded.parts[name][key], tensor) for key, tensor in expected.items())
    moments = parts["optimizer"].state_dict()["state"][0]["exp_avg"]
    assert torch.equal(loaded.parts["optimizer"]["state"][0]["exp_avg"], moments)
    assert torch.equal(loaded.best["weight"], torch.ones(2))
    for field in dataclasses.fields(state):
        if field.name not in ("parts", "best"):
            assert getattr(loaded, field.name) == getattr(state, field.name), field.name


def test_the_best_epoch_is_kept_and_the_latest_of_equals(state):
    assert (state.best_epoch, state.best["weight"].tolist()) == (1, [1.0, 1.0])
    assert state.take(EpochRecord(3, 0.5, 90.0, 10.0, 0.9, 1.0), {"weight": torch.full((2,), 3.0)})
    assert (state.best_epoch, state.best["weight"].tolist()) == (3, [3.0, 3.0])


def test_weights_that_are_trained_on_do_not_change_the_best(state):
    weights = {"weight": torch.zeros(2)}
    state.take(EpochRecord(3, 0.5, 95.0, 10.0, 0.9, 1.0), weights)
    weights["weight"] += 1
    assert state.best["weight"].tolist() == [0.0, 0.0]


def test_it_goes_on_where_the_datasets_are_now_and_on_another_device(state, tmp_path):
    save(state)
    loaded = TrainingState.load(state.settings.folder, "cpu", str(tmp_path / "elsewhere"))
    assert (loaded.settings.device, loaded.settings.data_dir) == ("cpu", str(tmp_path / "elsewhere"))


def test_a_state_of_settings_that_were_not_filled_in_is_read(state):
    """As the versions left it that filled settings in after reading them."""
    save(state)
    path = state.settings.folder / RESUME_FILE
    plain = torch.load(path, weights_only=True)
    plain["settings"] |= {"encoder": None, "image_size": None, "preprocess": None, "embedding_dim": None}
    torch.save(plain, path)
    assert TrainingState.load(state.settings.folder, "auto").settings == state.settings


def test_what_it_is_trained_on_comes_back_and_older_states_do_not_know(state):
    state.data = Fingerprint({}, "a digest")
    save(state)
    assert TrainingState.load(state.settings.folder, "auto").data == state.data
    path = state.settings.folder / RESUME_FILE
    plain = torch.load(path, weights_only=True)
    del plain["data"]
    torch.save(plain, path)
    assert TrainingState.load(state.settings.folder, "auto").data is None


@pytest.mark.parametrize("lost", ["settings", "step", "optimizer", "all"])
def test_what_is_no_state_of_this_version_is_refused(lost, state):
    save(state)
    path = state.settings.folder / RESUME_FILE
    plain = torch.load(path, weights_only=True)
    plain.pop(lost, None)
    torch.save([] if lost == "all" else plain, path)
    with pytest.raises(ValueError, match=f"{RESUME_FILE} is not the state of a training by this version"):
        TrainingState.load(state.settings.folder, "auto")


def test_an_empty_file_as_a_power_cut_leaves_it_is_refused(state):
    state.settings.folder.mkdir()
    (state.settings.folder / RESUME_FILE).write_bytes(b"")
    with pytest.raises(ValueError, match=f"{RESUME_FILE} cannot be read, so that training cannot continue from it"):
        TrainingState.load(state.settings.folder, "auto")


def test_a_full_disk_leaves_what_was_saved_before(state):
    save(state)
    before = (state.settings.folder / RESUME_FILE).read_bytes()
    state.step = 4
    with files_of_at_most(1000), pytest.raises(WriteError, match=f"{RESUME_FILE}' cannot be written: {REASON}"):
        save(state)
    assert {file.name: file.read_bytes() for file in state.settings.folder.iterdir()} == {RESUME_FILE: before}


def test_where_no_training_was_interrupted_the_error_says_so(tmp_path):
    with pytest.raises(ValueError, match=f"holds no interrupted training: there is no {RESUME_FILE}"):
        TrainingState.load(tmp_path, "auto")
