"""Images to measure a model on, and intervals that fit how they were split."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from siamese.config import UNSEEN_SPLITS, Calibration, EncoderConfig, PreprocessConfig
from siamese.data.class_lists import BY_FOLDERS, Layout
from siamese.data.folders import read_folder
from siamese.data.labelled_images import MOST_EVALUATED, LabelledImages
from siamese.data.pairs import LabelledPairs, read_pairs
from siamese.evaluation.bootstrap import Intervals, bootstrap_intervals, bootstrap_intervals_over_classes
from siamese.evaluation.calibration import fit_calibration, independent_pairs
from siamese.evaluation.reliability import blocks_of_images, observed_intervals
from siamese.evaluation.unseen import as_of_unseen_classes, towards_usual


def load_folder(
    folder: str | Path, preprocess: PreprocessConfig, encoder: EncoderConfig, layout: Layout = BY_FOLDERS
) -> tuple[LabelledImages, tuple[str, ...], tuple[tuple[Path, str], ...], tuple[str, ...]]:
    """Images of a folder to measure a model on, at most MOST_EVALUATED; names of classes; files left out, with
    reasons; remarks.
    """
    found = read_folder(folder, preprocess, encoder, progress=True, layout=layout)
    images = LabelledImages(found.images, found.labels).at_most(MOST_EVALUATED, seed=0)
    return images, found.names, found.left_out, found.remarks


def load_pairs(
    file: str | Path, preprocess: PreprocessConfig, encoder: EncoderConfig
) -> tuple[LabelledPairs, tuple[tuple[Path, str], ...], tuple[str, ...]]:
    """Labelled pairs to measure a model on, at most MOST_EVALUATED images; files left out, with reasons; remarks."""
    found = read_pairs(file, preprocess, encoder, progress=True)
    return found.pairs.at_most(MOST_EVALUATED // 4, seed=0), found.left_out, found.remarks  # of each kind; two images each


def bootstrap(data: LabelledImages | LabelledPairs, embeddings: Tensor, threshold: float, split: str) -> Intervals:
    """95% intervals of the rates at `threshold`, over what the images were split by (see siamese.config.DataRecord)."""
    if split == "pairs":
        return data.intervals(embeddings, threshold)
    over = bootstrap_intervals_over_classes if split in UNSEEN_SPLITS else bootstrap_intervals
    return over(embeddings, torch.from_numpy(data.labels), threshold)


def reliability_intervals(
    data: LabelledImages | LabelledPairs, embeddings: Tensor, calibration: Calibration, split: str
) -> np.ndarray:
    """95% intervals of the observed shares in a reliability diagram: float (BINS, 2), 0..1, NaN where too little is known.

    Over what the images were split by, as `bootstrap`; see siamese.evaluation.reliability.
    """
    if split == "pairs":
        units, ends = np.unique(data.units(), return_inverse=True)
        return observed_intervals([data.block(embeddings, ends.reshape(-1, 2))], len(units), calibration)
    labels = np.unique(data.labels, return_inverse=True)[1]
    units = labels if split in UNSEEN_SPLITS else np.arange(len(labels))
    return observed_intervals(blocks_of_images(embeddings.cpu(), labels, units), int(units.max()) + 1, calibration)


def calibrate(
    data: LabelledImages | LabelledPairs,
    embeddings: Tensor,
    split: str,
    training: tuple[Tensor, np.ndarray] | None = None,
) -> Calibration:
    """Threshold and probability fitted on validation images, as sure as what is independent among them allows.

    Independent are classes where those of the test are others, images where they are the same ones, and of labelled pairs
    what the bootstrap draws. A different pair is of two of these units, and so is a same pair of two images. Where classes
    of the test are others, embeddings and labels of `training` images tell what few classes do not.
    """
    pairs = data.distances(embeddings)
    counts = (len(pairs.same), len(pairs.different))
    if split == "pairs":
        ends = data.units()
        units = [len(np.unique(ends[data.is_same == kind])) for kind in (True, False)]
        if (ends[:, 0] != ends[:, 1]).any():
            units = [count / 2 for count in units]
    else:
        sizes = np.bincount(data.labels)
        repeated = sizes[sizes >= 2]
        units = [repeated.sum() / 2, len(data) / 2]
        if split in UNSEEN_SPLITS:
            units = [len(repeated), np.count_nonzero(sizes) / 2]
            pairs = as_of_unseen_classes(pairs, embeddings, torch.from_numpy(data.labels))
    calibration = fit_calibration(pairs, counts, tuple(map(independent_pairs, counts, units)))
    if training is None or split not in UNSEEN_SPLITS:
        return calibration
    return towards_usual(calibration, embeddings, len(repeated), training[0], torch.from_numpy(training[1]))
