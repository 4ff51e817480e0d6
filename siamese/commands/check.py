"""Look through a folder of images as a training would, and say what it would do with it."""

import argparse
import json
import shlex

from siamese.commands import image_flags, parser_of, run
from siamese.config import counted, readable
from siamese.data.check import FolderCheck, check_folder
from siamese.data.class_lists import BY_FOLDERS

TESTED_ON = {
    "classes": ", and be tested on whole classes that it is not shown",
    "within": ", and be tested on other images of the same classes",
    "": "",
}


def build_parser() -> argparse.ArgumentParser:
    """The flags of `siamese check`; each states its default."""
    parser = parser_of("check", __doc__)
    parser.add_argument("folder", metavar="FOLDER", help="folder of class folders, or USER/NAME[@REVISION] on the Hub")
    image_flags.add_flags(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of words")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command; its exit code."""
    return run(check, build_parser().parse_args(argv))


def check(arguments: argparse.Namespace) -> None:
    """`check FOLDER`: classes, settings, what would be left out and why."""
    own = image_flags.images_of(arguments.folder, image_flags.choices_of(arguments))
    if own and own.are_pairs:
        raise ValueError(f"{arguments.folder} holds pairs, of which nothing is to be checked here: train on them")
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


def refuse(checked: FolderCheck) -> None:
    """Raise ValueError where there is too little to train on."""
    if checked.problem:
        hint = f". Or, since the names of the files tell classes, add --classes-from-names {shlex.quote(checked.suggestion)}"
        raise ValueError(checked.problem + hint * bool(checked.suggestion))
