"""All that a training needs before its first step: data, network, loss, optimiser; or what an earlier run left of them."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from siamese.config import ASPECTS, UNSEEN_SPLITS, EncoderConfig, LossConfig, PreprocessConfig, counted, one_line
from siamese.data.augmentation import AUGMENTATIONS
from siamese.data.datasets import DATASETS
from siamese.data.folders import FOLDER_BOX_FRACTION
from siamese.data.labelled_images import LabelledImages
from siamese.data.number_splits import SequenceChoices, load_number_splits
from siamese.data.own_images import OwnImages
from siamese.data.own_numbers import OwnNumbers
from siamese.data.pairs import LabelledPairs
from siamese.data.sampling import derived_seed
from siamese.data.splits import Splits, load_splits
from siamese.data.storage import take_images
from siamese.devices import choose_device, describe_device, has_fast_bfloat16, is_out_of_memory
from siamese.encoders.backbone import choose_backbone
from siamese.encoders.choice import ENCODER_FOR, GAIN
from siamese.encoders.pretrained import find_weights, photo_weights, read_weights
from siamese.evaluation.bootstrap import LEAST_UNITS
from siamese.inputs import INPUTS
from siamese.losses import Loss, build_loss
from siamese.model_folder.files import RESUME_FILE
from siamese.network import SiameseNetwork, in_parts, list_of_parts
from siamese.training.batches import Batches
from siamese.training.distributed import World
from siamese.training.events import Started
from siamese.training.fingerprint import (
    PATIENCE,
    check_files,
    check_same_data,
    check_split,
    fingerprint_files,
    fingerprint_split,
    seen_before,
)
from siamese.training.initial import initial_model
from siamese.training.recipe import PRETRAINED_SHARE
from siamese.training.settings import TrainingSettings
from siamese.training.state import ADVICE, TrainingState

FEW_CLASSES = 20  # to test on
FEW_PAIRS = 100  # of a kind, to test on
MOST_FITTED, DISTORTED_COPIES = 3000, 3  # images, and copies of each, to start an encoder from
MOST_BEFORE_TUNING = 500  # images where it then changes: a start that takes seconds
TUNED = ", which then went on learning"  # of weights, in a config
Loaded = tuple[Splits, PreprocessConfig, EncoderConfig]
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Setup:
    """What a training works with. What it says of itself is a Started."""

    preprocess: PreprocessConfig
    splits: Splits
    batches: Batches
    network: SiameseNetwork
    encode: nn.Module  # the network as it is called in training: over the batch of all processes
    average: AveragedModel  # of the network's weights, see `running_average`
    loss_config: LossConfig
    loss_function: Loss
    optimizer: torch.optim.Optimizer
    device: torch.device
    precision: torch.dtype  # of the encoder's arithmetic
    hardware: str  # in words
    is_of_digits: bool  # whether classes are the digits 0 to 9, which the augmentation knows the styles of

    @property
    def precision_name(self) -> str:
        """The precision in words."""
        return str(self.precision).removeprefix("torch.")

    @property
    def parameters(self) -> int:
        """The number of the network's parameters."""
        return sum(parameter.numel() for parameter in self.network.parameters())

    def started(self, state: TrainingState) -> Started:
        """What is trained on what, and how far that has come."""
        settings, splits = state.settings, self.splits
        steps = (
            f"{counted(settings.epochs, 'epoch')} of {counted(self.batches.steps_per_epoch, 'step')} with "
            f"{self.batches.size} {INPUTS[self.preprocess.mode].noun}s each, peak learning rate {settings.lr:g}"
            f"{f', {PRETRAINED_SHARE:g} of it for the weights of {settings.encoder}' * settings.tune}"
        )
        description = (
            f"{_describe_data(splits, self.preprocess, self.network.config)}\n{settings.encoder} encoder with "
            f"{self.parameters:,} parameters, {settings.loss} loss, {self.hardware}, {self.precision_name}\n"
            f"{steps if settings.epochs else 'nothing is trained: the model of --init is calibrated and tested anew'}"
        )
        remarks = splits.remarks + _few_to_test_on(splits) + _about_backbones(self.network.config)
        return Started(
            settings, description, splits.record, splits.left_out, remarks, self.parameters, self.hardware,
            self.precision_name, state.step, self.batches.steps_per_epoch * settings.epochs, settings.epochs,
        )  # fmt: skip


