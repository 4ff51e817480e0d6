"""The training loop: a generator, read from top to bottom, that yields what happens for the terminal or the page to show."""

import contextlib
import math
import time
from collections.abc import Callable, Generator, Iterator

import torch

from siamese.config import EpochRecord
from siamese.data.augmentation import AUGMENTATIONS
from siamese.data.compositions import with_compositions
from siamese.data.sampling import derived_seed
from siamese.devices import is_out_of_memory
from siamese.evaluation.metrics import PairDistances
from siamese.model_folder.files import check_writable
from siamese.network import embed_all
from siamese.training.distributed import ALONE, World, gather_rows
from siamese.training.events import (
    Ask,
    Diverged,
    EpochEnded,
    Event,
    Finished,
    Fitted,
    Interrupted,
    OutOfMemory,
    Sample,
    Stepped,
)
from siamese.training.finish import finish
from siamese.training.lock import check_output, only_training
from siamese.training.settings import TrainingSettings, check, command_of, fill_in
from siamese.training.setup import Setup, choose_sample, prepare
from siamese.training.state import TrainingState

SAMPLE_IMAGES, SAMPLE_CLASSES = 300, 10  # of validation, in a Sample


def train(
    settings: TrainingSettings,
    world: World = ALONE,
    asked: Callable[[], Ask | None] = lambda: None,
    state: TrainingState | None = None,
    command: str | None = None,
) -> Iterator[Event]:
    """Fit, keep the best epoch, calibrate on validation, evaluate once on the test images, write the folder.

    Yields Started, a Stepped for each step, an EpochEnded for each epoch, Fitted, Finished; those after an epoch in the main
    process only. To close the generator is to stop at once; `asked` is called after each step, for gentler ends. `state` is
    what an interrupted training left, whose settings then count. `command` is recorded as what made the model.

    Raises, before anything else, ValueError for a mistake in the settings, where the folder holds other files, or where
    another training writes into it, and WriteError where it cannot be written. Later, ValueError for a mistake in the data,
    WriteError, Diverged, OutOfMemory, and Interrupted where that was asked for.
    """
    try:
        if state is None:
            check(settings)
        with contextlib.ExitStack() as stack:
            if world.is_main:
                folder = state.settings.folder if state else settings.folder
                check_output(folder)
                check_writable(folder)
                stack.enter_context(only_training(folder))
            state = state or TrainingState(fill_in(settings), command or command_of(settings))
            finished = yield from _train(state, world, asked)
        if finished:  # once the folder holds nothing but the model
            yield finished
    except (RuntimeError, MemoryError, OSError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemory(state.settings if state else settings) from error


def _train(state: TrainingState, world: World, asked: Callable[[], Ask | None]) -> Generator[Event, None, Finished | None]:
    """All events but Finished, which is returned."""
    settings = state.settings
    setup = prepare(state, world)
    network, average, batches, steps = setup.network, setup.average, setup.batches, setup.batches.steps_per_epoch
    augment = AUGMENTATIONS[settings.preprocess]
    total_steps = steps * settings.epochs
    yield setup.started(state)

    for epoch in range(state.step // steps, settings.epochs):
        started, seconds_before = time.perf_counter(), state.seconds
        network.train()
        loss_sum = torch.tensor(state.loss_sum, device=setup.device)  # stays there: reading it would wait for the device
        wish = None
        for batch in batches.epoch(epoch)[state.step - epoch * steps :]:  # without what an interrupted run has made
            generator = torch.Generator(setup.device).manual_seed(derived_seed(settings.seed, 1, state.step))
            known, share = batches.known(batch), world.share(len(batch))  # of the batch, what is encoded here
            if settings.compose:
                x, known = with_compositions(batches.images(batch), known, generator, world.size)
                share = world.share(len(x))
                x = x[share]
            else:
                x = batches.images(batch[share])  # (B, C, H, W)
            if settings.augment:
                x = augment(x, generator, len(known), share, known[share] if setup.is_of_digits else None)
            rate = settings.lr * _schedule((state.step + 0.5) / total_steps)  # of its middle: none is made at 0
            for group in setup.optimizer.param_groups:
                group["lr"] = rate * group.get("share", 1.0)
            with torch.autocast(setup.device.type, setup.precision, enabled=setup.precision != torch.float32):
                embeddings = setup.encode(x.contiguous(memory_format=network.encoder.layout))  # (B, D)
            loss = setup.loss_function(gather_rows(embeddings), known)
            setup.optimizer.zero_grad()
            loss.backward()
            setup.optimizer.step()
            loss_sum += loss.detach()
            state.step += 1
            average.update_parameters(network)
            seconds = seconds_before + time.perf_counter() - started
            yield Stepped(state.step, total_steps, epoch + 1, loss.detach(), seconds)
            # Processes have to agree on where they stop, and asking costs time.
            if (world.size == 1 or state.step % 10 == 0) and (wish := _agreed(world, asked())):
                break
        state.loss_sum, state.seconds = loss_sum.item(), seconds_before + time.perf_counter() - started
        if wish is Ask.INTERRUPT and state.step < (epoch + 1) * steps:
            _save(state, setup, world)
            raise Interrupted(f"Stopped after step {state.step:,} of {total_steps:,}; nothing is lost.")

        mean_loss = state.loss_sum / (state.step - epoch * steps)
        if not math.isfinite(mean_loss):
            raise Diverged(f"training diverged in epoch {epoch + 1}: the loss is {mean_loss}", settings.lr)
        if world.is_main:
            ended = _measure_epoch(epoch + 1, mean_loss, state, setup)
            state.seconds = seconds_before + time.perf_counter() - started
            yield ended
        state.loss_sum = 0.0
        wish = wish or _agreed(world, asked())
        if wish is Ask.FINISH:
            break
        _save(state, setup, world)
        if wish is Ask.INTERRUPT and epoch + 1 < settings.epochs:
            raise Interrupted(f"Stopped after epoch {epoch + 1} of {settings.epochs}; nothing is lost.")

    if world.is_main:
        yield Fitted(state.best_epoch, state.seconds)
        return finish(state, setup)
    return None


def _schedule(progress: float) -> float:
    """Share of the peak learning rate at `progress` 0..1: up over the first fifth, then down to 0, both linear."""
    return min(progress / 0.2, (1 - progress) / 0.8)


def _agreed(world: World, wish: Ask | None) -> Ask | None:
    """What any of the processes is asked, the same in all of them."""
    if not world.any(wish is not None):
        return None
    return Ask.FINISH if world.any(wish is Ask.FINISH) else Ask.INTERRUPT


def _save(state: TrainingState, setup: Setup, world: World) -> None:
    if world.is_main:
        parts = {"network": setup.network, "average": setup.average.module}
        state.save(**parts, loss=setup.loss_function, optimizer=setup.optimizer)


def _measure_epoch(epoch: int, loss: float, state: TrainingState, setup: Setup) -> EpochEnded:
    """Measure the averaged weights on validation, and note them in `state`."""
    network, validation, seed = setup.average.module, setup.splits.validation, state.settings.seed
    embeddings = embed_all(network, validation.images)
    pairs: PairDistances = validation.distances(embeddings)
    record = EpochRecord(
        epoch=epoch,
        loss=loss,
        balanced_accuracy=100 * pairs.best_threshold()[1],
        equal_error_rate=100 * pairs.equal_error_rate(),
        roc_auc=pairs.roc_auc(),
        seconds=state.seconds,
    )
    is_best = state.take(record, network.state_dict())
    sample = choose_sample(validation, SAMPLE_IMAGES, SAMPLE_CLASSES, seed)
    labels, names = getattr(validation, "labels", None), getattr(validation, "names", None)
    return EpochEnded(record, is_best, Sample(embeddings[sample], labels if labels is None else labels[sample], names))
