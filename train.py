"""Train a siamese network on labelled images and write a model folder: weights, config, card and plots."""

import argparse
import dataclasses
import datetime
import functools
import math
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from siamese.augmentation import AUGMENTATIONS
from siamese.calibration import distance_curve, fit_calibration, measure
from siamese.card import write_model_folder
from siamese.checkpoint import RESUME_FILE, load_resume_state, save_resume_state
from siamese.config import (
    PREPROCESS_MODES,
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
from siamese.data import (
    DATASETS,
    LabelledImages,
    Splits,
    bootstrap,
    class_batches,
    derived_seed,
    epoch_batches,
    load_splits,
)
from siamese.devices import choose_device, describe_device, has_fast_bfloat16
from siamese.distributed import World, gather_rows, processes
from siamese.folders import FOLDER_BOX_FRACTION, choose_settings, choose_settings_of
from siamese.hub import HubError, check_login, push_command, push_folder
from siamese.jobs import DEFAULT_TIMEOUT, run_hosted
from siamese.losses import FOR_LABELLED_PAIRS, LOSSES, build_loss, loss_class
from siamese.metrics import PairDistances
from siamese.model import ENCODERS, SiameseNetwork, WeightAverage, embed_all, encoder_class
from siamese.pairs import LabelledPairs, image_files, known_pairs, pair_batches
from siamese.preprocess import to_tensor

# What decides the result, and so must not change between an interrupted training and its continuation.
FIXED_ON_RESUME = (
    "dataset", "pairs", "preprocess", "image_size", "channels", "split", "test_share", "rotations", "encoder", "pretrained",
    "embedding_dim", "loss", "margin", "epochs", "batch_size", "lr", "weight_decay",
    "average", "validation_share", "augment", "precision", "seed",
)  # fmt: skip
EPOCHS, FOLDER_EPOCHS = 24, 12
FOLDER_SPLITS = (*UNSEEN_SPLITS, "within")
FOR_FOLDERS = ("split", "preprocess", "image_size", "channels")
FEW_CLASSES = 20  # to test on
FEW_PAIRS = 100  # of a kind, to test on
MOST_RESIDENT = 8 << 30  # bytes of training images; more are read batch by batch
LEAST_STEPS = 50  # of an epoch: small folders are passed over several times
LEAST_POSITIVES = 4  # images of each class in a batch
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class Interrupted(Exception):
    """The user asked to stop, and what is needed to continue is on disk."""


def build_parser() -> argparse.ArgumentParser:
    """The command line of training; every flag states its unit and default."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="A first try without any download: python train.py --dataset mnist-sample --output runs/first ; then "
        "python -m siamese compare A.png B.png --model runs/first",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--dataset", default="mnist", help=f"what to train on: {', '.join(DATASETS)}; or a folder of class folders")
    add("--pairs", metavar="CSV", help="instead: labelled pairs, in columns image_a, image_b, is_same; paths from that file")
    add("--data-dir", default="data", help="folder of datasets; one that is there (DIR/MNIST/raw/...) is not downloaded")
    add(
        "--split",
        choices=FOLDER_SPLITS,
        help="of a folder: hold out classes (if not given), whole parent folders, or images",
    )
    add("--preprocess", choices=PREPROCESS_MODES, help="of a folder: find the ink, or keep pictures whole; or chosen")
    add("--image-size", type=int, help="of a folder: px a side that the network sees, 8..512; chosen if not given")
    add("--channels", type=int, help="of a folder: 1 grey, 3 colour; chosen if not given")
    add("--rotations", action="store_true", help="count each class turned by 90, 180 and 270 degrees as three more")
    add("--encoder", default="compact", help=f"network: {', '.join(ENCODERS)} (seed is the reference network)")
    add("--pretrained", action="store_true", help="start resnet18 from ImageNet weights, downloaded if need be")
    add("--embedding-dim", type=int, help="numbers per embedding, 1..4096; the encoder's own width if not given")
    add("--loss", default="supcon", help=f"objective: {', '.join(LOSSES)}; with --pairs bce if not given, or contrastive")
    add("--margin", type=float, help="contrastive and triplet losses: margin, in units of distance; 1 and 0.5 if not given")
    add("--epochs", type=int, help=f"passes over the training images; {EPOCHS} if not given, {FOLDER_EPOCHS} for a folder")
    add("--batch-size", type=int, default=256, help="images per step; the loss sees all their pairs")
    add("--lr", type=float, default=3e-3, help="peak learning rate of AdamW")
    add("--weight-decay", type=float, default=0.05, help="weight decay of AdamW")
    add("--average", type=float, default=0.5, help="epochs that the running average of weights looks back on; 0: no average")
    add(
        "--validation-share", type=float, help="share held out for validation, 0.01..0.5; 0.1 if not given, 0.2 for a folder"
    )
    add("--test-share", type=float, default=0.2, help="of a folder: share of classes (groups, images) to test on, 0.01..0.5")
    add("--augment", action=argparse.BooleanOptionalAction, default=True, help="distort training images at random")
    add("--precision", default="auto", choices=("auto", *PRECISIONS), help="of the encoder's arithmetic; auto: what is fast")
    add("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"), help="auto takes a GPU where there is one")
    add("--seed", type=int, default=0, help="of the split, the weights, the batches and the augmentation")
    add("--output", help="folder to write, runs/DATASET-ENCODER-LOSS if not given")
    add("--resume", action="store_true", help="continue the interrupted training in --output, under its own settings")
    add("--overwrite", action="store_true", help="start again where --output holds an interrupted training")
    add("--push", action="store_true", help="when done, upload the model folder to the Hugging Face Hub, as --repo-id")
    add("--repo-id", metavar="USER/NAME", help="repository to push to; made if it is not there")
    add("--private", action="store_true", help="make that repository private")
    add("--revision", metavar="BRANCH", help="branch to push to; main if not given")
    add("--hosted", metavar="FLAVOR", help="train on hosted hardware, as a Hugging Face Job that pushes: t4-small, l4x1...")
    add("--hosted-timeout", default=DEFAULT_TIMEOUT, help="when the job is stopped: a number with m, h or d")
    add("--dry-run", action="store_true", help="with --hosted: print the job, and send nothing")
    return parser


def parse_arguments(argv: list[str] | None) -> tuple[argparse.Namespace, dict]:
    """The arguments with defaults filled in, and those that the user gave."""
    parser = build_parser()
    arguments = parser.parse_args(argv)
    unset = object()
    given = vars(parser.parse_args(argv, argparse.Namespace(**dict.fromkeys(vars(arguments), unset))))
    given = {name: value for name, value in given.items() if value is not unset}
    if arguments.pairs and "loss" not in given:
        arguments.loss = FOR_LABELLED_PAIRS[0]
    arguments.epochs = (FOLDER_EPOCHS if is_own(arguments) else EPOCHS) if arguments.epochs is None else arguments.epochs
    if arguments.validation_share is None:
        arguments.validation_share = 0.2 if is_own(arguments) else 0.1
    name = Path(arguments.pairs).stem if arguments.pairs else Path(arguments.dataset).resolve().name
    arguments.output = Path(arguments.output or f"runs/{name}-{arguments.encoder}-{arguments.loss}")
    return arguments, given


def main(argv: list[str] | None = None) -> int:
    """Train as the command line says.

    Returns the exit code: 0 with a complete model folder (and pushed, if asked to), 1 where it cannot be written, 2 for a
    mistake in the input, 3 where it is complete but not pushed, 130 when interrupted.
    """
    arguments, given = parse_arguments(argv)
    if {"hosted", "hosted_timeout", "dry_run"} & set(given):
        return run_as_job(arguments, given)
    with processes(arguments.device) as (world, arguments.device), world.one_voice():
        code = run(arguments, given, world, sys.argv[1:] if argv is None else argv)
        return push(arguments) if arguments.push and code == 0 and world.is_main else code


def run_as_job(arguments: argparse.Namespace, given: dict) -> int:
    """Have hosted hardware do the training; the exit code."""
    try:
        if arguments.hosted is None:
            raise ValueError("--dry-run and --hosted-timeout are about a job: add --hosted FLAVOR, or leave them out")
        check_arguments(arguments, given)
        return run_hosted(arguments.hosted, given, arguments.dry_run, arguments.hosted_timeout, current_commit())
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def run(arguments: argparse.Namespace, given: dict, world: World, argv: list[str]) -> int:
    """Train, and turn what goes wrong into a sentence and an exit code."""
    launcher = ["python"] if world.size == 1 else ["torchrun", f"--nproc_per_node={world.size}"]
    try:
        check_push(arguments)
        train(arguments, given, world, shlex.join([*launcher, "train.py", *argv]))
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: the model cannot be written: {error}. {how_to_go_on(arguments)}", file=sys.stderr)
        return 1
    except (Interrupted, KeyboardInterrupt) as notice:
        print(f"\n{str(notice) or 'Interrupted.'} {how_to_go_on(arguments)}", file=sys.stderr)
        return 130
    return 0


def train(arguments: argparse.Namespace, given: dict, world: World, command: str) -> None:
    """Fit, keep the best epoch, calibrate on validation, evaluate once on the test images, write the folder."""
    state = starting_state(arguments, given, command)
    check_arguments(arguments, given)
    device = choose_device(arguments.device)
    precision = PRECISIONS.get(arguments.precision) or (torch.bfloat16 if has_fast_bfloat16(device) else torch.float32)
    torch.manual_seed(arguments.seed)  # the initial weights; all later randomness has generators of its own

    # Data: canonical images, resident on the device as uint8 unless they are too many.
    preprocess, encoder = choose_input(arguments)
    splits = world.main_first(lambda: load_data(arguments, preprocess, encoder))
    training, validation, test = splits.training, splits.validation, splits.test
    classes = splits.record.classes
    batch_size = min(arguments.batch_size, len(training))
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
    is_of_digits = splits.record.split == "given" and DATASETS[arguments.dataset].is_of_digits

    # Model, loss, optimiser.
    network = SiameseNetwork(encoder)
    if arguments.pretrained and not state["step"]:
        world.main_first(network.encoder.load_pretrained)
    network = network.to(device, memory_format=torch.channels_last)
    encode = world.wrap(network)
    margin = loss_class(arguments.loss).default_margin if arguments.margin is None else arguments.margin
    loss_config = LossConfig(arguments.loss, margin or 0.0)
    loss_function = build_loss(loss_config, network.unit_length, encoder.embedding_dim, classes).to(device)
    trainable = [*network.parameters(), *loss_function.parameters()]
    optimizer = torch.optim.AdamW(trainable, weight_decay=arguments.weight_decay, fused=device.type in ("cuda", "cpu"))
    steps_per_pass = max(1, len(training) // batch_size)
    passes = 1 if splits.record.split == "given" else -(-LEAST_STEPS // steps_per_pass)  # in an epoch
    steps_per_epoch = passes * steps_per_pass
    total_steps = steps_per_epoch * arguments.epochs
    average = WeightAverage(network, max(1, round(arguments.average * steps_per_epoch)))
    print(
        f"{describe_data(splits, preprocess, encoder)}\n"
        f"{arguments.encoder} encoder with {count_parameters(network):,} parameters, {arguments.loss} loss, "
        f"{describe_device(device)}{f', {world.size} processes' if world.size > 1 else ''}, {name_of(precision)}"
    )
    if state["step"]:
        network.load_state_dict(state["network"])
        average.network.load_state_dict(state["average"])
        loss_function.load_state_dict(state["loss"])
        optimizer.load_state_dict(state["optimizer"])
        print(f"continuing after step {state['step']:,} of {total_steps:,}")

    def save_state() -> None:
        if not world.is_main:
            return
        state.update(network=network.state_dict(), average=average.network.state_dict())
        state.update(loss=loss_function.state_dict(), optimizer=optimizer.state_dict())
        save_resume_state(arguments.output, state)

    with StopRequest() as stop:
        for epoch in range(state["step"] // steps_per_epoch, arguments.epochs):
            started = time.perf_counter()
            network.train()
            done = state["step"] - epoch * steps_per_epoch  # steps of this epoch that an interrupted run has made
            if by_pair:
                generator = np.random.default_rng(derived_seed(arguments.seed, 3, epoch))
                batches = pair_batches(training.is_same, batch_size, steps_per_epoch, generator)
            elif by_class:
                batches = class_batches(
                    training.labels, batch_size, LEAST_POSITIVES, steps_per_epoch, arguments.seed, epoch, training.groups
                )
            else:
                rounds = range(passes * epoch, passes * (epoch + 1))
                batches = torch.cat([epoch_batches(len(training), batch_size, arguments.seed, each) for each in rounds])
            batches = batches.to(device)[done:]  # (steps, B)
            share = world.share(batch_size)  # of each batch, what this process encodes
            loss_sum = torch.tensor(state["loss_sum"], device=device)  # stays on the device: reading it would wait for it
            for batch in tqdm(batches, f"epoch {epoch + 1}/{arguments.epochs}", steps_per_epoch, False, initial=done):
                generator = torch.Generator(device).manual_seed(derived_seed(arguments.seed, 1, state["step"]))
                x = to_tensor(images[image_of[batch[share]].to(images.device)]).to(device)  # (B, C, H, W)
                if arguments.augment:
                    x = augment(x, generator, batch_size, share, known(batch[share]) if is_of_digits else None)
                for group in optimizer.param_groups:
                    group["lr"] = arguments.lr * schedule(state["step"] / total_steps)
                with torch.autocast(device.type, precision, enabled=precision != torch.float32):
                    embeddings = encode(x.contiguous(memory_format=torch.channels_last))  # (B, D)
                loss = loss_function(gather_rows(embeddings), known(batch))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                loss_sum += loss.detach()
                state["step"] += 1
                average.update(network, state["step"])
                # Processes have to agree on where they stop, and asking costs time.
                if (world.size == 1 or state["step"] % 10 == 0) and world.any(stop.requested):
                    break
            state["loss_sum"], state["seconds"] = loss_sum.item(), state["seconds"] + time.perf_counter() - started
            if state["step"] < (epoch + 1) * steps_per_epoch:
                save_state()
                raise Interrupted(f"Stopped after step {state['step']:,} of {total_steps:,}; nothing is lost.")

            if not math.isfinite(state["loss_sum"]):
                again = " and --overwrite" if (arguments.output / RESUME_FILE).exists() else ""
                raise ValueError(
                    f"training diverged in epoch {epoch + 1}: the loss is {state['loss_sum'] / steps_per_epoch}; "
                    f"try again with a lower --lr than {arguments.lr:g}{again}"
                )
            if world.is_main:
                validate(average.network, validation, state, steps_per_epoch, arguments.epochs)
            state["loss_sum"] = 0.0
            save_state()
            if world.any(stop.requested) and epoch + 1 < arguments.epochs:
                raise Interrupted(f"Stopped after epoch {epoch + 1} of {arguments.epochs}; nothing is lost.")

        if not world.is_main:
            return
        network.load_state_dict(state["best"])
        print("evaluating on the test images")
        calibration = fit_calibration(validation.distances(embed_all(network, to_tensor(validation.images))))
        metrics, embeddings, pairs = evaluate(network, test, calibration, splits.record.split)
        seen = evaluate(network, splits.seen, calibration, splits.record.split)[0] if splits.seen else None
        config = ModelFolderConfig(
            encoder=encoder,
            preprocess=preprocess,
            calibration=calibration,
            loss=loss_config,
            data=splits.record,
            training=TrainingRecord(
                command=state["command"],
                commit=current_commit(),
                seed=arguments.seed,
                epochs=arguments.epochs,
                best_epoch=state["best_epoch"],
                batch_size=arguments.batch_size,
                learning_rate=arguments.lr,
                weight_decay=arguments.weight_decay,
                augment=arguments.augment,
                precision=name_of(precision),
                parameters=count_parameters(network),
                device=describe_device(device) + (f", {world.size} processes" if world.size > 1 else ""),
                seconds=round(state["seconds"], 1),
                torch_version=torch.__version__,
                date=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%MZ"),
            ),
            metrics=metrics,
            history=tuple(EpochRecord(**record) for record in state["history"]),
            seen=seen,
            distances=distance_curve(pairs),
        )
        write_model_folder(arguments.output, network, config, test, embeddings, pairs, splits.left_out)
    print(
        f"test, {metrics.same_pairs + metrics.different_pairs:,} pairs: balanced accuracy "
        f"{metrics.balanced_accuracy:.2f}% ({metrics.balanced_accuracy_low:.2f} to {metrics.balanced_accuracy_high:.2f}), "
        f"EER {metrics.equal_error_rate:.2f}%, AUC {metrics.roc_auc:.5f}, "
        f"calibration error {metrics.calibration_error:.2f}%\n{describe_seen(seen)}"
        f"wrote {arguments.output}; try: python -m siamese compare A.png B.png --model {arguments.output}"
    )


def choose_input(arguments: argparse.Namespace) -> tuple[PreprocessConfig, EncoderConfig]:
    """How images are prepared and which encoder takes them; for one's own images, what fits a sample unless flags say."""
    dim = arguments.embedding_dim or encoder_class(arguments.encoder).default_dim
    if not is_own(arguments):
        arguments.split = "given"
        dataset = DATASETS.get(arguments.dataset, DATASETS["mnist"])  # load_splits says which there are
        return PreprocessConfig(dataset.preprocess), EncoderConfig(arguments.encoder, dim, dataset.image_size)
    if arguments.pairs:
        arguments.split = "pairs"
        mode, image_size, channels = choose_settings_of(image_files(arguments.pairs))
    else:
        arguments.split = arguments.split or "classes"
        mode, image_size, channels = choose_settings(arguments.dataset)
    preprocess = PreprocessConfig(arguments.preprocess or mode, FOLDER_BOX_FRACTION)
    return preprocess, EncoderConfig(
        arguments.encoder, dim, arguments.image_size or image_size, arguments.channels or channels
    )


def load_data(arguments: argparse.Namespace, preprocess: PreprocessConfig, encoder: EncoderConfig) -> Splits:
    """Training, validation and test images; what is wrong with a folder goes to the terminal."""
    shares = (arguments.validation_share, arguments.test_share)
    splits = load_splits(
        arguments.pairs or arguments.dataset,
        arguments.data_dir,
        preprocess,
        encoder,
        arguments.split,
        *shares,
        arguments.rotations,
        arguments.seed,
    )
    for file, reason in splits.left_out:
        print(f"left out {file}: {reason}", file=sys.stderr)
    for remark in splits.remarks:
        print(f"note: {remark}", file=sys.stderr)
    if splits.record.split in UNSEEN_SPLITS and splits.record.test_classes < FEW_CLASSES:
        print(
            f"note: {splits.record.test_classes} test classes are few: the interval of the result is what to look at",
            file=sys.stderr,
        )
    if isinstance(splits.test, LabelledPairs) and (few := np.bincount(splits.test.is_same).min()) < FEW_PAIRS:
        print(f"note: {few} test pairs of a kind are few: the interval of the result is what to look at", file=sys.stderr)
    return splits


def is_own(arguments: argparse.Namespace) -> bool:
    """Whether to train on images of the user's own, a folder of classes or a file of pairs, not on a dataset by name."""
    return bool(arguments.pairs) or (arguments.dataset not in DATASETS and Path(arguments.dataset).is_dir())


def describe_data(splits: Splits, preprocess: PreprocessConfig, encoder: EncoderConfig) -> str:
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


def describe_seen(seen: Metrics | None) -> str:
    """The line on images of classes that training has seen, to be compared with the test; "" where none were held out."""
    if seen is None:
        return ""
    return (
        f"new images of classes seen in training, {seen.same_pairs:,} same and {seen.different_pairs:,} different pairs: "
        f"balanced accuracy {seen.balanced_accuracy:.2f}% ({seen.balanced_accuracy_low:.2f} to "
        f"{seen.balanced_accuracy_high:.2f})\n"
    )


def check_push(arguments: argparse.Namespace) -> None:
    """Raise ValueError, before any training, for what would make the push at its end fail."""
    if arguments.push and not arguments.repo_id:
        raise ValueError("--push needs --repo-id USER/NAME: the repository on the Hugging Face Hub to push to")
    if not arguments.push and (arguments.repo_id or arguments.private or arguments.revision):
        raise ValueError("--repo-id, --private and --revision say where to push to: add --push, or leave them out")
    if arguments.push:
        try:
            user = check_login(arguments.repo_id, arguments.revision)
        except HubError as error:
            raise ValueError(f"{error}. Nothing was trained; without --push this needs no Hub") from error
        print(f"will push to {arguments.repo_id} as {user}")


def push(arguments: argparse.Namespace) -> int:
    """Push the folder just trained; the exit code."""
    try:
        print(push_folder(arguments.output, arguments.repo_id, arguments.private, arguments.revision))
    except (ValueError, KeyboardInterrupt) as error:
        again = push_command(arguments.output, arguments.repo_id, arguments.private, arguments.revision)
        why = str(error) or "interrupted"
        print(
            f"error: trained and saved in {arguments.output}, but not pushed: {why}. Try again with: {again}",
            file=sys.stderr,
        )
        return 3
    return 0


def how_to_go_on(arguments: argparse.Namespace) -> str:
    """The command that continues a training that has stopped, in a sentence."""
    if not (arguments.output / RESUME_FILE).exists():
        return "Nothing was saved yet: start again"
    return f"Continue with: {shlex.join(['python', 'train.py', '--resume', '--output', str(arguments.output)])}"


def starting_state(arguments: argparse.Namespace, given: dict, command: str) -> dict:
    """A fresh state, or with --resume the saved one, whose settings then replace the defaults in `arguments`."""
    settings = {name: getattr(arguments, name) for name in FIXED_ON_RESUME}
    if not arguments.resume:
        if (arguments.output / RESUME_FILE).exists() and not arguments.overwrite:
            raise ValueError(
                f"{str(arguments.output)!r} holds an interrupted training: add --resume to continue it, "
                "--overwrite to start again, or choose another --output"
            )
        return {"settings": settings, "command": command, "data_dir": arguments.data_dir, "step": 0, "loss_sum": 0.0,
                "seconds": 0.0, "history": [], "best": None, "best_epoch": 0}  # fmt: skip
    state = load_resume_state(arguments.output)
    for name, saved in state["settings"].items():
        if name in given and given[name] != saved:
            flag = "--" + name.replace("_", "-")
            raise ValueError(f"{flag} is {given[name]}, but the interrupted training has {saved}: leave the flag out")
        setattr(arguments, name, saved)
    if "data_dir" not in given:
        arguments.data_dir = state["data_dir"]
    return state


def check_arguments(arguments: argparse.Namespace, given: dict) -> None:
    """Raise ValueError for the first number out of range, and for names of nothing."""
    encoder_class(arguments.encoder), loss_class(arguments.loss)
    about_folders = [name for name in FOR_FOLDERS if getattr(arguments, name) is not None]
    if about_folders and not is_own(arguments) and not arguments.resume:
        flag = "--" + about_folders[0].replace("_", "-")
        raise ValueError(f"{flag} is about a folder of images, and --dataset is {arguments.dataset}")
    if arguments.pairs:
        without = [f"--{name}" for name in ("dataset", "split", "rotations") if name in given]
        if without and not arguments.resume:
            raise ValueError(f"--pairs brings its own images and has no classes: leave {without[0]} out, or --pairs")
        if arguments.loss not in FOR_LABELLED_PAIRS:
            raise ValueError(
                f"loss {arguments.loss} needs classes, and --pairs has none; allowed: {', '.join(FOR_LABELLED_PAIRS)}"
            )
    allowed = {
        "epochs": (1, 10_000),
        "batch_size": (2, 100_000),
        "lr": (1e-8, 10.0),
        "weight_decay": (0.0, 10.0),
        "average": (0.0, 100.0),
        "validation_share": (0.01, 0.5),
        "test_share": (0.01, 0.5),
        "image_size": (8, 512),
        "channels": (1, 3),
        "margin": (0.0, 100.0),
        "embedding_dim": (1, 4096),
        "seed": (0, 2**31 - 1),
    }
    for name, (low, high) in allowed.items():
        value = getattr(arguments, name)
        if value is not None and not low <= value <= high:
            raise ValueError(f"--{name.replace('_', '-')} is {value}, allowed: {low} to {high}")
    if arguments.pretrained and not hasattr(encoder_class(arguments.encoder), "load_pretrained"):
        able = ", ".join(name for name, encoder in ENCODERS.items() if hasattr(encoder, "load_pretrained"))
        raise ValueError(f"--pretrained: encoder {arguments.encoder} has no such weights, allowed with: --encoder {able}")
    if arguments.margin is not None and loss_class(arguments.loss).default_margin is None:
        with_margin = ", ".join(name for name, loss in LOSSES.items() if loss.default_margin is not None)
        raise ValueError(f"--margin is {arguments.margin}, but loss {arguments.loss} has none, allowed with: {with_margin}")
    if arguments.output.exists() and not arguments.output.is_dir():
        raise ValueError(f"--output is {str(arguments.output)!r}, which is a file, allowed: a folder, there or to be made")


def validate(
    network: SiameseNetwork, validation: LabelledImages | LabelledPairs, state: dict, steps: int, epochs: int
) -> None:
    """Measure the epoch that `state` has just finished on all validation pairs; record it, and keep the weights if best."""
    pairs = validation.distances(embed_all(network, to_tensor(validation.images)))
    record = EpochRecord(
        epoch=len(state["history"]) + 1,
        loss=state["loss_sum"] / steps,
        balanced_accuracy=100 * pairs.best_threshold()[1],
        equal_error_rate=100 * pairs.equal_error_rate(),
        roc_auc=pairs.roc_auc(),
        seconds=state["seconds"],
    )
    is_best = all(record.balanced_accuracy >= earlier["balanced_accuracy"] for earlier in state["history"])
    state["history"].append(dataclasses.asdict(record))
    if is_best:
        state["best_epoch"] = record.epoch
        state["best"] = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    print(
        f"epoch {record.epoch}/{epochs}  loss {record.loss:.4f}  validation: balanced accuracy "
        f"{record.balanced_accuracy:.2f}%  EER {record.equal_error_rate:.2f}%  AUC {record.roc_auc:.5f}  "
        f"({record.seconds:.0f} s{', best so far' if is_best else ''})"
    )


def evaluate(
    network: SiameseNetwork, part: LabelledImages | LabelledPairs, calibration: Calibration, split: str
) -> tuple[Metrics, torch.Tensor, PairDistances]:
    """All metrics of a part of the data, the embeddings (N, D) of its images, and the distances of their pairs."""
    embeddings = embed_all(network, to_tensor(part.images))
    pairs = part.distances(embeddings)
    return measure(pairs, calibration, bootstrap(part, embeddings, calibration.threshold, split)), embeddings, pairs


def name_of(precision: torch.dtype) -> str:
    return str(precision).removeprefix("torch.")


def schedule(progress: float) -> float:
    """Share of the peak learning rate at `progress` 0..1: up over the first fifth, then down to 0, both linear."""
    return min(progress / 0.2, (1 - progress) / 0.8)


def count_parameters(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def current_commit() -> str:
    """The commit of this code, with "-dirty" if it has changed since, "" where it is no git checkout."""
    if commit := os.environ.get("SIAMESE_COMMIT"):  # a job has no checkout: who started it says which commit this is
        return commit
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


class StopRequest:
    """Within `with`, the first Ctrl-C (or SIGTERM) asks the loop to stop after its step; a second one stops at once."""

    requested = False

    def __enter__(self) -> "StopRequest":
        self.previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        for number in self.previous:
            signal.signal(number, self._handle)
        return self

    def __exit__(self, *_) -> None:
        for number, handler in self.previous.items():
            signal.signal(number, handler)

    def _handle(self, *_) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True


if __name__ == "__main__":
    sys.exit(main())
