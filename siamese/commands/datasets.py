"""List the datasets that a training knows by name, and which of them are here."""

import argparse
import json

from siamese.commands import parser_of, run
from siamese.commands.tables import print_table


def build_parser() -> argparse.ArgumentParser:
    """The flags of `siamese datasets`; each states its default."""
    parser = parser_of("datasets", __doc__)
    parser.add_argument("--data-dir", default="data", help="folder of datasets, as for siamese train (default: data)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command; its exit code."""
    return run(datasets, build_parser().parse_args(argv))


def datasets(arguments: argparse.Namespace) -> None:
    """`datasets`: name, classes, images, size, and whether it is in --data-dir."""
    from siamese.data.datasets import DATASETS  # brings torch

    found = [
        {
            "name": name,
            "classes": dataset.classes,
            "images": dataset.images + dataset.test_images,
            "training_images": dataset.images,
            "test_images": dataset.test_images,
            "side": dataset.side,
            "is_here": dataset.is_here(arguments.data_dir),
            "about": dataset.about,
        }
        for name, dataset in DATASETS.items()
    ]
    if arguments.json:
        print(json.dumps({"data_dir": arguments.data_dir, "datasets": found}))
        return
    rows = [
        (
            each["name"], f"{each['classes']:,}", f"{each['images']:,}", f"{each['side']} x {each['side']} px",
            "yes" if each["is_here"] else "no, is downloaded",
        )
        for each in found
    ]  # fmt: skip
    here = [number for number, each in enumerate(found) if each["is_here"]]
    title = f"Datasets for siamese train --dataset NAME --data-dir {arguments.data_dir}"
    print_table(("name", "classes#", "images#", "size", "is here"), rows, here, title)
