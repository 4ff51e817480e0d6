"""A model folder, written whole: weights, config, training log, plots and card."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from siamese.config import ModelFolderConfig
from siamese.data.datasets import is_of_digits
from siamese.data.labelled_images import LabelledImages
from siamese.data.measured import reliability_intervals
from siamese.data.pairs import LabelledPairs
from siamese.evaluation.calibration import percent, probability_same
from siamese.evaluation.metrics import PairDistances
from siamese.inputs import INPUTS
from siamese.model_folder.doubtful import Doubtful
from siamese.model_folder.files import (
    CARD_FILE,
    CONFIG_FILE,
    METRICS_FILE,
    ONNX_FILE,
    RESUME_FILE,
    WEIGHTS_FILE,
    staged,
    write_text,
)
from siamese.model_folder.model_card import DOUBTFUL_PICTURE, render_card
from siamese.model_folder.reference import choose_reference, save_reference
from siamese.model_folder.weights import save_weights
from siamese.network import SiameseNetwork

HARDEST_SHOWN = 16


def write_model_folder(
    folder: Path,
    network: SiameseNetwork,
    config: ModelFolderConfig,
    test: LabelledImages | LabelledPairs,
    embeddings: Tensor,
    pairs: PairDistances,
    left_out: Sequence[tuple[Path, str]] = (),
    doubtful: Doubtful | None = None,
) -> None:
    """Write a complete model folder. An earlier model there stays untouched until every new file is written.

    Raises WriteError where that cannot be done; then the earlier model and the state that resumes the training are there.

    The `test` images, their `embeddings` (N, D) and the distances of all their `pairs` feed the plots.
    `left_out` are the files of a folder of images that were not used, each with the reason; `doubtful`, images that disagree
    with their class.
    """
    with staged(folder) as staging:
        save_weights(network, staging / WEIGHTS_FILE)
        labels = getattr(test, "labels", None)  # labelled pairs have none
        split, mode = config.data.split, config.preprocess.mode
        are_digits, names = is_of_digits(config.data), getattr(test, "names", None)
        reference = choose_reference(network, test.images, labels, split, mode, are_digits, names=names)
        save_reference(reference, network, staging)
        write_text(staging / CONFIG_FILE, config.to_json())
        log = (json.dumps(dataclasses.asdict(record)) + "\n" for record in config.history)
        write_text(staging / METRICS_FILE, "".join(log))
        write_text(staging / CARD_FILE, render_card(config, left_out, doubtful=doubtful))
        figures = draw_plots(config, test, embeddings, pairs, doubtful)
        for name, drawn in figures.items():
            (staging / name).write_bytes(drawn)
    for name in (RESUME_FILE, ONNX_FILE):  # the latter would be the earlier model
        (folder / name).unlink(missing_ok=True)
    if DOUBTFUL_PICTURE not in figures:
        (folder / DOUBTFUL_PICTURE).unlink(missing_ok=True)  # of an earlier model


def draw_plots(
    config: ModelFolderConfig,
    test: LabelledImages | LabelledPairs,
    embeddings: Tensor,
    pairs: PairDistances,
    doubtful: Doubtful | None = None,
) -> dict[str, bytes]:
    """The pictures of a card as PNG files by name; what is given is as for `write_model_folder`."""
    from siamese.model_folder import plots

    calibration, draw = config.calibration, INPUTS[config.preprocess.mode].draw

    def gallery(is_same: bool, heading: str):
        hardest = test.hardest(embeddings, is_same, HARDEST_SHOWN)
        titles = [f"{classes(a, b)}{distance:.2f}, {likely(distance)}" for a, b, distance in hardest]
        shown = [(test.images[a], test.images[b]) for a, b, _ in hardest]
        return beside_each_other(shown, titles, f"{heading}\n{legend}")

    def beside_each_other(pairs: Sequence[tuple[np.ndarray, np.ndarray]], titles: list[str], heading: str):
        pictures = np.array([draw(each, config.preprocess) for pair in pairs for each in pair])
        places = [(2 * number, 2 * number + 1, 0.0) for number in range(len(pairs))]
        return plots.pair_gallery(pictures, places, titles, heading)

    def classes(a: int, b: int) -> str:
        return f"{test.labels[a]} vs {test.labels[b]}\n" if isinstance(test, LabelledImages) else ""

    def likely(distance: float) -> str:
        shown = percent(float(probability_same(distance, calibration)))
        return shown.replace("over ", ">").replace("under ", "<")

    threshold = calibration.threshold
    legend = "with " + "classes, " * isinstance(test, LabelledImages) + "distance and probability of same"
    spread = reliability_intervals(test, embeddings, calibration, config.data.split)
    figures = {
        "training_curve.png": plots.training_curve(config.history, config.training.best_epoch),
        "distances.png": plots.distance_histogram(pairs, threshold),
        "roc.png": plots.roc_curve(pairs, threshold),
        "reliability.png": plots.reliability_diagram(pairs, calibration, config.metrics.calibration_error, spread),
        "false_accepts.png": gallery(False, "Different, but nearest"),
        "false_rejects.png": gallery(True, "Same, but farthest"),
    }
    if doubtful and doubtful.shown:
        shown = [each.pictures for each in doubtful.shown]
        titles = [f"{place}" for place in range(1, len(doubtful.shown) + 1)]
        heading = "Nearer to another class than to their own,\nbeside the nearest of that class"
        figures[DOUBTFUL_PICTURE] = beside_each_other(shown, titles, heading)
    return {name: plots.png(figure) for name, figure in figures.items()}
