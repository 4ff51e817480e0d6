"""The bundled sample, MNIST from disk and never from the network, splits and batches."""

import bz2
import dataclasses
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from make_mnist_sample import draw_sample
from PIL import Image

from siamese.config import EncoderConfig, PreprocessConfig
from siamese.data.datasets import DATASETS, load_dataset
from siamese.data.datasets.base import DatasetNotAvailable
from siamese.data.datasets.mnist import SAMPLE_FILE, load_mnist, load_mnist_sample
from siamese.data.labelled_images import LabelledImages
from siamese.data.sampling import class_batches, derived_seed, epoch_batches
from siamese.data.splits import hold_out_seen, load_splits, split_classes, split_images, split_validation, with_rotations


def write_idx(path: Path, values: np.ndarray) -> None:
    """The file format of MNIST: two zeros, type 8 (uint8), number of dimensions, sizes (big-endian), values."""
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    path.write_bytes(header + values.astype(np.uint8).tobytes())


@pytest.fixture
def tiny_mnist(tmp_path: Path) -> Path:
    """A torchvision root with 30 training and 20 test digits of the sample."""
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for prefix, part, count in zip(("train", "t10k"), load_mnist_sample(), (30, 20), strict=True):
        write_idx(raw / f"{prefix}-images-idx3-ubyte", part.images[:count])
        write_idx(raw / f"{prefix}-labels-idx1-ubyte", part.labels[:count])
    return tmp_path


# ---- Datasets ----


def test_sample_is_small_and_has_as_many_of_each_digit():
    assert SAMPLE_FILE.stat().st_size < 1_000_000
    for part, per_class in zip(load_mnist_sample(), (200, 100), strict=True):
        assert part.images.shape == (10 * per_class, 28, 28)
        assert part.images.dtype == np.uint8
        assert part.labels.dtype == np.int64
        assert np.bincount(part.labels).tolist() == [per_class] * 10


def test_no_digit_of_the_sample_is_in_both_parts():
    training, test = ({image.tobytes() for image in part.images} for part in load_mnist_sample())
    assert len(training) == 2000
    assert len(test) == 1000
    assert not training & test


def test_digits_that_are_there_are_never_downloaded(tiny_mnist, no_network):
    files = {path: path.read_bytes() for path in tiny_mnist.rglob("*") if path.is_file()}
    for loaded, sample, count in zip(load_mnist(tiny_mnist), load_mnist_sample(), (30, 20), strict=True):
        assert np.array_equal(loaded.images, sample.images[:count])
        assert np.array_equal(loaded.labels, sample.labels[:count])
        assert loaded.labels.dtype == np.int64
    assert files == {path: path.read_bytes() for path in tiny_mnist.rglob("*") if path.is_file()}


def test_without_data_and_network_the_error_says_what_to_do(tmp_path, no_network):
    with pytest.raises(DatasetNotAvailable, match=r"--data-dir .*MNIST/raw.* --dataset mnist-sample") as caught:
        load_mnist(tmp_path / "nowhere")
    assert isinstance(caught.value, ValueError)
    assert str(tmp_path / "nowhere") in str(caught.value)


@pytest.mark.parametrize("kept_bytes", [0, 3, 100], ids=["empty", "no header", "cut short"])
def test_damaged_files_are_a_clear_error_too(tiny_mnist, no_network, kept_bytes):
    path = tiny_mnist / "MNIST" / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:kept_bytes])
    with pytest.raises(ValueError, match="MNIST") as caught:
        load_mnist(tiny_mnist)
    assert str(tiny_mnist) in str(caught.value)


def test_full_mnist_and_the_sample_made_from_it(full_mnist_root, no_network):
    training, test = load_mnist(full_mnist_root)
    assert (len(training), len(test)) == (60_000, 10_000)
    remade = draw_sample(full_mnist_root)
    with np.load(SAMPLE_FILE) as bundled:
        assert sorted(remade) == sorted(bundled)
        for name, values in bundled.items():
            assert values.dtype == remade[name].dtype == np.uint8
            assert np.array_equal(values, remade[name]), name


