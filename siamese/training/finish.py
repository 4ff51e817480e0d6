"""The end of a training: the best weights, their threshold and calibration, the test, and the model folder."""

import dataclasses
import datetime

import torch
from torch import Tensor

from siamese.config import UNSEEN_SPLITS, Calibration, Metrics, ModelFolderConfig, TrainingRecord, readable
from siamese.data.labelled_images import LabelledImages
from siamese.data.measured import bootstrap, calibrate
from siamese.data.pairs import LabelledPairs
from siamese.evaluation.calibration import distance_curve, measure
from siamese.evaluation.metrics import PairDistances
from siamese.model_folder.doubtful import find_doubtful
from siamese.model_folder.weights import load_model
from siamese.model_folder.write import write_model_folder
from siamese.network import SiameseNetwork, embed_all
from siamese.training.events import Diverged, Finished
from siamese.training.setup import Setup
from siamese.training.state import TrainingState
from siamese.version import current_commit

MOST_LEARNT = 500  # training images that calibration looks at
COLLAPSED = 1e-6  # all embeddings agree to this in every number


def finish(state: TrainingState, setup: Setup) -> Finished:
    """Calibrate the best epoch on validation, evaluate it once on the test images, write the folder.

    After no epochs at all, that is the model of --init with its own weights. Raises Diverged where all embeddings are one,
    OSError where the folder cannot be written.
    """
    settings, splits, network = state.settings, setup.splits, setup.network
    before = None if settings.epochs else load_model(settings.init)[1]
    if state.best:
        network.load_state_dict(state.best)
    embeddings = embed_all(network, splits.validation.images)
    if (embeddings - embeddings[0]).abs().max() < COLLAPSED:
        raise Diverged(
            f"training collapsed: all {len(embeddings):,} validation images have one and the same embedding, as loss "
            f"{settings.loss} may bring about",
            settings.lr,
        )
    learnt = None
    if splits.record.split in UNSEEN_SPLITS:
        some = splits.training.at_most(MOST_LEARNT, settings.seed)
        learnt = embed_all(network, some.images), some.labels
    calibration = calibrate(splits.validation, embeddings, splits.record.split, learnt)
    metrics, of_test, pairs = _evaluate(network, splits.test, calibration, splits.record.split)
    seen = _evaluate(network, splits.seen, calibration, splits.record.split)[0] if splits.seen else None
    config = ModelFolderConfig(
        encoder=network.config,
        preprocess=setup.preprocess,
        calibration=calibration,
        loss=before.loss if before else setup.loss_config,
        data=splits.record,
        training=_record_of_same_weights(before.training, state) if before else _record(state, setup),
        metrics=metrics,
        history=before.history if before else tuple(state.history),
        seen=seen,
        distances=distance_curve(pairs),
    )
    doubtful = find_doubtful(network, splits, embeddings, of_test, settings.rotations, settings.seed)
    write_model_folder(settings.folder, network, config, splits.test, of_test, pairs, splits.left_out, doubtful)
    return Finished(settings.folder, config, splits.test, of_test, doubtful)


def _record(state: TrainingState, setup: Setup) -> TrainingRecord:
    settings, steps = state.settings, setup.batches.steps_per_epoch * state.settings.epochs
    return TrainingRecord(
        command=readable(state.command),
        **_here_and_now(),
        seed=settings.seed,
        epochs=settings.epochs,
        best_epoch=state.best_epoch,
        batch_size=setup.batches.size,
        learning_rate=settings.lr,
        weight_decay=settings.weight_decay,
        augment=settings.augment,
        precision=setup.precision_name,
        parameters=setup.parameters,
        device=setup.hardware,
        seconds=round(state.seconds, 1),
        finished_at_step=state.step if state.step < steps else 0,
    )


def _record_of_same_weights(before: TrainingRecord, state: TrainingState) -> TrainingRecord:
    """How the weights came about, and what was done with them since."""
    return dataclasses.replace(before, command=f"{before.command}\n{readable(state.command)}", **_here_and_now())


def _here_and_now() -> dict[str, str]:
    date = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%MZ")
    return {"commit": current_commit(), "torch_version": torch.__version__, "date": date}


def _evaluate(
    network: SiameseNetwork, part: LabelledImages | LabelledPairs, calibration: Calibration, split: str
) -> tuple[Metrics, Tensor, PairDistances]:
    """All metrics of a part of the data, the embeddings (N, D) of its images, and the distances of their pairs."""
    embeddings = embed_all(network, part.images)
    pairs = part.distances(embeddings)
    return measure(pairs, calibration, bootstrap(part, embeddings, calibration.threshold, split)), embeddings, pairs
