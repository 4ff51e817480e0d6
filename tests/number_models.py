"""Models of numbers with random weights, which read and measure as trained ones do."""

from pathlib import Path

import torch
from number_files import WINE

from siamese.config import Calibration, EncoderConfig, ModelFolderConfig, NumbersConfig, PreprocessConfig
from siamese.model_folder.files import CONFIG_FILE, WEIGHTS_FILE, write_text
from siamese.model_folder.weights import save_weights
from siamese.network import SiameseNetwork
from siamese.verifier import Verifier


def model_of_rows() -> Verifier:
    """Of scikit-learn's wines."""
    mean, deviation = (tuple(each.tolist()) for each in (WINE.data.mean(axis=0), WINE.data.std(axis=0)))
    numbers = NumbersConfig(tuple(WINE.feature_names), mean, deviation)
    return _model(EncoderConfig("mlp", 8, shape=(13,)), PreprocessConfig("vectors", numbers=numbers))


def model_of_strokes() -> Verifier:
    """Of what a pen draws, with its lifts and the time."""
    numbers = NumbersConfig(
        ("x", "y", "pen"), (0.0,) * 3, (1.0,) * 3, flags=("pen",), time_column="time", length=32, normalise="shape"
    )
    return _model(EncoderConfig("tdnn", 8, shape=(32, 4)), PreprocessConfig("sequences", numbers=numbers))


def _model(encoder: EncoderConfig, preprocess: PreprocessConfig) -> Verifier:
    torch.manual_seed(0)
    config = ModelFolderConfig(encoder=encoder, preprocess=preprocess, calibration=Calibration(threshold=0.5))
    return Verifier(SiameseNetwork(encoder).eval(), config, "mine", torch.device("cpu"))


def saved(verifier: Verifier, folder: Path) -> Path:
    """The least of a model folder that can be loaded."""
    save_weights(verifier.network, folder / WEIGHTS_FILE)
    write_text(folder / CONFIG_FILE, verifier.config.to_json())
    return folder
