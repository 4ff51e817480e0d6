"""Rows and sequences of one's own as training, validation and test: split first, then normalised by what is trained on."""

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from siamese.config import DataRecord, EncoderConfig, NumbersConfig, PreprocessConfig
from siamese.data.labelled_images import MOST_EVALUATED, LabelledImages, group_numbers, sources_of
from siamese.data.labelled_numbers import ReadNumbers, read_numbers
from siamese.data.own_numbers import ROWS, OwnNumbers
from siamese.data.pairs import LabelledPairs, link, list_pairs, split_pairs
from siamese.data.splits import (
    FOLDER_TEST_SHARE,
    FOLDER_VALIDATION_SHARE,
    Splits,
    counted_parts,
    default_split,
    hold_out,
)
from siamese.inputs import INPUTS, reworded
from siamese.inputs.sequences import canonical_sequence
from siamese.inputs.vectors import standardise

USUAL_LENGTHS = (8, 128)  # steps that sequences are resampled to where nobody says, if most are shorter or longer
LONGEST_PADDED = 512  # and those that they are filled up to


@dataclass(frozen=True)
class SequenceChoices:
    """How sequences are to be seen, see siamese.config.NumbersConfig."""

    length: int = 0  # steps; 0 of rows
    fit: str = "resample"
    normalise: str = "columns"
    time_column: str = ""


def usual_length(found: ReadNumbers, fit: str) -> int:
    """How many steps fit these sequences: what most have, or of padded ones the longest, within bounds."""
    lengths = [len(each) for each in found.values]
    if fit == "pad":
        return int(min(max(lengths), LONGEST_PADDED))
    return int(np.clip(np.median(lengths), *USUAL_LENGTHS))


def load_number_splits(
    own: OwnNumbers,
    encoder: EncoderConfig,
    choices: SequenceChoices,
    split: str,
    validation_share: float,
    test_share: float,
    seed: int,
) -> tuple[Splits, PreprocessConfig, EncoderConfig]:
    """The parts, canonical, and how these are made of a source: what is trained on decides that.

    Raises ValueError where there is too little, or it cannot be read.
    """
    found = read_numbers(own, least=0 if own.are_pairs else 2)
    shares = (validation_share, test_share, seed)
    try:
        splits = _split_pairs(own, found, *shares) if own.are_pairs else _split(own, found, split, *shares)
    except ValueError as error:
        raise ValueError(reworded(str(error), found.noun)) from error
    numbers = fit_numbers(found, splits.training.images, choices)
    preprocess = PreprocessConfig(own.mode, numbers=numbers)
    columns = len(numbers.columns)
    shape = (columns,) if own.mode == ROWS else (numbers.length, columns + 1)
    parts = {
        name: dataclasses.replace(part, images=canonical(found, part.images, numbers))
        for name in ("training", "validation", "test", "seen")
        if (part := getattr(splits, name)) is not None
    }
    remarks = (*found.remarks, *(reworded(remark, found.noun) for remark in splits.remarks))
    record = dataclasses.replace(splits.record, left_out=len(found.left_out))
    splits = dataclasses.replace(splits, **parts, record=record, left_out=found.left_out, remarks=remarks)
    return splits, preprocess, dataclasses.replace(encoder, shape=shape)


@dataclass(frozen=True)
class NumbersCheck:
    """What a training would find, and how it would see it."""

    found: ReadNumbers
    split: str  # what it would hold out: see siamese.data.splits; "" where there is too little to train on
    problem: str  # then, what is missing
    seen: str  # in words
    remarks: tuple[str, ...]


def check_numbers(own: OwnNumbers) -> NumbersCheck:
    """Read and split as a training does by itself. Raises ValueError where nothing can be read."""
    found = read_numbers(own, least=0 if own.are_pairs else 2)
    kind, encoder = INPUTS[own.mode], EncoderConfig()
    split = "pairs" if own.are_pairs else default_split({name: [own.place] * size for name, size in found.sizes.items()})
    length = 0 if own.mode == ROWS else usual_length(found, "resample")
    numbers = fit_numbers(found, np.arange(len(found.labels)), SequenceChoices(length))
    seen = kind.describe(PreprocessConfig(own.mode, numbers=numbers), encoder)
    shares = (FOLDER_VALIDATION_SHARE, FOLDER_TEST_SHARE, 0)
    try:
        splits = _split_pairs(own, found, *shares) if own.are_pairs else _split(own, found, split, *shares)
    except ValueError as error:
        return NumbersCheck(found, "", reworded(str(error), found.noun), seen, found.remarks)
    remarks = (*found.remarks, *(reworded(remark, found.noun) for remark in splits.remarks))
    return NumbersCheck(found, split, "", seen, remarks)


