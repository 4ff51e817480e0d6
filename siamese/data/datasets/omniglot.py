"""Omniglot: characters of many alphabets."""

from pathlib import Path

import numpy as np

from siamese.data.class_tree import find_classes
from siamese.data.datasets.base import Dataset, explained
from siamese.data.labelled_images import LabelledImages, group_numbers
from siamese.images.load import load_image


def load_omniglot(data_dir: str | Path) -> tuple[LabelledImages, LabelledImages]:
    """Omniglot's background characters, and those of its evaluation set; classes are characters, groups their alphabets."""
    parts = []
    for name, background in (("images_background", True), ("images_evaluation", False)):
        folder = Path("omniglot-py") / name
        with explained("Omniglot", data_dir, str(folder)):
            if not (Path(data_dir) / folder).is_dir():
                from torchvision.datasets import Omniglot

                Omniglot(data_dir, background=background, download=True)
            classes = find_classes(Path(data_dir) / folder)
            images = [np.asarray(load_image(file).convert("L")) for files in classes.values() for file in files]
            labels = np.repeat(np.arange(len(classes)), [len(files) for files in classes.values()])
            names = tuple(classes)
            parts.append(LabelledImages(np.stack(images), labels, groups=group_numbers(names), names=names))
    return tuple(parts)


OMNIGLOT = Dataset(
    load_omniglot,
    "32,460 drawings of 1,623 characters of 50 alphabets, Omniglot by B. Lake, R. Salakhutdinov and J. Tenenbaum "
    "(2015, MIT), tested on the 20 alphabets of its evaluation set",
    "",
    image_size=40,
    images=19_280,
    test_images=13_180,
    classes=1623,
    side=105,
    files=("omniglot-py/images_background", "omniglot-py/images_evaluation"),
)
