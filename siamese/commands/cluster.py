"""Sort pictures into groups that show the same, by the threshold alone, and name near duplicates."""

import argparse
import json
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

from siamese.commands import add_model_flags, load, parser_of, run
from siamese.commands.contact_sheet import Section, write_sheet
from siamese.commands.pictures import check_any, pictures_of, say_left_out
from siamese.commands.tables import print_table
from siamese.config import counted, readable


class Group(NamedTuple):
    """Pictures that show the same."""

    files: list[Path]  # the one in the middle first
    width: float  # the largest distance between two of them


def build_parser() -> argparse.ArgumentParser:
    """The flags of `siamese cluster`; each states its default."""
    parser = parser_of("cluster", __doc__)
    parser.add_argument(
        "folder", metavar="FOLDER", help="pictures, at any depth; - for a list of files on stdin, a line each"
    )
    parser.add_argument(
        "--threshold", type=float, help="largest mean distance between two groups that become one (default: the model's own)"
    )
    add_model_flags(parser)
    parser.add_argument("--html", metavar="FILE", help="also write a page that shows the groups, with nothing beside it")
    parser.epilog = (
        "Average linkage: the two groups that are nearest on average become one, as long as that is within the threshold."
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command; its exit code."""
    return run(cluster, build_parser().parse_args(argv))


def cluster(arguments: argparse.Namespace) -> None:
    """`cluster FOLDER`: the groups, the largest first, what is alone, and near duplicates."""
    verifier = load(arguments)
    verifier.check_images("siamese cluster")
    pictures = pictures_of([arguments.folder])
    if pictures.are_named:
        raise ValueError(f"{arguments.folder!r} is not a folder")
    threshold = verifier.config.calibration.threshold if arguments.threshold is None else arguments.threshold
    if not 0 < threshold < float("inf"):
        raise ValueError(f"--threshold is {threshold}, allowed: a distance above 0")

    from siamese.data.duplicates import near_duplicates
    from siamese.embedded_files import embed_files
    from siamese.evaluation.grouping import groups

    found = embed_files(verifier, pictures.files, progress=True)
    say_left_out([*pictures.left_out, *found.left_out])
    check_any(found)
    number = groups(found.embeddings, threshold)
    sorted_out = [_group(found, np.flatnonzero(number == each)) for each in range(number.max() + 1)]
    first, _ = near_duplicates(found.thumbnails)
    copies = [(found.files[place], found.files[of]) for place, of in enumerate(first.tolist()) if place != of]
    show(arguments, verifier.name, threshold, sorted_out, copies)


def _group(found, places: np.ndarray) -> Group:
    from siamese.evaluation.grouping import centre_and_width

    middle, width = centre_and_width(found.embeddings[places])
    order = [places[middle], *np.delete(places, middle)]
    return Group([found.files[place] for place in order], width)


def show(arguments: argparse.Namespace, model: str, threshold: float, found: list[Group], copies: list) -> None:
    """Print the groups and the near duplicates, and write the page of them."""
    together = [group for group in found if len(group.files) > 1]
    alone = [group.files[0] for group in found if len(group.files) == 1]
    if arguments.html:
        sections = [
            Section(
                f"Group {number}: {counted(len(group.files), 'picture')}", [(file, str(file), False) for file in group.files]
            )
            for number, group in enumerate(together, 1)
        ]
        sections += [
            Section(f"Alone: {counted(len(alone), 'picture')}", [(file, str(file), False) for file in alone])
        ] * bool(alone)
        sections += [
            Section(f"Nearly the same: {file} and {of}", [(each, str(each), True) for each in (file, of)])
            for file, of in copies
        ]
        write_sheet(Path(arguments.html), f"Groups of {arguments.folder}", sections)
    if arguments.json:
        answer = {
            "model": model,
            "threshold": threshold,
            "groups": [{"files": [readable(str(file)) for file in group.files], "width": group.width} for group in together],
            "alone": [readable(str(file)) for file in alone],
            "near_duplicates": [{"file": readable(str(file)), "of": readable(str(of))} for file, of in copies],
        }
        print(json.dumps(answer))
        return
    if sys.stdout.isatty():
        rows = [
            (f"{number}", f"{len(group.files):,}", f"{group.width:.4f}", _few(group.files))
            for number, group in enumerate(together, 1)
        ]
        print_table(
            ("group#", "pictures#", "width#", "the one in the middle, and others"),
            rows,
            title=f"Groups of {arguments.folder}",
        )
    else:  # a line for each file, for a program that moves them
        rows = [(str(number), str(file)) for number, group in enumerate(found, 1) for file in group.files]
        print_table(("group", "file"), rows)
    for file, of in copies:
        print(f"nearly the same: {file} and {of}", file=sys.stderr)
    grouped = sum(len(group.files) for group in together)
    print(
        f"{counted(len(together), 'group')} of {grouped:,} pictures, {len(alone):,} alone, "
        f"{counted(len(copies), 'near duplicate')}; model {model}, threshold {threshold:.4f}",
        file=sys.stderr,
    )
    if arguments.html:
        print(f"wrote {arguments.html}", file=sys.stderr)


def _few(files: list[Path], most: int = 3) -> str:
    text = ", ".join(str(file) for file in files[:most])
    return f"{text}, {len(files) - most:,} more" if len(files) > most else text
