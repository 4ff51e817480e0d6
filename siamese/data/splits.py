"""Datasets, splits and batches.

A dataset is one function `(data_dir) -> (training, test)` and one entry in DATASETS. Images are canonical (the output of
siamese.images.canonical) and stay in memory as uint8.
"""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from siamese.config import DataRecord, EncoderConfig, PreprocessConfig, UNSEEN_SPLITS
from siamese.data.folders import allocate, find_classes, read_folder, take_images
from siamese.evaluation.metrics import Intervals, PairDistances, bootstrap_intervals, bootstrap_intervals_over_classes, hardest_pairs, pair_distances
from siamese.data.pairs import LabelledPairs, at_most, read_pairs, split_pairs
from siamese.images.canonical import canonical_images, load_image

MOST_EVALUATED = 20_000  # images in validation, and as many in the test: all their pairs are 200 million
SEEN_SHARE, MOST_SEEN = 0.1, 1000  # images of training classes held out to compare with unseen classes, at most
LEAST_SEEN_CLASSES = 5  # that they are of
LEAST_KEPT = 4  # images of such a class that are left to train on

SAMPLE_FILE = Path(__file__).with_name("mnist_sample.npz")


class DatasetNotAvailable(ValueError):
    """The data is not on disk and cannot be downloaded."""


@dataclass(frozen=True)
class LabelledImages:
    """Images with their classes."""

    images: np.ndarray  # uint8 (N, H, W) or (N, H, W, 3)
    labels: np.ndarray  # int64 (N,), 0 <= label < number of classes
    has_copies: np.ndarray | None = None  # bool (N,), whether there are near duplicates of an image; None: not known
    groups: np.ndarray | None = None  # int64 (K,), the group of each class, such as its alphabet; None: there are none
    names: tuple[str, ...] | None = None  # of the K classes; None: their numbers

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: np.ndarray) -> "LabelledImages":
        """The images at these indices, in that order; in a file on disk where they are many."""
        has_copies = None if self.has_copies is None else self.has_copies[indices]
        images, labels = take_images(self.images, indices), self.labels[indices]
        return dataclasses.replace(self, images=images, labels=labels, has_copies=has_copies)

    def distances(self, embeddings: Tensor) -> PairDistances:
        """Distances of all pairs, from the embeddings (N, D) of the images."""
        return pair_distances(embeddings, torch.from_numpy(self.labels))

    def hardest(self, embeddings: Tensor, is_same: bool, count: int) -> list[tuple[int, int, float]]:
        """See siamese.evaluation.metrics.hardest_pairs."""
        return hardest_pairs(embeddings, torch.from_numpy(self.labels), is_same, count)


def load_from_torchvision(
    data_dir: str | Path, name: str, training: dict | None = None, test: dict | None = None
) -> tuple[LabelledImages, LabelledImages]:
    """Training and test images of `torchvision.datasets.NAME` under `data_dir`, downloaded only where they are missing.

    `training` and `test` are its arguments, if not just `train`. Raises DatasetNotAvailable with what to do.
    """
    import torchvision  # takes a second, for which what does without should not wait

    make = getattr(torchvision.datasets, name)
    arguments = (training or {"train": True}, test or {"train": False})
    with _explained(name, data_dir, {"USPS": "usps.bz2"}.get(name, f"{name}/raw")):
        parts = [make(data_dir, download=True, **each) for each in arguments]
    return tuple(LabelledImages(np.asarray(part.data), np.asarray(part.targets, dtype=np.int64)) for part in parts)


@contextlib.contextmanager
def _explained(name: str, data_dir: str | Path, folder: str) -> Iterator[None]:
    """Errors of a download, or of files that are not what they claim, become a DatasetNotAvailable."""
    try:
        yield
    except (RuntimeError, OSError) as error:
        raise DatasetNotAvailable(
            f"{name} is not in {str(data_dir)!r} and cannot be downloaded: point --data-dir at a folder that holds "
            f"{folder}, or try --dataset mnist-sample, which needs no download"
        ) from error
    except (ValueError, AssertionError, TypeError) as error:  # what torchvision raises on files that are not what they claim
        raise DatasetNotAvailable(
            f"the files in {str(Path(data_dir) / folder)!r} are damaged: delete them, so that {name} is downloaded "
            "again, or try --dataset mnist-sample, which needs no download"
        ) from error


