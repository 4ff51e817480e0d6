"""Which pictures a command is about: files, folders at any depth, and names that come through a pipe."""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from siamese.command_line import styled
from siamese.config import counted
from siamese.data.class_tree import find_images

if TYPE_CHECKING:
    from siamese.embedded_files import EmbeddedFiles

APPROXIMATE = (
    "note: so many are searched by an index, which misses the nearest of about one query in eight; see `Gallery.make_index`"
)
HELP = "image files, folders of them at any depth, or - for a list of files on stdin, a line each"


@dataclass(frozen=True)
class Pictures:
    """The pictures that a command line names."""

    files: list[Path]
    are_named: bool  # each by itself on the command line, so that one which cannot be read is a mistake
    left_out: list[tuple[Path, str]]  # what looks like a picture and is not opened, and why


def pictures_of(words: Sequence[str]) -> Pictures:
    """The pictures meant by the words of a command line, see HELP. Raises ValueError where there are none."""
    files, left_out, are_named = [], [], True
    for word in words:
        if word == "-":
            files += map(Path, names_from_stdin())
            are_named = False
        elif Path(word).is_dir():
            found, unread = find_images(word)
            files += found
            left_out += unread
            are_named = False
        else:
            files.append(Path(word))
    return Pictures(files, are_named, left_out)


def names_from_stdin() -> list[str]:
    """The names of files on stdin: a line each, or with a zero byte after each, as `find -print0` writes them."""
    if sys.stdin.isatty():
        raise ValueError("- stands for a list of files on stdin, which is a terminal here: pipe one in, as `ls *.png | ...`")
    names = [name for name in re.split("\0|\r?\n", sys.stdin.read()) if name]
    if not names:
        raise ValueError("there are no names of files on stdin, allowed: a line each")
    return names


def check_any(found: "EmbeddedFiles") -> None:
    """Raise ValueError where no picture could be read."""
    if not found.files:
        raise ValueError(f"none of the {counted(len(found.left_out), 'file')} could be read as a picture")


def say_left_out(left_out: Sequence[tuple[Path, str]]) -> None:
    """A line on stderr for each file that was left out."""
    for file, reason in left_out:
        print(f"{styled('left out', 'yellow', sys.stderr)} {file}: {reason}", file=sys.stderr)
