"""A look through data before anything is trained on it: what `python -m siamese check` says, for the page."""

from pathlib import Path

import numpy as np

from siamese.config import EncoderConfig, PreprocessConfig
from siamese.data.folders import choose_settings, folder_files, read_folder
from siamese.demo.train.view import data_check
from siamese.visitors.task import SAMPLE, Frame


def check(dataset: str) -> Frame:
    """Of a folder of class folders, or SAMPLE: "report" as HTML, and how many "classes" and "images" are of use.

    Raises ValueError where none are.
    """
    if dataset == SAMPLE:
        from siamese.data.datasets.mnist import load_mnist_sample

        training, test = load_mnist_sample()
        images, labels = np.concatenate([training.images, test.images]), np.concatenate([training.labels, test.labels])
        names, left_out, remarks, folder, seen = tuple("0123456789"), (), (), None, "seen as ink, 28 x 28 px, grey"
    else:
        mode, size, channels = choose_settings(folder_files(dataset))
        found = read_folder(dataset, PreprocessConfig(mode), EncoderConfig(image_size=size, channels=channels))
        images, labels, names, left_out, remarks = found.images, found.labels, found.names, found.left_out, found.remarks
        folder, seen = Path(dataset), f"seen as {mode}, {size} x {size} px, {'colour' if channels == 3 else 'grey'}"
    classes = {name: images[labels == number] for number, name in enumerate(names)}
    report = data_check(classes, left_out, remarks, folder, seen)
    return {"report": report, "classes": len(names), "images": len(labels), "done": True}