def load_mnist(data_dir: str | Path) -> tuple[LabelledImages, LabelledImages]:
    """MNIST's 60,000 training and 10,000 test digits."""
    return load_from_torchvision(data_dir, "MNIST")


def load_qmnist(data_dir: str | Path) -> tuple[LabelledImages, LabelledImages]:
    """MNIST's digits, and those 10,000 of QMNIST's 60,000 test digits that are MNIST's."""
    parts = load_from_torchvision(data_dir, "QMNIST", {"what": "train"}, {"what": "test10k"})
    return tuple(LabelledImages(part.images, part.labels[:, 0]) for part in parts)  # the rest is who wrote it, and where


def load_emnist(data_dir: str | Path, split: str) -> tuple[LabelledImages, LabelledImages]:
    """A split of EMNIST, upright (its files hold transposed images), with labels from 0."""
    parts = load_from_torchvision(data_dir, "EMNIST", *({"split": split, "train": train} for train in (True, False)))
    first = 1 if split == "letters" else 0
    return tuple(LabelledImages(part.images.transpose(0, 2, 1), part.labels - first) for part in parts)


def load_omniglot(data_dir: str | Path) -> tuple[LabelledImages, LabelledImages]:
    """Omniglot's background characters, and those of its evaluation set; classes are characters, groups their alphabets."""
    parts = []
    for name, background in (("images_background", True), ("images_evaluation", False)):
        folder = Path("omniglot-py") / name
        with _explained("Omniglot", data_dir, str(folder)):
            if not (Path(data_dir) / folder).is_dir():
                from torchvision.datasets import Omniglot

                Omniglot(data_dir, background=background, download=True)
            classes = find_classes(Path(data_dir) / folder)
            images = [np.asarray(load_image(file).convert("L")) for files in classes.values() for file in files]
            labels = np.repeat(np.arange(len(classes)), [len(files) for files in classes.values()])
            parts.append(LabelledImages(np.stack(images), labels, groups=group_numbers(tuple(classes))))
    return tuple(parts)


def group_numbers(names: tuple[str, ...]) -> np.ndarray:
    """Of classes named as folders, the number of the folder that each lies in: int64 (K,)."""
    return np.unique([name.rpartition("/")[0] for name in names], return_inverse=True)[1]


def load_mnist_sample(data_dir: str | Path | None = None) -> tuple[LabelledImages, LabelledImages]:
    """2,000 training and 1,000 test digits of MNIST, equally many of each, that ship with this package."""
    with np.load(SAMPLE_FILE, allow_pickle=False) as arrays:
        return (
            LabelledImages(arrays["training_images"], arrays["training_labels"].astype(np.int64)),
            LabelledImages(arrays["test_images"], arrays["test_labels"].astype(np.int64)),
        )


@dataclass(frozen=True)
class Dataset:
    """A dataset by name: how to load it, and what a model card says of it."""

    load: Callable[[str | Path], tuple[LabelledImages, LabelledImages]]  # data_dir -> (training, test)
    about: str  # what it holds, by whom, under which licence
    hub_id: str  # its repository on the Hugging Face Hub, "" where it has none
    preprocess: str = "ink"  # key of siamese.images.canonical
    image_size: int = 28  # px a side that the network sees
    is_of_digits: bool = False  # whether its classes are the digits 0 to 9


_MNIST_ABOUT = "handwritten digits of 28 x 28 px, the MNIST database by Y. LeCun, C. Cortes and C. Burges (CC BY-SA 3.0)"
_EMNIST_BY = "28 x 28 px, EMNIST by G. Cohen, S. Afshar, J. Tapson and A. van Schaik (2017), from NIST Special Database 19"