def prepare(state: TrainingState, world: World) -> Setup:
    """Read the data and build the network, or take over what an interrupted training has left in `state`.

    Raises ValueError for a mistake in the settings or the data, and where these are not those of the interrupted training.
    """
    settings = state.settings
    device = choose_device(settings.device)
    precision = PRECISIONS.get(settings.precision) or (torch.bfloat16 if has_fast_bfloat16(device) else torch.float32)
    torch.manual_seed(settings.seed)  # the initial weights; all later randomness has generators of its own
    found = find_weights(settings.encoder, settings.backbone_weights) if settings.backbone_weights else None
    weights = found and found.source + TUNED * settings.tune
    backbone = found and choose_backbone(settings.encoder, settings.image_size, weights)[0]
    shape = {name: size for name in ("image_size", "channels", "views") if (size := getattr(settings, name))}
    is_photo = settings.preprocess == "photo"
    asked = EncoderConfig(settings.encoder, settings.embedding_dim, **shape, backbone=backbone, mirrors=is_photo)
    initial = initial_model(settings.init, asked) if settings.init and not state.step else None
    source, before = settings.pairs or settings.dataset, state.data
    if world.is_main:  # the one that saves it
        state.data = fingerprint_files(settings)
        check_files(before, state.data, source)
    splits, preprocess, encoder = world.main_first(lambda: LOAD[type(settings.own)](settings, asked))
    if world.is_main:
        state.data = dataclasses.replace(state.data, split=fingerprint_split(splits))
        check_split(before, state.data, source)
    if initial:
        if not settings.epochs:
            check_same_data(initial[1], splits.record, settings.seed)
        splits = dataclasses.replace(splits, remarks=splits.remarks + seen_before(initial[1], splits.record, settings.seed))
    batches = Batches(splits.training, settings, device, world)

    network = SiameseNetwork(encoder)
    if found and not state.step:
        network.encoder.load_pretrained(read_weights(settings.encoder, found))
    if initial:
        network.load_state_dict(initial[0].state_dict())
    network = network.to(device, memory_format=torch.channels_last)
    if network.encoder.is_fitted and not state.step and not initial:
        _fit(network, splits.training, settings, device)
    if settings.tune:
        network.encoder.tune()
    encode = world.wrap(network)
    loss_config = LossConfig(settings.loss, settings.margin or 0.0)
    loss_function = build_loss(loss_config, network.unit_length, encoder.embedding_dim, splits.record.classes).to(device)
    groups = parameter_groups(
        [*network.parameters(), *loss_function.parameters()],
        state.parts.get("optimizer"),
        network.encoder.network.parameters() if settings.tune else (),
    )
    optimizer = torch.optim.AdamW(groups, weight_decay=settings.weight_decay, fused=device.type in ("cuda", "cpu"))
    average = running_average(network, state)
    if state.step:
        parts = {"network": network, "average": average.module, "loss": loss_function, "optimizer": optimizer}
        _take_over(state, parts, batches.steps_per_epoch)
    hardware = describe_device(device) + (f", {world.size} processes" if world.size > 1 else "")
    is_of_digits = not settings.is_own and DATASETS[settings.dataset].is_of_digits
    return Setup(
        preprocess, splits, batches, network, encode, average, loss_config, loss_function, optimizer, device, precision,
        hardware, is_of_digits,
    )  # fmt: skip


def _take_over(state: TrainingState, parts: dict[str, nn.Module | torch.optim.Optimizer], steps_per_epoch: int) -> None:
    """Load what an interrupted training left. Raises ValueError where that is of another network, loss or version."""
    try:
        if len(state.history) != state.step // steps_per_epoch or state.step > steps_per_epoch * state.settings.epochs:
            raise ValueError(f"{state.step:,} steps are not {counted(len(state.history), 'epoch')}")
        if state.history:
            parts["average"].load_state_dict(state.best)  # to see now that it fits, not after the last epoch
        for name, part in parts.items():
            part.load_state_dict(state.parts[name])
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        if is_out_of_memory(error):
            raise
        raise ValueError(
            f"{state.settings.folder / RESUME_FILE} does not fit what it would go on with, as where another version of the "
            f"program has begun it: {one_line(str(error), 200)}. {ADVICE}"
        ) from error
    state.parts = {}


