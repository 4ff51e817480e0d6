"""The training loop: a generator, read from top to bottom, that yields what happens for the terminal or the page to show."""

import dataclasses
import datetime
import functools
import math
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from siamese.config import (
    LEAST_STEPS,
    UNSEEN_SPLITS,
    Calibration,
    EncoderConfig,
    EpochRecord,
    LossConfig,
    Metrics,
    ModelFolderConfig,
    PreprocessConfig,
    TrainingRecord,
)
from siamese.data.augmentation import AUGMENTATIONS
from siamese.data.datasets import DATASETS
from siamese.data.folders import FOLDER_BOX_FRACTION
from siamese.data.labelled_images import LabelledImages
from siamese.data.measured import bootstrap
from siamese.data.pairs import LabelledPairs
from siamese.data.sampling import class_batches, derived_seed, epoch_batches, known_pairs, pair_batches
from siamese.data.splits import Splits, load_splits
from siamese.devices import choose_device, describe_device, has_fast_bfloat16
from siamese.evaluation.calibration import distance_curve, fit_calibration, measure
from siamese.evaluation.metrics import PairDistances
from siamese.images.canonical import to_tensor
from siamese.losses import build_loss, loss_class
from siamese.model_folder.write import write_model_folder
from siamese.network import SiameseNetwork, embed_all
from siamese.training.averaging import WeightAverage
from siamese.training.distributed import ALONE, World, gather_rows
from siamese.training.events import Ask, Diverged, EpochEnded, Event, Finished, Fitted, Interrupted, Sample, Started, Stepped
from siamese.training.settings import TrainingSettings, check, command_of, fit_to_data, with_defaults
from siamese.training.state import save_resume_state
from siamese.version import current_commit

