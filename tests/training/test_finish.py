"""The end of a training: what is recorded, measured and refused."""

import pytest
import torch

from siamese.commands import train as command_line
from siamese.config import EncoderConfig
from siamese.encoders import ENCODERS
from siamese.evaluation.metrics import pair_distances
from siamese.images.canonical import to_tensor
from siamese.model_folder.files import RESUME_FILE
from siamese.model_folder.weights import load_model
from siamese.network import SiameseNetwork, embed_all
from siamese.training import finish


def test_the_config_records_what_was_done(trained_folder, short_training):
    _, config = load_model(trained_folder)
    assert config.training.command == " ".join(["python train.py", *short_training, "--output", str(trained_folder)])
    assert (config.training.epochs, config.training.batch_size, config.training.seed) == (3, 64, 0)
    assert (config.data.dataset, config.data.classes) == ("mnist-sample", 10)
    assert (config.data.smallest_class, config.data.largest_class) == (180, 180)
    assert (config.data.training_images, config.data.validation_images, config.data.test_images) == (1800, 200, 1000)
    assert config.metrics.same_pairs == 10 * 100 * 99 // 2
    assert config.metrics.same_pairs + config.metrics.different_pairs == 1000 * 999 // 2


@pytest.mark.slow
def test_training_learns_what_no_untrained_network_knows(trained_folder, digits):
    _, config = load_model(trained_folder)
    images, labels = to_tensor(digits[0]), torch.from_numpy(digits[1])
    untrained = []
    for name, encoder in ENCODERS.items():
        torch.manual_seed(0)
        network = SiameseNetwork(EncoderConfig(name, encoder.default_dim))
        untrained.append(100 * pair_distances(embed_all(network, images), labels).best_threshold()[1])
    assert config.metrics.balanced_accuracy > max(untrained) + 10
    assert config.metrics.balanced_accuracy > 85
    assert config.metrics.balanced_accuracy_low < config.metrics.balanced_accuracy < config.metrics.balanced_accuracy_high
    assert config.metrics.calibration_error < 5


def test_a_network_that_tells_nothing_apart_is_no_model(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(finish, "COLLAPSED", 2.0)  # embeddings of length 1 never differ by more in a number
    flags = ["--dataset", "mnist-sample", "--epochs", "1", "--batch-size", "1000", "--output", str(tmp_path / "model")]
    assert command_line.main(flags) == 2
    assert "training collapsed: all 200 validation images have one and the same embedding" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "model").iterdir()] == [RESUME_FILE]