DATASETS: dict[str, Dataset] = {
    "mnist": Dataset(load_mnist, f"70,000 {_MNIST_ABOUT}", "ylecun/mnist", is_of_digits=True),
    "mnist-sample": Dataset(load_mnist_sample, f"3,000 {_MNIST_ABOUT}", "ylecun/mnist", is_of_digits=True),
    "fashion-mnist": Dataset(
        functools.partial(load_from_torchvision, name="FashionMNIST"),
        "70,000 pictures of clothes of 28 x 28 px, Fashion-MNIST by H. Xiao, K. Rasul and R. Vollgraf (2017, MIT)",
        "zalando-datasets/fashion_mnist",
        preprocess="photo",
    ),
    "kmnist": Dataset(
        functools.partial(load_from_torchvision, name="KMNIST"),
        "70,000 cursive Japanese characters of 28 x 28 px, KMNIST by T. Clanuwat et al. (2018, CC BY-SA 4.0)",
        "",
    ),
    "qmnist": Dataset(
        load_qmnist, "70,000 digits, QMNIST by C. Yadav and L. Bottou (2019, BSD), a rebuilt MNIST", "", is_of_digits=True
    ),
    "emnist-letters": Dataset(functools.partial(load_emnist, split="letters"), f"145,600 letters of {_EMNIST_BY}", ""),
    "emnist-balanced": Dataset(
        functools.partial(load_emnist, split="balanced"), f"131,600 letters and digits of {_EMNIST_BY}", ""
    ),
    "usps": Dataset(
        functools.partial(load_from_torchvision, name="USPS"),
        "9,298 digits of 16 x 16 px from envelopes, the USPS database by J. Hull (1994)",
        "",
        is_of_digits=True,
    ),
    "omniglot": Dataset(
        load_omniglot,
        "32,460 drawings of 1,623 characters of 50 alphabets, Omniglot by B. Lake, R. Salakhutdinov and J. Tenenbaum "
        "(2015, MIT), tested on the 20 alphabets of its evaluation set",
        "",
        image_size=40,
    ),
}


def load_dataset(
    name: str, data_dir: str | Path, preprocess: PreprocessConfig, encoder: EncoderConfig
) -> tuple[LabelledImages, LabelledImages]:
    """Training and test images of the dataset `name`, made canonical; of the test, at most MOST_EVALUATED.

    Raises ValueError with the choices, or DatasetNotAvailable with what to do.
    """
    if name not in DATASETS:
        raise ValueError(f"unknown dataset {name!r}, available: {', '.join(DATASETS)}; or a folder that is there")
    training, test = DATASETS[name].load(data_dir)
    return tuple(
        dataclasses.replace(part, images=canonical_images(part.images, preprocess, encoder.image_size, encoder.channels))
        for part in (training, _at_most(test, MOST_EVALUATED, seed=0))
    )


def load_folder(
    folder: str | Path, preprocess: PreprocessConfig, encoder: EncoderConfig
) -> tuple[LabelledImages, tuple[str, ...], tuple[tuple[Path, str], ...]]:
    """Images of a folder to measure a model on, at most MOST_EVALUATED; names of classes; files left out, with reasons."""
    found = read_folder(folder, preprocess, encoder, progress=True)
    return _at_most(LabelledImages(found.images, found.labels), MOST_EVALUATED, seed=0), found.names, found.left_out


def load_pairs(
    file: str | Path, preprocess: PreprocessConfig, encoder: EncoderConfig
) -> tuple[LabelledPairs, tuple[tuple[Path, str], ...], tuple[str, ...]]:
    """Labelled pairs to measure a model on, at most MOST_EVALUATED images; files left out, with reasons; remarks."""
    found = read_pairs(file, preprocess, encoder, progress=True)
    return at_most(found.pairs, MOST_EVALUATED // 4, seed=0), found.left_out, found.remarks  # of each kind; two images each


def load_sample_digits() -> tuple[np.ndarray, np.ndarray]:
    """The 1,000 test digits of the bundled sample: uint8 (1000, 28, 28), light on black, and int64 (1000,)."""
    _, test = load_mnist_sample()
    return test.images, test.labels


def split_validation(data: LabelledImages, share: float, seed: int) -> tuple[LabelledImages, LabelledImages]:
    """Cut `share` (0..1) of each class off for validation by a seeded draw: (training, validation), disjoint."""
    is_validation = _share_of_each_class(data.labels, share, seed, np.arange(len(data)))
    return data.take(np.flatnonzero(~is_validation)), data.take(np.flatnonzero(is_validation))


def _share_of_each_class(labels: np.ndarray, share: float, seed: int, first: np.ndarray) -> np.ndarray:
    """A seeded draw of `share` of each class, bool (N,); what has the same `first` goes together."""
    generator = np.random.default_rng(seed)
    is_drawn = np.zeros(len(labels), dtype=bool)
    for members in _by_class(labels, first == np.arange(len(labels))):
        is_drawn[generator.permutation(members)[: round(share * len(members))]] = True
    return is_drawn[first]


def _by_class(labels: np.ndarray, is_wanted: np.ndarray) -> list[np.ndarray]:
    """The wanted images of each class, in the order of the classes."""
    wanted = np.flatnonzero(is_wanted)
    order = wanted[np.argsort(labels[wanted], kind="stable")]
    return np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)