def fit_numbers(found: ReadNumbers, training: np.ndarray, choices: SequenceChoices) -> NumbersConfig:
    """Mean and deviation of each column among the values of `training` (N,), and which columns only say yes or no."""
    steps = np.concatenate([np.atleast_2d(found.values[place]) for place in training.tolist()])  # (M, F)
    is_known = ~np.isnan(steps)
    count = is_known.sum(axis=0)
    mean = np.where(is_known, steps, 0).sum(axis=0) / np.maximum(count, 1)
    deviation = np.sqrt(np.square(np.where(is_known, steps - mean, 0)).sum(axis=0) / np.maximum(count, 1))
    is_flat = deviation <= 1e-12 * np.maximum(np.abs(mean), 1e-30)
    flags = ()
    if choices.length:
        says_yes_or_no = ((steps == 0) | (steps == 1) | ~is_known).all(axis=0) & ~is_flat
        flags = tuple(name for name, is_flag in zip(found.columns, says_yes_or_no, strict=True) if is_flag)
    return NumbersConfig(
        found.columns, tuple(mean.tolist()), tuple(np.where(is_flat, 1.0, deviation).tolist()), flags, choices.time_column,
        choices.length, choices.fit, choices.normalise,
    )  # fmt: skip


def canonical(found: ReadNumbers, chosen: Sequence[int] | np.ndarray, numbers: NumbersConfig) -> np.ndarray:
    """The canonical arrays of those at the places `chosen`: float32 (N, F) or (N, T, F + 1). Raises ValueError."""
    if not numbers.length:
        return standardise(np.stack([found.values[place] for place in chosen]), numbers)
    return np.stack(
        [canonical_sequence(found.values[place], found.times[place], numbers, found.sources[place]) for place in chosen]
    )


def load_measured(
    own: OwnNumbers, numbers: NumbersConfig
) -> tuple[LabelledImages | LabelledPairs, tuple[str, ...], tuple[tuple[Path, str], ...], tuple[str, ...]]:
    """What a model is measured on, at most MOST_EVALUATED; names of classes; what was left out, with reasons; remarks."""
    found = read_numbers(own, numbers, least=0 if own.are_pairs else 2)
    if own.are_pairs:
        pairs, remarks = read_number_pairs(own, found)
        part = pairs.at_most(MOST_EVALUATED // 4, seed=0)
    else:
        part = LabelledImages(np.arange(len(found.labels)), found.labels).at_most(MOST_EVALUATED, seed=0)
        remarks = found.remarks
    part = dataclasses.replace(part, images=canonical(found, part.images, numbers))
    return part, found.names, found.left_out, remarks


def read_number_pairs(own: OwnNumbers, found: ReadNumbers) -> tuple[LabelledPairs, tuple[str, ...]]:
    """The pairs, of places in `found`, and remarks. Raises ValueError as `siamese.data.pairs.link` does."""
    rows, place_of = list_pairs(own.pairs), {}
    for place, source in enumerate(found.sources):
        file = own.pairs.parent / source.removeprefix("row ") if own.is_table else Path(source)
        place_of[Path(os.path.normpath(file))] = int(found.first[place])
    ends, is_same, remarks = link(own.pairs, rows, place_of, found.left_out, found.noun)
    return LabelledPairs(np.arange(len(found.values)), ends, is_same), (*found.remarks, *remarks)


def _split(own: OwnNumbers, found: ReadNumbers, split: str, *shares: float) -> Splits:
    has_copies = np.bincount(found.first, minlength=len(found.first))[found.first] > 1
    everything = LabelledImages(
        np.arange(len(found.labels)), found.labels, has_copies, group_numbers(found.names), found.names,
        sources_of(_relative(own, source) for source in found.sources),
    )  # fmt: skip
    record = DataRecord(dataset=own.name, split=split, revision=own.commit, is_public=own.is_public)
    return counted_parts(hold_out(everything, found.first, found.part, record, shares, found.left_out))


def _split_pairs(own: OwnNumbers, found: ReadNumbers, *shares: float) -> Splits:
    pairs, remarks = read_number_pairs(own, found)
    training, *held_out = split_pairs(pairs, *shares)
    validation, test = (part.at_most(MOST_EVALUATED // 4, int(shares[-1])) for part in held_out)
    record = DataRecord(
        dataset=own.name,
        training_images=len(training.images),
        validation_images=len(validation.images),
        test_images=len(test.images),
        split="pairs",
        pairs=len(training.is_same),
    )
    return Splits(training, validation, test, record, remarks=remarks[len(found.remarks) :])


def _relative(own: OwnNumbers, source: str) -> str:
    return source if own.is_table else os.path.relpath(source, own.place)