def put_idx(folder: Path, names: tuple[str, str], images: np.ndarray, labels: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_idx(folder / names[0], images)
    write_idx(folder / names[1], labels)


def put_emnist(root: Path, split: str, first: int) -> None:
    for part, data in zip(("train", "test"), load_mnist_sample(), strict=True):
        names = tuple(f"emnist-{split}-{part}-{what}" for what in ("images-idx3-ubyte", "labels-idx1-ubyte"))
        put_idx(root / "EMNIST" / "raw", names, data.images[:40].transpose(0, 2, 1), data.labels[:40] + first)


def put_like_mnist(root: Path, name: str) -> None:
    for part, data in zip(("train", "t10k"), load_mnist_sample(), strict=True):
        names = (f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte")
        put_idx(root / name / "raw", names, data.images[:40], data.labels[:40])


def put_qmnist(root: Path) -> None:
    """Labels of eight numbers each, as big-endian int32 (type 12); MNIST's own test digits come first."""
    folder = root / "QMNIST" / "raw"
    folder.mkdir(parents=True)
    for part, data in zip(("train", "test"), load_mnist_sample(), strict=True):
        write_idx(folder / f"qmnist-{part}-images-idx3-ubyte", data.images[:40])
        labels = np.zeros((40, 8), ">i4")
        labels[:, 0] = data.labels[:40]
        (folder / f"qmnist-{part}-labels-idx2-int").write_bytes(
            struct.pack(">BBBB2I", 0, 0, 12, 2, 40, 8) + labels.tobytes()
        )


def put_usps(root: Path) -> None:
    """libsvm's text: label from 1, then 256 numbers in -1..1."""
    for name, data in zip(("usps.bz2", "usps.t.bz2"), load_mnist_sample(), strict=True):
        lines = []
        for image, label in zip(data.images[:40, 6:22, 6:22], data.labels[:40], strict=True):
            values = image.ravel() / 127.5 - 1
            lines.append(f"{label + 1} " + " ".join(f"{i + 1}:{v:.6f}" for i, v in enumerate(values)))
        (root / name).write_bytes(bz2.compress(("\n".join(lines) + "\n").encode()))


BUILT_IN = {
    "fashion-mnist": lambda root: put_like_mnist(root, "FashionMNIST"),
    "kmnist": lambda root: put_like_mnist(root, "KMNIST"),
    "qmnist": put_qmnist,
    "emnist-letters": lambda root: put_emnist(root, "letters", 1),
    "emnist-balanced": lambda root: put_emnist(root, "balanced", 0),
    "usps": put_usps,
}


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_datasets_are_read_from_their_files_upright_with_labels_from_0(name, tmp_path, monkeypatch):
    for variable in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:1")
    BUILT_IN[name](tmp_path)
    for part, sample in zip(DATASETS[name].load(tmp_path), load_mnist_sample(), strict=True):
        expected = sample.images[:40, 6:22, 6:22] if name == "usps" else sample.images[:40]
        assert np.abs(part.images.astype(int) - expected).max() <= (1 if name == "usps" else 0)
        assert part.labels.dtype == np.int64
        assert np.array_equal(part.labels, sample.labels[:40])
    preprocess = PreprocessConfig(DATASETS[name].preprocess)
    training, _ = load_dataset(name, tmp_path, preprocess, EncoderConfig())
    assert training.images.shape == (40, 28, 28)


def put_omniglot(root: Path) -> list[np.ndarray]:
    """Drawings as Omniglot has them, black on white in one bit: 4 alphabets of 3 characters, and 2 to evaluate on."""
    drawings, digits = [], iter(load_mnist_sample()[1].images)
    for part, alphabets in (("images_background", 4), ("images_evaluation", 2)):
        for place in range(alphabets * 3 * 8):
            drawing = np.kron(next(digits) < 128, np.ones((3, 3), bool))
            character, number = divmod(place, 8)
            path = root / "omniglot-py" / part / f"Alphabet_{character // 3}" / f"character{character % 3}" / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(drawing).save(path)
            drawings.append(255 * drawing.astype(np.uint8))
    return drawings


def test_omniglot_is_read_from_its_files_with_the_alphabet_of_each_character(tmp_path, monkeypatch):
    for variable in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:1")
    with pytest.raises(DatasetNotAvailable, match=r"cannot be downloaded: .*omniglot-py/images_background"):
        DATASETS["omniglot"].load(tmp_path)
    drawings = put_omniglot(tmp_path)
    training, test = DATASETS["omniglot"].load(tmp_path)
    assert np.array_equal(np.concatenate([training.images, test.images]), np.stack(drawings))
    assert training.labels.tolist() == [label for label in range(12) for _ in range(8)]
    assert test.labels.tolist() == [label for label in range(6) for _ in range(8)]
    assert training.groups.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert test.groups.tolist() == [0, 0, 0, 1, 1, 1]
    (tmp_path / "omniglot-py" / "images_background" / "Alphabet_0" / "character0" / "0.png").write_text("no picture")
    with pytest.raises(DatasetNotAvailable, match="are damaged"):
        DATASETS["omniglot"].load(tmp_path)


def test_omniglot_is_validated_on_alphabets_held_out_and_rotated_in_training_alone(tmp_path):
    put_omniglot(tmp_path)
    settings = (PreprocessConfig("ink"), EncoderConfig(image_size=40))
    splits = load_splits("omniglot", tmp_path, *settings, "given", 0.1, 0.2, rotations=True, seed=0)
    record = splits.record
    assert (record.dataset, record.split, record.classes) == ("omniglot", "groups", 4 * 9)
    assert (record.validation_groups, record.validation_classes) == (1, 3)
    assert (record.test_groups, record.test_classes, record.test_images) == (2, 6, 48)
    assert len(splits.validation) == 24
    assert len(splits.training) == 4 * 9 * 8  # too few classes to hold out images of seen ones


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_datasets_that_are_not_there_say_where_they_would_be(name, tmp_path, monkeypatch):
    for variable in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:1")
    with pytest.raises(DatasetNotAvailable, match=r"cannot be downloaded: point --data-dir at a folder that holds"):
        DATASETS[name].load(tmp_path)


def test_unknown_dataset_lists_the_choices(tmp_path):
    with pytest.raises(ValueError, match="unknown dataset 'cats', available: .*" + ", ".join(DATASETS)):
        load_dataset("cats", tmp_path, PreprocessConfig(), EncoderConfig())


def test_datasets_come_in_the_shape_of_the_encoder(tmp_path):
    training, test = load_dataset("mnist-sample", tmp_path, PreprocessConfig(), EncoderConfig())
    assert training.images.shape == (2000, 28, 28)
    assert test.images.shape == (1000, 28, 28)
    assert np.array_equal(test.labels, load_mnist_sample()[1].labels)


# ---- Splits and batches ----


@given(share=st.floats(0.01, 0.5), seed=st.integers(0, 2**31 - 1))
def test_validation_is_cut_from_each_class_and_shares_nothing_with_training(share, seed):
    everything, _ = load_mnist_sample()
    numbered = LabelledImages(np.arange(len(everything)), everything.labels)  # each image is its own number
    training, validation = split_validation(numbered, share, seed)
    assert sorted([*training.images, *validation.images]) == list(range(len(everything)))
    for part in (training, validation):
        assert np.array_equal(part.labels, everything.labels[part.images])
    assert np.bincount(validation.labels).tolist() == [round(share * 200)] * 10
    again = split_validation(numbered, share, seed)
    assert np.array_equal(again[0].images, training.images)
    assert np.array_equal(again[1].images, validation.images)


def test_another_seed_cuts_another_validation_set():
    everything, _ = load_mnist_sample()
    first, other = (split_validation(everything, 0.1, seed)[1] for seed in (0, 1))
    assert not np.array_equal(first.images, other.images)


def numbered(labels: list[int]) -> LabelledImages:
    """Images that are their own number."""
    images = np.arange(len(labels), dtype=np.uint32).view(np.uint8).reshape(len(labels), 2, 2)
    return LabelledImages(images, np.array(labels))


def numbers(part: LabelledImages) -> list[int]:
    return np.ascontiguousarray(part.images).reshape(len(part), 4).view(np.uint32).ravel().tolist()


@given(
    st.lists(st.integers(1, 6), min_size=1, max_size=30),
    st.floats(0.01, 0.5),
    st.floats(0.01, 0.5),
    st.integers(0, 1000),
)
def test_whole_classes_go_to_one_part_each(sizes, validation_share, test_share, seed):
    labels = [label for label, size in enumerate(sizes) for _ in range(size)]
    data = numbered(labels)
    held_out = [max(2, round(share * len(sizes))) for share in (validation_share, test_share)]
    if len(sizes) - sum(held_out) < 2:
        with pytest.raises(ValueError, match=rf"too few classes \({len(sizes)}\)"):
            split_classes(data, validation_share, test_share, seed)
        return
    parts = split_classes(data, validation_share, test_share, seed)
    assert sorted(number for part in parts for number in numbers(part)) == list(range(len(data)))
    owners = [{labels[number] for number in numbers(part)} for part in parts]
    assert [len(owner) for owner in owners] == [len(sizes) - sum(held_out), *held_out]
    for part in parts:
        originals = [labels[number] for number in numbers(part)]
        assert part.labels.tolist() == [sorted(set(originals)).index(label) for label in originals]
    again = split_classes(data, validation_share, test_share, seed)
    assert [numbers(part) for part in again] == [numbers(part) for part in parts]


@given(st.lists(st.integers(1, 60), min_size=1, max_size=60), st.integers(0, 1000))
def test_few_images_of_seen_classes_are_held_out_from_classes_that_keep_enough(sizes, seed):
    labels = [label for label, size in enumerate(sizes) for _ in range(size)]
    data = numbered(labels)
    has_copies = np.random.default_rng(seed).random(len(data)) < 0.2
    data = LabelledImages(data.images, data.labels, has_copies)
    training, seen = hold_out_seen(data, seed)
    assert hold_out_seen(data, seed)[0].labels.tolist() == training.labels.tolist()
    if seen is None:
        able = [size for size in np.bincount(data.labels[~has_copies]) if size >= 6]
        assert len(able) < 5 or len(data) < 100
        assert training is data
        return
    assert sorted(numbers(training) + numbers(seen)) == list(range(len(data)))
    assert len(seen) <= len(data) / 10
    assert not has_copies[numbers(seen)].any()
    assert len(set(seen.labels)) >= 5
    for label in set(seen.labels):
        held_out = (seen.labels == label).sum()
        assert held_out >= 2
        assert held_out <= max(2, sizes[label] / 10)
        assert (training.labels == label).sum() >= 4
    assert seen.labels.tolist() == [labels[number] for number in numbers(seen)]


@given(
    st.lists(st.lists(st.integers(1, 4), min_size=2, max_size=6), min_size=1, max_size=15),
    st.floats(0.01, 0.5),
    st.sampled_from([0, 0.1, 0.4]),
    st.integers(0, 1000),
)
def test_whole_groups_of_classes_go_to_one_part_each(groups, validation_share, test_share, seed):
    sizes = [(group, size) for group, classes in enumerate(groups) for size in classes]
    labels = [label for label, (_, size) in enumerate(sizes) for _ in range(size)]
    data = numbered(labels)
    data = LabelledImages(data.images, data.labels, groups=np.array([group for group, _ in sizes]))
    held_out = [max(1, round(share * len(groups))) if share else 0 for share in (validation_share, test_share)]
    if len(groups) - sum(held_out) < 1:
        with pytest.raises(ValueError, match=rf"too few groups \({len(groups)}\)"):
            split_classes(data, validation_share, test_share, seed, by_group=True)
        return
    parts = split_classes(data, validation_share, test_share, seed, by_group=True)
    assert sorted(number for part in parts for number in numbers(part)) == list(range(len(data)))
    owners = [{sizes[labels[number]][0] for number in numbers(part)} for part in parts]
    assert [len(owner) for owner in owners] == [len(groups) - sum(held_out), *held_out]
    for part in parts:
        assert part.groups[part.labels].tolist() == [sizes[labels[number]][0] for number in numbers(part)]


def test_a_group_of_one_class_makes_no_part():
    data = numbered([0, 0, 1, 1, 2, 2])
    data = LabelledImages(data.images, data.labels, groups=np.arange(3))
    with pytest.raises(ValueError, match="a group has only one class"):
        split_classes(data, 0.2, 0.2, 0, by_group=True)


def test_a_split_within_classes_gives_each_part_its_share_of_each_class():
    data = numbered([label for label in range(5) for _ in range(40)])
    parts = split_images(data, 0.1, 0.2, 0)
    assert sorted(number for part in parts for number in numbers(part)) == list(range(200))
    assert [np.bincount(part.labels).tolist() for part in parts] == [[28] * 5, [4] * 5, [8] * 5]
    with pytest.raises(ValueError, match="too few to form same and different pairs"):
        split_images(numbered([0, 0, 1, 1, 2, 2]), 0.1, 0.2, 0)


@given(st.lists(st.integers(1, 9), min_size=2, max_size=40), st.integers(2, 5), st.integers(8, 64), st.integers(0, 99))
def test_a_class_balanced_batch_holds_so_many_of_each_of_its_classes(sizes, per_class, batch_size, seed):
    labels = np.random.default_rng(seed).permutation([label for label, size in enumerate(sizes) for _ in range(size)])
    batches = class_batches(labels, batch_size, per_class, 3, seed, 1)
    classes = min(batch_size // per_class, len(sizes))
    assert batches.shape == (3, classes * per_class)
    for batch in batches.numpy():
        found, counts = np.unique(labels[batch], return_counts=True)
        assert len(found) == classes
        assert set(counts) == {per_class}
        for label in found:  # none twice before each was there once
            members = batch[labels[batch] == label]
            assert len(set(members)) == min(per_class, sizes[label])
    assert torch.equal(batches, class_batches(labels, batch_size, per_class, 3, seed, 1))
    assert not torch.equal(batches, class_batches(labels, batch_size, per_class, 3, seed, 2)) or len(labels) < 6


@given(st.integers(2, 6), st.integers(1, 9), st.integers(2, 20), st.integers(0, 99))
def test_a_batch_takes_one_whole_group_of_classes_after_the_other(count, size, classes, seed):
    groups = np.arange(count * size) % count
    labels = np.repeat(np.arange(count * size), 4)
    for batch in class_batches(labels, 4 * classes, 4, 3, seed, 0, groups).numpy():
        found = np.sort(np.bincount(groups[np.unique(labels[batch])], minlength=count))
        whole, rest = divmod(min(classes, count * size), size)
        assert found.tolist() == sorted([0] * (count - whole - (rest > 0)) + [rest] * (rest > 0) + [size] * whole)


def test_rotated_classes_are_classes_of_their_own():
    data = dataclasses.replace(numbered([0, 0, 1, 1, 1]), groups=np.array([0, 1]))
    turned = with_rotations(data)
    assert turned.groups.tolist() == [0, 1, 2, 3, 4, 5, 6, 7]
    assert turned.labels.tolist() == [0, 0, 1, 1, 1, 2, 2, 3, 3, 3, 4, 4, 5, 5, 5, 6, 6, 7, 7, 7]
    for turns in range(4):
        for image, original in zip(turned.images[5 * turns : 5 * turns + 5], data.images, strict=True):
            assert np.array_equal(image, np.rot90(original, turns))


@given(st.integers(1, 300), st.integers(2, 100), st.integers(0, 1000), st.integers(0, 1000))
def test_an_epoch_is_full_batches_of_different_images(count, batch_size, seed, epoch):
    batches = list(epoch_batches(count, batch_size, seed, epoch))
    indices = torch.cat(batches).tolist()
    assert [len(batch) for batch in batches] == [min(batch_size, count)] * max(count // batch_size, 1)
    assert len(set(indices)) == len(indices)
    assert set(indices) <= set(range(count))
    again = list(epoch_batches(count, batch_size, seed, epoch))
    assert all(torch.equal(batch, other) for batch, other in zip(batches, again, strict=True))


def test_each_epoch_and_seed_has_an_order_of_its_own():
    orders = {tuple(epoch_batches(100, 100, seed, epoch)[0].tolist()) for seed in range(5) for epoch in range(5)}
    assert len(orders) == 25


@given(st.lists(st.integers(0, 2**31 - 1), min_size=2, max_size=3))
def test_derived_seeds_fit_a_generator_and_depend_on_the_order_of_the_parts(parts):
    assert 0 <= derived_seed(*parts) < 2**63
    assert derived_seed(*parts) == derived_seed(*parts)
    if parts != parts[::-1]:
        assert derived_seed(*parts) != derived_seed(*parts[::-1])