def parameter_groups(
    parameters: list[nn.Parameter], before: dict | None = None, pretrained: Iterable[nn.Parameter] = ()
) -> list[dict]:
    """What AdamW trains: the weights of layers, which decay, and biases, normalisation and scales, which do not.

    To draw a scale or a bias towards 0 makes nothing simpler (He et al. 2019, Bag of Tricks). `before` is the optimiser's
    state of an interrupted training: where an older version began it, all decay as they did. Those of them that are
    `pretrained` come in two more groups, whose "share" of the learning rate is lower.
    """
    if before and len(before["param_groups"]) == 1:
        return [{"params": parameters}]
    slow, groups = {id(each) for each in pretrained}, []
    for share, chosen in (
        ({}, [each for each in parameters if id(each) not in slow]),
        ({"share": PRETRAINED_SHARE}, [each for each in parameters if id(each) in slow]),
    ):
        groups.append({"params": [each for each in chosen if each.ndim >= 2], **share})
        groups.append({"params": [each for each in chosen if each.ndim < 2], "weight_decay": 0.0, **share})
    return groups if slow else groups[:2]


def running_average(network: SiameseNetwork, state: TrainingState) -> AveragedModel:
    """A network whose weights are the running average of those of `network`, brought up to date after each step.

    It looks back on a share of the steps so far, as averaging with polynomial decay does (Shamir and Zhang 2013): early on
    it forgets the poor beginning at once, at the end it rests on many steps. A share of 1 is the mean of all, 0 no average.
    """

    def blend(averages: list[torch.Tensor], latest: list[torch.Tensor], _: torch.Tensor) -> None:
        if averages[0].is_floating_point():
            torch._foreach_lerp_(averages, latest, 1 / max(1.0, state.settings.average * state.step))
        else:
            torch._foreach_copy_(averages, latest)

    average = AveragedModel(network, multi_avg_fn=blend, use_buffers=True)
    average.n_averaged.fill_(state.step)
    return average


def choose_sample(validation: LabelledImages | LabelledPairs, images: int, classes: int, seed: int) -> np.ndarray:
    """Which of the validation images, at most so many of so many classes, a Sample holds, by a seeded draw, ascending."""
    generator = np.random.default_rng(derived_seed(seed, 5))
    count = len(validation.images)
    if isinstance(validation, LabelledPairs):
        return np.sort(generator.permutation(count)[:images])
    chosen = generator.permutation(np.unique(validation.labels))[:classes]
    order = generator.permutation(count)
    per_class = images // len(chosen)
    return np.sort(np.concatenate([order[validation.labels[order] == label][:per_class] for label in chosen]))


def _load_images(settings: TrainingSettings, encoder: EncoderConfig) -> Loaded:
    preprocess = PreprocessConfig(
        settings.preprocess, *[FOLDER_BOX_FRACTION] * settings.is_own, aspect=settings.aspect or ASPECTS[0]
    )
    splits = load_splits(
        settings.own or settings.dataset, settings.data_dir, preprocess, encoder, settings.split,
        settings.validation_share, settings.test_share, settings.rotations, settings.seed, settings.also,
    )  # fmt: skip
    return splits, preprocess, encoder


def _load_numbers(settings: TrainingSettings, encoder: EncoderConfig) -> Loaded:
    fit = "pad" if settings.pad else "resample"
    choices = SequenceChoices(settings.length, fit, settings.normalise, settings.time_column)
    shares = (settings.validation_share, settings.test_share, settings.seed)
    return load_number_splits(settings.own, encoder, choices, settings.split, *shares)


# What is trained on, and how it is read: by what the settings name.
LOAD: dict[type, Callable[[TrainingSettings, EncoderConfig], Loaded]] = {
    OwnImages: _load_images,
    OwnNumbers: _load_numbers,
    type(None): _load_images,
}


