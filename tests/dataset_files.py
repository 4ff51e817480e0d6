"""The files of the built-in datasets, small and filled with digits of the sample."""

import bz2
import struct
from pathlib import Path

import numpy as np
from PIL import Image

from siamese.data.datasets.mnist import load_mnist_sample


def write_idx(path: Path, values: np.ndarray) -> None:
    """The file format of MNIST: two zeros, type 8 (uint8), number of dimensions, sizes (big-endian), values."""
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    path.write_bytes(header + values.astype(np.uint8).tobytes())


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
