"""A training that starts from the weights of a model: which encoder it has, and what it refuses."""

import dataclasses
from pathlib import Path

import pytest
import torch
from terminal import assert_refused, run

from siamese.config import EncoderConfig, ModelFolderConfig
from siamese.encoders.backbone import choose_backbone
from siamese.model_folder.files import CARD_FILE, CONFIG_FILE, WEIGHTS_FILE, write_text
from siamese.model_folder.weights import load_model, save_weights
from siamese.network import SiameseNetwork
from siamese.training.distributed import ALONE
from siamese.training.settings import TrainingSettings, fill_in
from siamese.training.setup import prepare
from siamese.training.state import TrainingState

SAMPLE = ("--dataset", "mnist-sample", "--device", "cpu")


def prepared(model: Path, **more):
    settings = fill_in(TrainingSettings("mnist-sample", init=str(model), device="cpu", **more))
    return prepare(TrainingState(settings, ""), ALONE)


def test_it_starts_with_the_weights_and_the_encoder_of_the_model(untrained_folder):
    setup = prepared(untrained_folder)
    assert setup.network.config.embedding_dim == 16  # compact has 64 where nothing is asked for
    expected = load_model(untrained_folder)[0].state_dict()
    for network in (setup.network, setup.average.module):
        assert all(torch.equal(tensor, expected[name]) for name, tensor in network.state_dict().items())


def test_images_may_be_larger_where_the_weights_fit_any_size(untrained_folder):
    setup = prepared(untrained_folder, image_size=40)
    assert setup.splits.training.images.shape[1:3] == (40, 40)
    expected = load_model(untrained_folder)[0].state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in setup.network.state_dict().items())


def test_where_they_depend_on_the_size_another_is_refused(tmp_path):
    encoder = EncoderConfig("seed", 16, 28, 1)
    save_weights(SiameseNetwork(encoder), tmp_path / WEIGHTS_FILE)
    write_text(tmp_path / CONFIG_FILE, ModelFolderConfig(encoder=encoder).to_json())
    with pytest.raises(ValueError, match="--image-size is 40, and the model of --init has 28: leave it out, or --init"):
        prepared(tmp_path, image_size=40)


@pytest.mark.slow
def test_it_is_as_good_at_once_as_the_model_was(trained_folder, tmp_path, capsys):
    flags = (*SAMPLE, "--init", str(trained_folder), "--epochs", "1", "--lr", "1e-8", "--output", str(tmp_path / "model"))
    code, _, _ = run(["train", *flags], capsys)
    assert code == 0
    before, after = (load_model(folder)[1] for folder in (trained_folder, tmp_path / "model"))
    assert after.history[0].balanced_accuracy > before.history[0].balanced_accuracy + 5
    assert f"--init {trained_folder}" in after.training.command


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--embedding-dim", "8"), ("--embedding-dim is 8", "--init has 16")),
        (("--encoder", "seed"), ("--encoder is seed", "--init has compact")),
        (("--hosted", "t4-small", "--push", "--repo-id", "ada/digits"), ("--init is", "with --hosted: a model on the Hub")),
    ],
)
def test_what_does_not_fit_the_model_is_refused(untrained_folder, flags, words, tmp_path, capsys):
    output = ("--output", str(tmp_path / "out"))
    assert_refused(run(["train", *SAMPLE, "--init", str(untrained_folder), *flags, *output], capsys), *words)
    assert not (tmp_path / "out").exists()


def test_a_model_that_is_not_there_is_refused(tmp_path, capsys):
    flags = (*SAMPLE, "--init", str(tmp_path / "nothing"), "--output", str(tmp_path / "out"))
    assert_refused(run(["train", *flags], capsys), "is not a folder, ZIP or ONNX file here")


def test_a_network_of_timm_is_for_another_flag(tmp_path):
    pytest.importorskip("timm", reason="timm is an extra")
    name = "timm/mobilenetv3_small_050"
    encoder = EncoderConfig(name, 16, 32, 3, choose_backbone(name, 32, "theirs")[0])
    save_weights(SiameseNetwork(encoder), tmp_path / WEIGHTS_FILE)
    write_text(tmp_path / CONFIG_FILE, ModelFolderConfig(encoder=encoder).to_json())
    with pytest.raises(ValueError, match=f"a model of {name}, allowed: models of compact.*--backbone-weights"):
        fill_in(TrainingSettings("mnist-sample", init=str(tmp_path)))


def test_an_interrupted_training_needs_the_model_no_more(untrained_folder):
    filled = fill_in(TrainingSettings("mnist-sample", init=str(untrained_folder)))
    (untrained_folder / CONFIG_FILE).unlink()
    assert fill_in(filled) == filled


def test_the_same_data_in_another_split_is_remarked(trained_folder):
    """What was trained on must not be tested on unnoticed."""
    seed = load_model(trained_folder)[1].training.seed
    assert prepared(trained_folder, seed=seed).splits.remarks == ()
    (remark,) = prepared(trained_folder, seed=seed + 1).splits.remarks
    assert "was trained on mnist-sample in another split" in remark


@pytest.mark.slow
def test_no_epochs_calibrate_the_model_anew_and_keep_its_weights(trained_folder, tmp_path, capsys):
    output = tmp_path / "model"
    flags = (*SAMPLE, "--init", str(trained_folder), "--views", "3", "--epochs", "0", "--output", str(output))
    assert run(["train", *flags], capsys)[0] == 0
    (network, before), (again, after) = (load_model(folder) for folder in (trained_folder, output))
    assert all(torch.equal(tensor, network.state_dict()[name]) for name, tensor in again.state_dict().items())
    assert after.encoder == dataclasses.replace(before.encoder, views=3)
    assert (after.history, after.data, after.loss) == (before.history, before.data, before.loss)
    assert after.calibration != before.calibration
    assert after.metrics.equal_error_rate < before.metrics.equal_error_rate
    assert after.training.command.splitlines()[0] == before.training.command
    assert after.training.command.splitlines()[1].endswith("--epochs 0 --output " + str(output))
    assert "the mean of 3 views, turned by up to 8°" in (output / CARD_FILE).read_text(encoding="utf-8")


@pytest.mark.slow
def test_no_epochs_need_a_model_and_the_images_that_it_was_trained_on(trained_folder, tmp_path, capsys):
    output = ("--epochs", "0", "--output", str(tmp_path / "out"))
    assert_refused(run(["train", *SAMPLE, *output], capsys), "--epochs is 0, allowed: 1 to 10000")
    flags = (*SAMPLE, "--init", str(trained_folder), "--seed", "1", *output)
    code, _, stderr = run(["train", *flags], capsys)
    assert code == 2
    assert "--epochs is 0" in stderr
    assert "mnist-sample with 1,800 training images and seed 0" in stderr
    assert not (tmp_path / "out" / CONFIG_FILE).exists()


def test_views_are_those_of_the_model_where_none_are_asked_for(tmp_path):
    encoder = EncoderConfig("compact", 16, views=3)
    save_weights(SiameseNetwork(encoder), tmp_path / WEIGHTS_FILE)
    write_text(tmp_path / CONFIG_FILE, ModelFolderConfig(encoder=encoder).to_json())
    assert fill_in(TrainingSettings("mnist-sample", init=str(tmp_path))).views == 3
    assert fill_in(TrainingSettings("mnist-sample", init=str(tmp_path), views=1)).views == 1
    assert fill_in(TrainingSettings("mnist-sample")).views == 1
