"""Look through a folder of images, or a file of pairs, as a training would, and say what it would do with it."""

import argparse
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from siamese.commands import image_flags, parser_of, run
from siamese.config import counted, readable
from siamese.data.check import FolderCheck, PairsCheck, check_folder, check_pairs
from siamese.data.class_lists import BY_FOLDERS
from siamese.data.own_images import OwnImages
from siamese.inputs import reworded

if TYPE_CHECKING:
    from siamese.data.own_numbers import OwnNumbers

TESTED_ON = {
    "classes": ", and be tested on whole classes that it is not shown",
    "within": ", and be tested on other images of the same classes",
    "pairs": ", and be tested on pairs of other images",
    "": "",
}


def build_parser() -> argparse.ArgumentParser:
    """The flags of `siamese check`; each states its default."""
    parser = parser_of("check", __doc__)
    parser.add_argument(
        "folder", metavar="FOLDER", help="folder of class folders, table, CSV file of pairs, or USER/NAME[@REVISION]"
    )
    image_flags.add_flags(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of words")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command; its exit code."""
    return run(check, build_parser().parse_args(argv))


def check(arguments: argparse.Namespace) -> None:
    """`check FOLDER`: classes or pairs, settings, what would be left out and why."""
    file = Path(arguments.folder)
    is_file = file.suffix.lower() == ".csv" and file.is_file()
    own = image_flags.own_of(arguments.folder, arguments) or (OwnImages(file, file.name) if is_file else None)
    if own and not isinstance(own, OwnImages):
        say_of_numbers(own, arguments.json)
        return
    if own and own.are_pairs:
        say_of_pairs(check_pairs(own.place, progress=True), arguments.json)
        return
    place, layout = (own.place, own.layout) if own else (arguments.folder, BY_FOLDERS)
    checked = check_folder(place, progress=True, layout=layout)
    found, sizes = checked.found, checked.sizes
    if arguments.json:
        left_out = [{"file": readable(str(file)), "reason": readable(reason)} for file, reason in found.left_out]
        near = [
            {"file": readable(str(file)), "of": readable(str(of)), "same_class": same}
            for file, of, same in found.near_duplicates()
        ]
        settings = {"preprocess": checked.mode, "image_size": checked.size, "channels": checked.channels}
        answer = {**settings, "split": checked.split, "classes": sizes, "left_out": left_out, "near_duplicates": near}
        print(json.dumps({**answer, "remarks": list(map(readable, found.remarks))}))
        refuse(checked)
        return
    for file, reason in found.left_out:
        print(f"left out {file}: {reason}")
    for file, of, same in found.near_duplicates():
        print(f"nearly the same{'' if same else ', though of two classes'}: {file} and {of}")
    for remark in found.remarks:
        print(f"note: {remark}")
    smallest, largest = min(sizes.values()), max(sizes.values())
    each = f"{largest:,}" if smallest == largest else f"{smallest:,} to {largest:,}"
    print(
        f"{len(found.labels):,} usable images in {counted(len(sizes), 'class', 'classes')}, {each} in each; "
        f"{len(found.left_out):,} left out; a training would see them as {checked.seen}"
        f"{TESTED_ON[checked.split]}"
    )
    refuse(checked)


def say_of_numbers(own: "OwnNumbers", as_json: bool) -> None:
    """Classes, columns, what would be left out and why, and how rows or sequences would be seen."""
    from siamese.data.number_splits import check_numbers  # brings torch

    checked = check_numbers(own)
    found, sizes = checked.found, checked.found.sizes
    if as_json:
        left_out = [{"source": readable(str(source)), "reason": readable(reason)} for source, reason in found.left_out]
        answer = {"preprocess": own.mode, "columns": found.columns, "split": checked.split, "classes": sizes}
        print(json.dumps({**answer, "left_out": left_out, "remarks": list(map(readable, checked.remarks))}))
    else:
        for source, reason in found.left_out:
            print(f"left out {source}: {reason}")
        for remark in checked.remarks:
            print(f"note: {remark}")
        smallest, largest = min(sizes.values()), max(sizes.values())
        each = f"{largest:,}" if smallest == largest else f"{smallest:,} to {largest:,}"
        classes = "labelled pairs" if own.are_pairs else f"{counted(len(sizes), 'class', 'classes')}, {each} in each"
        print(
            f"{len(found.labels):,} usable {found.noun}s in {classes}; "
            f"{len(found.left_out):,} left out; a training would see them as {checked.seen}"
            f"{reworded(TESTED_ON[checked.split], found.noun)}"
        )
    if checked.problem:
        raise ValueError(checked.problem)


def say_of_pairs(checked: PairsCheck, as_json: bool) -> None:
    """Pairs of both kinds, images, and how many of them a training would learn from, choose by and be tested on."""
    found, pairs = checked.found, checked.found.pairs
    same, different = int(pairs.is_same.sum()), int((~pairs.is_same).sum())
    sizes = [len(part.is_same) for part in checked.parts]
    if as_json:
        left_out = [{"file": readable(str(file)), "reason": readable(reason)} for file, reason in found.left_out]
        answer = {"preprocess": checked.mode, "image_size": checked.size, "channels": checked.channels, "same_pairs": same}
        answer |= {"different_pairs": different, "images": len(pairs.images), "left_out": left_out}
        answer["pairs"] = dict(zip(("training", "validation", "test"), sizes, strict=False))
        print(json.dumps({**answer, "remarks": list(map(readable, found.remarks))}))
    else:
        for file, reason in found.left_out:
            print(f"left out {file}: {reason}")
        for remark in found.remarks:
            print(f"note: {remark}")
        print(
            f"{counted(same + different, 'usable pair')}, {same:,} same and {different:,} different, of "
            f"{counted(len(pairs.images), 'image')}; {len(found.left_out):,} left out; a training would see them as "
            f"{checked.seen}"
            + (", learn from {:,} of the pairs, choose by {:,} and be tested on {:,}, which share no image".format(*sizes)
               if sizes else "")
        )  # fmt: skip
    if checked.problem:
        raise ValueError(checked.problem)


def refuse(checked: FolderCheck) -> None:
    """Raise ValueError where there is too little to train on."""
    if checked.problem:
        hint = f". Or, since the names of the files tell classes, add --classes-from-names {shlex.quote(checked.suggestion)}"
        raise ValueError(checked.problem + hint * bool(checked.suggestion))
