"""Say which class each image is of, from one or more examples of each class."""

import argparse
import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from siamese.commands import add_model_flags, image_flags, load, parser_of, run
from siamese.commands.pictures import APPROXIMATE
from siamese.config import readable
from siamese.data.class_tree import find_classes
from siamese.data.labelled_numbers import sources_of_classes
from siamese.data.own_numbers import OwnNumbers
from siamese.evaluation.calibration import percent
from siamese.gallery import Gallery
from siamese.verifier import Look, Verifier


def build_parser() -> argparse.ArgumentParser:
    """The flags of `siamese one-shot`; each states its default."""
    parser = parser_of("one-shot", __doc__)
    parser.add_argument(
        "--support",
        metavar="FOLDER",
        required=True,
        help="examples: folder of class folders, or USER/NAME[@REVISION] on the Hub",
    )
    parser.add_argument(
        "--query", metavar="FOLDER", required=True, help="the same, of images to recognise; graded where they have classes"
    )
    image_flags.add_flags(parser, splits=("--support-split", "--query-split"))
    parser.add_argument("--unknown", action="store_true", help="where no class is within the threshold, say so")
    parser.add_argument("--threshold", type=float, help="largest distance that is recognised (default: the model's own)")
    parser.add_argument(
        "--prototypes",
        action="store_true",
        help="rank classes by the mean of their examples as well, which errs less where they have several",
    )
    parser.add_argument("--top", type=int, default=5, help="how many classes --json lists for each image (default: 5)")
    add_model_flags(parser)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command; its exit code."""
    return run(one_shot, build_parser().parse_args(argv))


def one_shot(arguments: argparse.Namespace) -> None:
    """`one-shot`: the nearest class of each query, and how many are right where the queries lie in folders of classes."""
    verifier = load(arguments)
    gallery = Gallery(verifier)
    queries = [
        (readable(label), file)
        for label, files in classes_of(arguments.query, arguments, arguments.query_split).items()
        for file in files
    ]
    support = classes_of(arguments.support, arguments, arguments.support_split)
    for name, files in tqdm(support.items(), "enrolling", leave=False, disable=None):
        looks = [look for file in files if (look := look_or_warn(verifier, file)) is not None]
        if not looks:
            raise ValueError(f"class {name!r} of {arguments.support!r} has no readable image")
        gallery.enrol_embeddings(
            readable(name or Path(arguments.support).name), np.stack([look.embedding for look in looks])
        )
    if not arguments.prototypes and gallery.make_index_for(len(queries)):
        print(APPROXIMATE, file=sys.stderr)
    results, right = [], []
    for label, file in tqdm(queries, "recognising", leave=False, disable=None):
        if (look := look_or_warn(verifier, file)) is None:
            continue
        query = torch.from_numpy(look.embedding)
        found = gallery.identify_embedding(query, arguments.threshold, arguments.top, arguments.prototypes)
        name = found.name if arguments.unknown else found.matches[0].name
        matches = [dataclasses.asdict(match) for match in found.matches]
        results.append({"query": readable(str(file)), "name": name, "matches": matches, "is_familiar": look.is_familiar})
        if label in gallery.names:
            right.append(name == label)
    accuracy = 100 * sum(right) / len(right) if right else None
    if arguments.json:
        print(json.dumps({"model": verifier.name, "accuracy": accuracy, "results": results}))
        return
    for result in results:
        nearest = result["matches"][0]
        if result["name"] is None:
            nearest = min(result["matches"], key=lambda match: match["distance"])
        name = f"no class is near enough, nearest: {nearest['name']}" if result["name"] is None else result["name"]
        sure = f"{percent(nearest['probability_same'])} same"
        if result["is_familiar"] is False:
            sure = "not sure: it is unlike anything this model knows"
        print(f"{result['query']}: {name} (distance {nearest['distance']:.4f}, {sure})")
    if right:
        print(
            f"{sum(right):,} of {len(right):,} right ({accuracy:.2f}%), {len(gallery.names)} classes, model {verifier.name}"
        )


def classes_of(source: str, arguments: argparse.Namespace, part: str | None) -> dict[str, list[Path | str]]:
    """The classes of a folder or a table, or of a dataset of the Hub, or of a part of it alone: sources of each.

    Raises ValueError where there is neither, or it holds pairs.
    """
    own = image_flags.own_of(source, arguments, part)
    if isinstance(own, OwnNumbers):
        return sources_of_classes(own)
    if own and own.are_pairs:
        raise ValueError(f"{source} holds pairs, and no classes to recognise")
    return find_classes(own.place, own.layout) if own else find_classes(source)


def look_or_warn(verifier: Verifier, file: Path | str) -> Look | None:
    """What the model makes of an image file, or None and a line on stderr where it is no good."""
    try:
        return verifier.look(file)
    except ValueError as error:
        tqdm.write(f"left out {file}: {error}", file=sys.stderr)
        return None
