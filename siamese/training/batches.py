"""What each step of a training sees: which images, and what the loss is told of them."""

import functools
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from siamese.config import LEAST_STEPS
from siamese.data.labelled_images import LabelledImages
from siamese.data.pairs import LabelledPairs
from siamese.data.sampling import class_batches, derived_seed, epoch_batches, known_pairs, pair_batches
from siamese.data.storage import let_go
from siamese.inputs import to_tensor
from siamese.training.distributed import World
from siamese.training.settings import TrainingSettings

MOST_RESIDENT = 8 << 30  # bytes of training images on the device; more are read batch by batch
LEAST_POSITIVES = 4  # images of each class in a batch


class Batches:
    """Batches of training images or, of labelled pairs, of their ends: a batch holds B numbers, one for each.

    Images stay on the device, uint8, unless they are too many. Raises ValueError where a batch cannot be shared by the
    processes of the training, and where there is nothing to compose new classes from.
    """

    def __init__(
        self, training: LabelledImages | LabelledPairs, settings: TrainingSettings, device: torch.device, world: World
    ) -> None:
        self._training, self._settings, self._device = training, settings, device
        self._by_pair = isinstance(training, LabelledPairs)
        images = torch.from_numpy(training.images)
        self._images = images.to(device) if training.images.nbytes <= MOST_RESIDENT else images
        self.known: Callable[[Tensor], Tensor]  # numbers (B,) -> labels (B,), or of pairs what siamese.losses says
        if self._by_pair:
            self._image_of = torch.from_numpy(training.ends).ravel().to(device)
            self.known = functools.partial(known_pairs, torch.from_numpy(training.is_same).to(device))
        else:
            self._image_of = torch.arange(len(training), device=device)
            self.known = torch.from_numpy(training.labels).to(device).__getitem__

        self.size = min(settings.batch_size, len(training))  # B
        classes = 0 if self._by_pair else int(training.labels.max()) + 1
        self._by_class = classes > self.size // LEAST_POSITIVES  # too many for a random batch to hold same pairs of each
        if settings.compose and (settings.preprocess != "ink" or not self._by_class):
            raise ValueError(
                f"--compose is about drawings of many classes, and these are {classes:,}, seen as {settings.preprocess}; "
                f"allowed: ink, and more than {self.size // LEAST_POSITIVES} classes with --batch-size {self.size}"
            )
        if self.size % world.size:
            raise ValueError(f"--batch-size is {self.size} images, allowed with {world.size} processes: a multiple of that")
        if self._by_class or self._by_pair:  # whole classes, or pairs of both kinds, and as many for each process
            unit = LEAST_POSITIVES * world.size
            self.size = max(unit, 2 * LEAST_POSITIVES, self.size // unit * unit)
        steps = max(1, len(training) // self.size)
        self._passes = -(-LEAST_STEPS // steps) if settings.is_own else 1  # over the images in an epoch
        self.steps_per_epoch = self._passes * steps

    def epoch(self, epoch: int) -> Tensor:
        """The batches of an epoch, counted from 0, in an order that depends on the seed alone: int64 (steps, B)."""
        seed = self._settings.seed
        if self._by_pair:
            generator = np.random.default_rng(derived_seed(seed, 3, epoch))
            batches = pair_batches(self._training.is_same, self.size, self.steps_per_epoch, generator)
        elif self._by_class:
            labels, groups = self._training.labels, self._training.groups
            batches = class_batches(labels, self.size, LEAST_POSITIVES, self.steps_per_epoch, seed, epoch, groups)
        else:
            rounds = range(self._passes * epoch, self._passes * (epoch + 1))
            batches = torch.cat([epoch_batches(len(self._training), self.size, seed, each) for each in rounds])
        return batches.to(self._device)

    def images(self, batch: Tensor) -> Tensor:
        """The images of a batch (B,): float32 (B, C, H, W) in 0..1, on the device; or other inputs, see siamese.inputs."""
        images = to_tensor(self._images[self._image_of[batch].to(self._images.device)]).to(self._device)
        let_go(self._training.images)
        return images