FEW_CLASSES = 20  # to test on
FEW_PAIRS = 100  # of a kind, to test on
MOST_RESIDENT = 8 << 30  # bytes of training images; more are read batch by batch
MOST_FITTED, DISTORTED_COPIES = 3000, 3  # images, and copies of each, to start an encoder from
LEAST_POSITIVES = 4  # images of each class in a batch
COLLAPSED = 1e-6  # all embeddings agree to this in every number
SAMPLE_IMAGES, SAMPLE_CLASSES = 300, 10  # of validation, in a Sample
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def train(
    settings: TrainingSettings,
    world: World = ALONE,
    asked: Callable[[], Ask | None] = lambda: None,
    state: dict | None = None,
    command: str | None = None,
) -> Iterator[Event]:
    """Fit, keep the best epoch, calibrate on validation, evaluate once on the test images, write the folder.

    Yields Started, a Stepped for each step, an EpochEnded for each epoch, Fitted, Finished; those after an epoch in the main
    process only. To close the generator is to stop at once; `asked` is called after each step, for gentler ends. `state` is
    what an interrupted training left (see siamese.model_folder.weights). `command` is recorded as what made the model.

    Raises ValueError for a mistake in the settings or the data, Diverged, OSError where the folder cannot be written, and
    Interrupted where that was asked for.
    """
    settings = with_defaults(settings)
    check(settings)
    state = state or _fresh_state(settings, command or command_of(settings))
    device = choose_device(settings.device)
    precision = PRECISIONS.get(settings.precision) or (torch.bfloat16 if has_fast_bfloat16(device) else torch.float32)
    torch.manual_seed(settings.seed)  # the initial weights; all later randomness has generators of its own

    # Data: canonical images, resident on the device as uint8 unless they are too many.
    settings = fit_to_data(settings)
    preprocess = PreprocessConfig(settings.preprocess, *[FOLDER_BOX_FRACTION] * settings.is_own)
    encoder = EncoderConfig(settings.encoder, settings.embedding_dim, settings.image_size, settings.channels)
    splits = world.main_first(lambda: _load(settings, preprocess, encoder))
    training, validation, test = splits.training, splits.validation, splits.test
    classes = splits.record.classes
    batch_size = min(settings.batch_size, len(training))
    by_class = classes > batch_size // LEAST_POSITIVES  # too many for a random batch to hold same pairs of each
    by_pair = splits.record.split == "pairs"
    if batch_size % world.size:
        raise ValueError(f"--batch-size is {batch_size} images, allowed with {world.size} processes: a multiple of that")
    if by_class or by_pair:  # whole classes, or pairs of both kinds, and as many for each process
        unit = LEAST_POSITIVES * world.size
        batch_size = max(unit, 2 * LEAST_POSITIVES, batch_size // unit * unit)
    is_resident = training.images.nbytes <= MOST_RESIDENT
    images = torch.from_numpy(training.images)
    images = images.to(device) if is_resident else images
    # A batch holds indices of images or, with labelled pairs, of ends of pairs; `known` is what the loss is told of them.
    if by_pair:
        image_of = torch.from_numpy(training.ends).ravel().to(device)
        known = functools.partial(known_pairs, torch.from_numpy(training.is_same).to(device))
    else:
        image_of = torch.arange(len(training), device=device)
        known = torch.from_numpy(training.labels).to(device).__getitem__
    augment = AUGMENTATIONS[preprocess.mode]
    is_of_digits = splits.record.split == "given" and DATASETS[settings.dataset].is_of_digits
    sample = _choose_sample(validation, settings.seed)

    # Model, loss, optimiser.
    network = SiameseNetwork(encoder)
    if settings.pretrained and not state["step"]:
        world.main_first(network.encoder.load_pretrained)
    network = network.to(device, memory_format=torch.channels_last)
    if hasattr(network.encoder, "fit") and not state["step"]:
        _fit(network, training, settings, preprocess, device)
    encode = world.wrap(network)
    margin = loss_class(settings.loss).default_margin if settings.margin is None else settings.margin
    loss_config = LossConfig(settings.loss, margin or 0.0)
    loss_function = build_loss(loss_config, network.unit_length, encoder.embedding_dim, classes).to(device)
    trainable = [*network.parameters(), *loss_function.parameters()]
    optimizer = torch.optim.AdamW(trainable, weight_decay=settings.weight_decay, fused=device.type in ("cuda", "cpu"))
    steps_per_pass = max(1, len(training) // batch_size)
    passes = 1 if splits.record.split == "given" else -(-LEAST_STEPS // steps_per_pass)  # in an epoch
    steps_per_epoch = passes * steps_per_pass
    total_steps = steps_per_epoch * settings.epochs
    average = WeightAverage(network, settings.average)
    if state["step"]:
        network.load_state_dict(state["network"])
        average.network.load_state_dict(state["average"])
        loss_function.load_state_dict(state["loss"])
        optimizer.load_state_dict(state["optimizer"])

    def save_state() -> None:
        if world.is_main:
            state.update(network=network.state_dict(), average=average.network.state_dict())
            state.update(loss=loss_function.state_dict(), optimizer=optimizer.state_dict())
            save_resume_state(settings.output, state)

    parameters = sum(parameter.numel() for parameter in network.parameters())
    hardware = describe_device(device) + (f", {world.size} processes" if world.size > 1 else "")
    precision_name = str(precision).removeprefix("torch.")
    description = (
        f"{_describe_data(splits, preprocess, encoder)}\n{settings.encoder} encoder with {parameters:,} parameters, "
        f"{settings.loss} loss, {hardware}, {precision_name}"
    )
    yield Started(
        settings, description, splits.record, splits.left_out, splits.remarks + _few_to_test_on(splits),
        parameters, hardware, precision_name, state["step"], total_steps, settings.epochs,
    )  # fmt: skip

    for epoch in range(state["step"] // steps_per_epoch, settings.epochs):
        started, seconds_before = time.perf_counter(), state["seconds"]
        network.train()
        done = state["step"] - epoch * steps_per_epoch  # steps of this epoch that an interrupted run has made
        if by_pair:
            generator = np.random.default_rng(derived_seed(settings.seed, 3, epoch))
            batches = pair_batches(training.is_same, batch_size, steps_per_epoch, generator)
        elif by_class:
            batches = class_batches(
                training.labels, batch_size, LEAST_POSITIVES, steps_per_epoch, settings.seed, epoch, training.groups
            )
        else:
            rounds = range(passes * epoch, passes * (epoch + 1))
            batches = torch.cat([epoch_batches(len(training), batch_size, settings.seed, each) for each in rounds])
        batches = batches.to(device)[done:]  # (steps, B)
        share = world.share(batch_size)  # of each batch, what this process encodes
        loss_sum = torch.tensor(state["loss_sum"], device=device)  # stays on the device: reading it would wait for it
        wish = None
        for batch in batches:
            generator = torch.Generator(device).manual_seed(derived_seed(settings.seed, 1, state["step"]))
            x = to_tensor(images[image_of[batch[share]].to(images.device)]).to(device)  # (B, C, H, W)
            if settings.augment:
                x = augment(x, generator, batch_size, share, known(batch[share]) if is_of_digits else None)
            for group in optimizer.param_groups:
                group["lr"] = settings.lr * _schedule(state["step"] / total_steps)
            with torch.autocast(device.type, precision, enabled=precision != torch.float32):
                embeddings = encode(x.contiguous(memory_format=torch.channels_last))  # (B, D)
            loss = loss_function(gather_rows(embeddings), known(batch))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss_sum += loss.detach()
            state["step"] += 1
            average.update(network, state["step"])
            seconds = seconds_before + time.perf_counter() - started
            yield Stepped(state["step"], total_steps, epoch + 1, loss.detach(), seconds)
            # Processes have to agree on where they stop, and asking costs time.
            if (world.size == 1 or state["step"] % 10 == 0) and (wish := _agreed(world, asked())):
                break
        state["loss_sum"], state["seconds"] = loss_sum.item(), seconds_before + time.perf_counter() - started
        if wish is Ask.INTERRUPT and state["step"] < (epoch + 1) * steps_per_epoch:
            save_state()
            raise Interrupted(f"Stopped after step {state['step']:,} of {total_steps:,}; nothing is lost.")

        mean_loss = state["loss_sum"] / (state["step"] - epoch * steps_per_epoch)
        if not math.isfinite(mean_loss):
            raise Diverged(f"training diverged in epoch {epoch + 1}: the loss is {mean_loss}")
        if world.is_main:
            embeddings = embed_all(average.network, to_tensor(validation.images))
            record = _measure_epoch(epoch + 1, mean_loss, state["seconds"], validation.distances(embeddings))
            is_best = all(record.balanced_accuracy >= earlier["balanced_accuracy"] for earlier in state["history"])
            state["history"].append(dataclasses.asdict(record))
            if is_best:
                state["best_epoch"] = record.epoch
                state["best"] = {name: tensor.clone() for name, tensor in average.network.state_dict().items()}
            state["seconds"] = seconds_before + time.perf_counter() - started
            labels = validation.labels[sample] if isinstance(validation, LabelledImages) else None
            yield EpochEnded(record, is_best, Sample(embeddings[sample], labels, getattr(validation, "names", None)))
        state["loss_sum"] = 0.0
        wish = wish or _agreed(world, asked())
        if wish is Ask.FINISH:
            break
        save_state()
        if wish is Ask.INTERRUPT and epoch + 1 < settings.epochs:
            raise Interrupted(f"Stopped after epoch {epoch + 1} of {settings.epochs}; nothing is lost.")

    if not world.is_main:
        return
    yield Fitted(state["best_epoch"], state["seconds"])
    network.load_state_dict(state["best"])
    embeddings = embed_all(network, to_tensor(validation.images))
    if (embeddings - embeddings[0]).abs().max() < COLLAPSED:
        raise Diverged(
            f"training collapsed: all {len(embeddings):,} validation images have one and the same embedding, as loss "
            f"{settings.loss} may bring about"
        )
    calibration = fit_calibration(validation.distances(embeddings))
    metrics, embeddings, pairs = _evaluate(network, test, calibration, splits.record.split)
    seen = _evaluate(network, splits.seen, calibration, splits.record.split)[0] if splits.seen else None
    config = ModelFolderConfig(
        encoder=encoder,
        preprocess=preprocess,
        calibration=calibration,
        loss=loss_config,
        data=splits.record,
        training=TrainingRecord(
            command=state["command"],
            commit=current_commit(),
            seed=settings.seed,
            epochs=settings.epochs,
            best_epoch=state["best_epoch"],
            batch_size=settings.batch_size,
            learning_rate=settings.lr,
            weight_decay=settings.weight_decay,
            augment=settings.augment,
            precision=precision_name,
            parameters=parameters,
            device=hardware,
            seconds=round(state["seconds"], 1),
            torch_version=torch.__version__,
            date=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%MZ"),
            finished_at_step=state["step"] if state["step"] < total_steps else 0,
        ),
        metrics=metrics,
        history=tuple(EpochRecord(**record) for record in state["history"]),
        seen=seen,
        distances=distance_curve(pairs),
    )
    write_model_folder(settings.output, network, config, test, embeddings, pairs, splits.left_out)
    yield Finished(settings.output, config, test, embeddings)


def _fresh_state(settings: TrainingSettings, command: str) -> dict:
    """What there is before the first step; tensors come with the first save."""
    return {"settings": settings.fixed(), "command": command, "data_dir": settings.data_dir, "step": 0, "loss_sum": 0.0,
            "seconds": 0.0, "history": [], "best": None, "best_epoch": 0}  # fmt: skip


def _load(settings: TrainingSettings, preprocess: PreprocessConfig, encoder: EncoderConfig) -> Splits:
    source, shares = settings.pairs or settings.dataset, (settings.validation_share, settings.test_share)
    return load_splits(
        source, settings.data_dir, preprocess, encoder, settings.split, *shares, settings.rotations, settings.seed
    )


def _few_to_test_on(splits: Splits) -> tuple[str, ...]:
    """A remark where the test is so small that its result says little."""
    what = ""
    if splits.record.split in UNSEEN_SPLITS and splits.record.test_classes < FEW_CLASSES:
        what = f"{splits.record.test_classes} test classes"
    if isinstance(splits.test, LabelledPairs) and (few := np.bincount(splits.test.is_same).min()) < FEW_PAIRS:
        what = f"{few} test pairs of a kind"
    return (f"{what} are few: the interval of the result is what to look at",) if what else ()


def _describe_data(splits: Splits, preprocess: PreprocessConfig, encoder: EncoderConfig) -> str:
    """What is trained on, in a line or two."""
    record = splits.record
    text = (
        f"{record.dataset}: {record.training_images:,} training, {record.validation_images:,} validation and "
        f"{record.test_images:,} test images"
    )
    if record.split == "given":
        return text
    held_out = f"; validation on {record.validation_classes:,} and test on {record.test_classes:,} other classes"
    if record.split == "groups":
        held_out += f", of {record.validation_groups:,} and {record.test_groups:,} other groups"
    what = f"{record.pairs:,} labelled pairs" if record.split == "pairs" else f"{record.classes:,} classes"
    return (
        f"{text}\n{what} to train on{held_out if record.split in UNSEEN_SPLITS else ''}; seen as "
        f"{preprocess.mode}, {encoder.image_size} x {encoder.image_size} px, {'colour' if encoder.channels == 3 else 'grey'}"
    )


def _fit(
    network: SiameseNetwork,
    training: LabelledImages | LabelledPairs,
    settings: TrainingSettings,
    preprocess: PreprocessConfig,
    device: torch.device,
) -> None:
    """Start an encoder from what can be computed of the training images, and of distorted copies of them."""
    if isinstance(training, LabelledPairs):  # same pairs are classes of two, all other ends are classes of their own
        labels = np.arange(training.ends.size).reshape(-1, 2)
        chosen, labels = training.ends.ravel(), np.where(training.is_same[:, None], labels[:, :1], labels).ravel()
    else:
        chosen, labels = np.arange(len(training)), training.labels
    generator = np.random.default_rng(derived_seed(settings.seed, 6))
    taken = np.sort(generator.permutation(len(chosen))[:MOST_FITTED])
    images, labels = to_tensor(training.images[chosen[taken]]).to(device), torch.from_numpy(labels[taken]).to(device)
    copies = DISTORTED_COPIES if settings.augment else 0
    augment, random = AUGMENTATIONS[preprocess.mode], torch.Generator(device).manual_seed(derived_seed(settings.seed, 7))
    images = torch.cat([images, *(augment(images, random) for _ in range(copies))])
    network.encoder.fit(images, labels.repeat(copies + 1))


def _choose_sample(validation: LabelledImages | LabelledPairs, seed: int) -> np.ndarray:
    """Which of the validation images a Sample holds, by a seeded draw, ascending."""
    generator = np.random.default_rng(derived_seed(seed, 5))
    count = len(validation.images)
    if isinstance(validation, LabelledPairs):
        return np.sort(generator.permutation(count)[:SAMPLE_IMAGES])
    classes = generator.permutation(np.unique(validation.labels))[:SAMPLE_CLASSES]
    order = generator.permutation(count)
    per_class = SAMPLE_IMAGES // len(classes)
    return np.sort(np.concatenate([order[validation.labels[order] == label][:per_class] for label in classes]))


def _schedule(progress: float) -> float:
    """Share of the peak learning rate at `progress` 0..1: up over the first fifth, then down to 0, both linear."""
    return min(progress / 0.2, (1 - progress) / 0.8)


def _agreed(world: World, wish: Ask | None) -> Ask | None:
    """What any of the processes is asked, the same in all of them."""
    if not world.any(wish is not None):
        return None
    return Ask.FINISH if world.any(wish is Ask.FINISH) else Ask.INTERRUPT


def _measure_epoch(epoch: int, loss: float, seconds: float, pairs: PairDistances) -> EpochRecord:
    return EpochRecord(
        epoch=epoch,
        loss=loss,
        balanced_accuracy=100 * pairs.best_threshold()[1],
        equal_error_rate=100 * pairs.equal_error_rate(),
        roc_auc=pairs.roc_auc(),
        seconds=seconds,
    )


def _evaluate(
    network: SiameseNetwork, part: LabelledImages | LabelledPairs, calibration: Calibration, split: str
) -> tuple[Metrics, Tensor, PairDistances]:
    """All metrics of a part of the data, the embeddings (N, D) of its images, and the distances of their pairs."""
    embeddings = embed_all(network, to_tensor(part.images))
    pairs = part.distances(embeddings)
    return measure(pairs, calibration, bootstrap(part, embeddings, calibration.threshold, split)), embeddings, pairs
