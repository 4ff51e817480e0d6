"""A model folder is complete, whatever was trained, and its parts agree."""

import dataclasses
import json

from model_files import FILES, linked_pictures, names

from siamese.encoders import ENCODERS
from siamese.model_folder.model_card import DOUBTFUL_PICTURE, PLOTS
from siamese.model_folder.weights import load_model


def test_every_encoder_with_every_loss_gives_a_complete_folder(any_folder):
    encoder, _, loss = any_folder.name.partition("-")
    network, config = load_model(any_folder)
    assert (config.encoder.name, config.loss.name) == (encoder, loss)
    assert config.encoder.embedding_dim == ENCODERS[encoder].default_dim
    assert config.training.parameters == sum(parameter.numel() for parameter in network.parameters())
    assert names(any_folder) == FILES
    assert names(any_folder.parent) == {any_folder.name}
    linked = linked_pictures((any_folder / "README.md").read_text(encoding="utf-8"))
    assert sorted(linked) == sorted([*PLOTS, DOUBTFUL_PICTURE])


def test_the_log_is_the_history_of_the_config(trained_folder):
    lines = (trained_folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    _, config = load_model(trained_folder)
    assert [json.loads(line) for line in lines] == [dataclasses.asdict(record) for record in config.history]
    assert [record.epoch for record in config.history] == [1, 2, 3]
    best = max(record.balanced_accuracy for record in config.history)
    assert config.history[config.training.best_epoch - 1].balanced_accuracy == best