def _few_to_test_on(splits: Splits) -> tuple[str, ...]:
    """A remark where the test is so small that its result says little."""
    what, advice = "", "trust the interval of its result, not the number alone"
    if splits.record.split in UNSEEN_SPLITS and splits.record.test_classes < FEW_CLASSES:
        what = counted(splits.record.test_classes, "class", "classes")
        if splits.record.test_classes < LEAST_UNITS:
            advice = f"its result says little, and an interval needs {LEAST_UNITS}"
    if isinstance(splits.test, LabelledPairs) and (few := np.bincount(splits.test.is_same).min()) < FEW_PAIRS:
        what = f"{few} pairs of a kind"
    return (f"the test has only {what}: {advice}",) if what else ()


def _about_backbones(encoder: EncoderConfig) -> tuple[str, ...]:
    """A remark on where the features of photographs are from, or on what better ones take."""
    if encoder.backbone:
        what = "" if encoder.backbone.weights.endswith(TUNED) else "; only its metric is fitted to these images"
        return (f"{encoder.name} has its weights from {encoder.backbone.weights}{what}",)
    why = photo_weights()[1] if encoder.name == ENCODER_FOR["few photos"] else ""
    return (f"features of a network trained on other images tell photographs apart better ({GAIN}): {why}",) if why else ()


def _describe_data(splits: Splits, preprocess: PreprocessConfig, encoder: EncoderConfig) -> str:
    """What is trained on, in a line or two."""
    record, kind = splits.record, INPUTS[preprocess.mode]
    text = (
        f"{record.dataset}: {record.training_images:,} training, {record.validation_images:,} validation and "
        f"{record.test_images:,} test {kind.noun}s"
    )
    if record.split == "given":
        return text
    held_out = f"; validation on {record.validation_classes:,} and test on {record.test_classes:,} other classes"
    if record.split == "groups":
        held_out += f", of {record.validation_groups:,} and {record.test_groups:,} other groups"
    what = f"{record.pairs:,} labelled pairs" if record.split == "pairs" else f"{record.classes:,} classes"
    return (
        f"{text}\n{what} to train on{held_out if record.split in UNSEEN_SPLITS else ''}; seen as "
        f"{kind.describe(preprocess, encoder)}"
    )


def _fit(
    network: SiameseNetwork,
    training: LabelledImages | LabelledPairs,
    settings: TrainingSettings,
    device: torch.device,
) -> None:
    """Start an encoder from what can be computed of the training images, and of distorted copies of them."""
    if isinstance(training, LabelledPairs):  # same pairs are classes of two, all other ends are classes of their own
        labels = np.arange(training.ends.size).reshape(-1, 2)
        chosen, labels = training.ends.ravel(), np.where(training.is_same[:, None], labels[:, :1], labels).ravel()
    else:
        chosen, labels = np.arange(len(training)), training.labels
    generator = np.random.default_rng(derived_seed(settings.seed, 6))
    taken = np.sort(generator.permutation(len(chosen))[: MOST_BEFORE_TUNING if settings.tune else MOST_FITTED])
    images, labels = take_images(training.images, chosen[taken]), torch.from_numpy(labels[taken]).to(device)
    copies = DISTORTED_COPIES if settings.augment and not settings.tune else 0
    augment, random = AUGMENTATIONS[settings.preprocess], torch.Generator(device).manual_seed(derived_seed(settings.seed, 7))

    def parts() -> Iterator[torch.Tensor]:
        yield from (part.to(device) for part in in_parts(images))
        for _ in range(copies):
            drawn, before = 0, random.get_state()
            for part in in_parts(images):
                random.set_state(before)  # each part draws for the whole copy, whatever the parts
                yield augment(part.to(device), random, len(images), slice(drawn, drawn + len(part)))
                drawn += len(part)

    count = len(list_of_parts(images)) * (copies + 1)
    shown = tqdm(parts(), "fitting the encoder", count, leave=False, delay=PATIENCE, disable=None)
    network.encoder.fit(shown, labels.repeat(copies + 1))