def split_classes(
    data: LabelledImages, validation_share: float, test_share: float, seed: int, by_group: bool = False
) -> tuple[LabelledImages, LabelledImages, LabelledImages]:
    """Give whole classes to training, validation and test, by a seeded draw; each part counts its classes from 0.

    Shares are of the classes, 0..1; each part has at least two. With `by_group` whole groups are given, of which each part
    has at least one, and shares are of the groups. A share of 0 gives an empty part. Raises ValueError where there are too
    few.
    """
    groups = data.groups if by_group else np.arange(int(data.labels.max()) + 1)
    count, least, what = int(groups.max()) + 1, 1 if by_group else 2, "groups" if by_group else "classes"
    validation, test = (max(least, round(share * count)) if share else 0 for share in (validation_share, test_share))
    if count - validation - test < least:
        raise ValueError(
            f"{count} {what} are too few to keep {validation} for validation and {test} for the test: at least {least} must "
            f"be left to train on. Add {what}, or take --split within, which tests on the classes trained on"
        )
    order = np.random.default_rng(seed).permutation(count)
    parts = (order[validation + test :], order[:validation], order[validation : validation + test])
    parts = [np.flatnonzero(np.isin(groups, part)) for part in parts]  # classes
    if by_group and min(len(part) for part in parts if len(part)) < 2:
        raise ValueError("a group holds a single class, and no pairs of different classes: put classes into common folders")
    return tuple(_of_classes(data, part) for part in parts)


def _of_classes(data: LabelledImages, classes: np.ndarray) -> LabelledImages:
    numbers = np.full(int(data.labels.max()) + 1, -1)
    numbers[classes] = np.arange(len(classes))
    part = data.take(np.flatnonzero(numbers[data.labels] >= 0))
    groups = None if data.groups is None else data.groups[classes]
    names = None if data.names is None else tuple(data.names[label] for label in classes)
    return dataclasses.replace(part, labels=numbers[part.labels], groups=groups, names=names)


def hold_out_seen(training: LabelledImages, seed: int) -> tuple[LabelledImages, LabelledImages | None]:
    """Training less a few images of some of its classes, and those: what a model can do on classes that it has seen.

    Two or more images of a class, none with near duplicates, from classes that keep enough; at most SEEN_SHARE and MOST_SEEN
    of all. None where fewer than LEAST_SEEN_CLASSES can spare any.
    """
    is_single = np.ones(len(training), bool) if training.has_copies is None else ~training.has_copies
    able = [images for images in _by_class(training.labels, is_single) if len(images) >= LEAST_KEPT + 2]
    budget = min(MOST_SEEN, int(SEEN_SHARE * len(training)))
    if min(len(able), budget // 2) < LEAST_SEEN_CLASSES:
        return training, None
    generator = np.random.default_rng(derived_seed(seed, 4))
    is_seen, per_class = np.zeros(len(training), dtype=bool), max(2, budget // len(able))
    for place in generator.permutation(len(able)):
        images = generator.permutation(able[place])[: min(per_class, max(2, int(SEEN_SHARE * len(able[place]))))]
        if is_seen.sum() + len(images) > budget:
            break
        is_seen[images] = True
    return training.take(np.flatnonzero(~is_seen)), training.take(np.flatnonzero(is_seen))


def split_images(
    data: LabelledImages, validation_share: float, test_share: float, seed: int, first: np.ndarray | None = None
) -> tuple[LabelledImages, LabelledImages, LabelledImages]:
    """Give a share of each class to validation and to the test; near duplicates, with the same `first` (N,), stay together.

    Raises ValueError where that leaves a part without pairs.
    """
    first = np.arange(len(data)) if first is None else first
    is_test = _share_of_each_class(data.labels, test_share, seed, first)
    rest = np.flatnonzero(~is_test)
    first = np.searchsorted(rest, first[rest])
    share = validation_share / (1 - test_share)
    is_validation = _share_of_each_class(data.labels[rest], share, derived_seed(seed, 2), first)
    training, validation, test = map(data.take, (rest[~is_validation], rest[is_validation], np.flatnonzero(is_test)))
    for name, part in (("validation", validation), ("test", test)):
        sizes = np.bincount(part.labels)
        if (sizes >= 2).sum() < 1 or (sizes > 0).sum() < 2:
            raise ValueError(
                f"{name} would hold {len(part)} images, too few for same and for different pairs: add images, or enlarge "
                f"--{name}-share"
            )
    return training, validation, test


def with_rotations(data: LabelledImages) -> LabelledImages:
    """Each class also turned by 90, 180 and 270 degrees, as three classes more (Santoro et al. 2016, for Omniglot)."""
    count = int(data.labels.max()) + 1
    images = allocate((4 * len(data), *data.images.shape[1:]))
    for turns in range(4):
        images[turns * len(data) : (turns + 1) * len(data)] = np.rot90(data.images, turns, axes=(1, 2))

    def of_each_turn(numbers: np.ndarray, count: int) -> np.ndarray:
        return np.concatenate([numbers + turns * count for turns in range(4)])

    groups = None if data.groups is None else of_each_turn(data.groups, int(data.groups.max()) + 1)
    return LabelledImages(images, of_each_turn(data.labels, count), groups=groups)


@dataclass(frozen=True)
class Splits:
    """What a model is fitted on, chosen by, and measured on."""

    training: LabelledImages | LabelledPairs
    validation: LabelledImages | LabelledPairs
    test: LabelledImages | LabelledPairs
    record: DataRecord
    left_out: tuple[tuple[Path, str], ...] = ()
    remarks: tuple[str, ...] = ()
    seen: LabelledImages | None = None  # of training classes, where validation and test are of others


def load_splits(
    dataset: str,
    data_dir: str | Path,
    preprocess: PreprocessConfig,
    encoder: EncoderConfig,
    split: str,
    validation_share: float,
    test_share: float,
    rotations: bool,
    seed: int,
) -> Splits:
    """A dataset by name, a folder of images or a file of pairs, split as `split` says (see siamese.config.DataRecord).

    With `rotations`, training goes over each class turned by quarters too.

    Raises ValueError where there is no such dataset, or too little in it.
    """
    if split == "pairs":
        return load_pair_splits(dataset, preprocess, encoder, validation_share, test_share, seed)
    left_out, remarks, seen, is_built_in = (), (), None, split == "given"
    if is_built_in:
        everything, test = load_dataset(dataset, data_dir, preprocess, encoder)
        if everything.groups is None:
            training, validation = split_validation(everything, validation_share, seed)
        else:  # its test is of other classes, and so is validation
            training, validation, _ = split_classes(everything, validation_share, 0, seed, by_group=True)
            training, seen = hold_out_seen(training, seed)
            split = "groups"
        validation = _at_most(validation, MOST_EVALUATED, seed)
    else:
        folder = read_folder(dataset, preprocess, encoder, progress=True)
        has_copies = np.bincount(folder.first)[folder.first] > 1
        everything = LabelledImages(folder.images, folder.labels, has_copies, group_numbers(folder.names), folder.names)
        left_out, remarks = folder.left_out, folder.remarks
        shares = (validation_share, test_share, seed)
        if split in UNSEEN_SPLITS:
            training, validation, test = split_classes(everything, *shares, by_group=split == "groups")
            training, seen = hold_out_seen(training, seed)
        else:
            training, validation, test = split_images(everything, *shares, folder.first)
        validation, test = (_at_most(part, MOST_EVALUATED, seed) for part in (validation, test))
    training = with_rotations(training) if rotations else training
    sizes = np.bincount(training.labels)

    def count_groups(part: LabelledImages) -> int:
        return len(np.unique(part.groups[part.labels])) if split == "groups" else 0

    record = DataRecord(
        dataset=dataset if is_built_in else Path(dataset).resolve().name,  # the rest of the path is nobody's business
        classes=len(sizes),
        smallest_class=int(sizes.min()),
        largest_class=int(sizes.max()),
        training_images=len(training),
        validation_images=len(validation),
        test_images=len(test),
        split=split,
        validation_classes=len(np.unique(validation.labels)),
        test_classes=len(np.unique(test.labels)),
        left_out=len(left_out),
        validation_groups=count_groups(validation),
        test_groups=count_groups(test),
        seen_images=len(seen) if seen else 0,
        seen_classes=len(np.unique(seen.labels)) if seen else 0,
    )
    return Splits(training, validation, test, record, left_out, remarks, seen)


def load_pair_splits(
    file: str, preprocess: PreprocessConfig, encoder: EncoderConfig, validation_share: float, test_share: float, seed: int
) -> Splits:
    """A file of labelled pairs, split so that no image is in two parts. Raises ValueError where that leaves too few."""
    found = read_pairs(file, preprocess, encoder, progress=True)
    training, *held_out = split_pairs(found.pairs, validation_share, test_share, seed, found.first)
    validation, test = (at_most(part, MOST_EVALUATED // 4, seed) for part in held_out)  # of each kind; two images each
    record = DataRecord(
        dataset=Path(file).name,
        training_images=len(training.images),
        validation_images=len(validation.images),
        test_images=len(test.images),
        split="pairs",
        left_out=len(found.left_out),
        pairs=len(training.is_same),
    )
    return Splits(training, validation, test, record, found.left_out, found.remarks)


def bootstrap(data: LabelledImages | LabelledPairs, embeddings: Tensor, threshold: float, split: str) -> Intervals:
    """95% intervals of the rates at `threshold`, over what the images were split by (see siamese.config.DataRecord)."""
    if split == "pairs":
        return data.intervals(embeddings, threshold)
    over = bootstrap_intervals_over_classes if split in UNSEEN_SPLITS else bootstrap_intervals
    return over(embeddings, torch.from_numpy(data.labels), threshold)


def _at_most(data: LabelledImages, count: int, seed: int) -> LabelledImages:
    if len(data) <= count:
        return data
    return data.take(np.sort(np.random.default_rng(seed).permutation(len(data))[:count]))


def class_batches(
    labels: np.ndarray,
    batch_size: int,
    per_class: int,
    steps: int,
    seed: int,
    epoch: int,
    groups: np.ndarray | None = None,
) -> Tensor:
    """Indices of batches that hold `per_class` images of each of batch_size / per_class classes: int64 (steps, B).

    With many classes a random batch holds hardly a same pair (Schroff et al. 2015). Where classes have `groups`, int64 (K,),
    such as alphabets, a batch is of few groups: it takes one whole group after the other, and so compares what is most
    alike. Classes with fewer images give some twice. The order depends on `seed` and `epoch` alone.
    """
    generator = np.random.default_rng(derived_seed(seed, 3, epoch))
    by_class = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[by_class], np.arange(labels.max() + 2))
    sizes = np.diff(starts)
    batches = []
    for _ in range(steps):
        classes = generator.permutation(len(sizes))
        if groups is not None:
            classes = classes[np.argsort(generator.permutation(groups.max() + 1)[groups[classes]], kind="stable")]
        classes = classes[: batch_size // per_class]
        places = [
            generator.permutation(np.resize(generator.permutation(size), max(size, per_class)))[:per_class]
            for size in sizes[classes]
        ]
        batches.append(by_class[(starts[classes][:, None] + np.stack(places)).ravel()])
        generator.shuffle(batches[-1])
    return torch.from_numpy(np.stack(batches))


def epoch_batches(count: int, batch_size: int, seed: int, epoch: int) -> Tensor:
    """Indices of each batch of one epoch, int64 (steps, B), in an order that depends on `seed` and `epoch` alone.

    The remainder is left out; where there are fewer images than `batch_size`, the epoch is one batch of all.
    """
    batch_size = min(batch_size, count)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(derived_seed(seed, epoch)))
    return order[: count // batch_size * batch_size].reshape(-1, batch_size)


def derived_seed(*parts: int) -> int:
    """One 63-bit seed from several numbers, so that the randomness of a step depends on its place alone, not on history."""
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> 1)
