"""Turn images into embeddings, whose Euclidean distances are what `siamese compare` judges by."""

import argparse
import contextlib
import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from siamese.commands import add_model_flags, load, parser_of, run
from siamese.commands.embedding_tables import check_kind, write_table
from siamese.commands.pictures import HELP, Pictures, check_any, pictures_of, say_left_out
from siamese.config import readable

FOLDERS = "embedding a folder or a list"


def build_parser() -> argparse.ArgumentParser:
    """The flags of `siamese embed`; each states its default."""
    parser = parser_of("embed", __doc__)
    parser.add_argument("images", metavar="IMAGE", nargs="+", help=HELP)
    add_model_flags(parser, json=False)
    output = parser.add_argument_group("output")
    output.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="write embeddings and names of files there: .npz, .csv or .parquet; - for CSV on stdout (default: print JSON)",
    )
    output.add_argument("--json", action="store_true", help="print one JSON object, as without --output")
    parser.epilog = (
        "Embedding a folder or a list goes on where it was interrupted: give the same command again. Of these, files that "
        "cannot be read are named and left out; of files named one by one, none is written then. Several GPUs or machines "
        "share a folder: torchrun --nproc_per_node=N -m siamese embed FOLDER --output FILE, on a disk that all of them see."
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command; its exit code."""
    return run(embed, build_parser().parse_args(argv))


def embed(arguments: argparse.Namespace) -> int:
    """`embed IMAGE...`: one JSON object with the embeddings in the order of the files, or a table of the same."""
    if arguments.output and arguments.json:
        raise ValueError("--json prints the embeddings, and --output writes them to a file: leave one of them out")
    if arguments.output:
        check_kind(arguments.output)
    try:
        pictures = pictures_of(arguments.images)
    except ValueError:  # of a folder with files of another kind, the model says more
        load(arguments).check_images(FOLDERS)
        raise
    if arguments.output not in (None, "-") and not pictures.are_named:
        return embed_many(arguments, pictures)
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ValueError("torchrun is for folders and lists of pictures with --output FILE: leave it out for others")
    verifier = load(arguments)
    if pictures.are_named:
        files, embeddings = list(map(str, pictures.files)), verifier.embed(pictures.files)  # (N, D)
    else:
        verifier.check_images(FOLDERS)
        from siamese.embedded_files import embed_files

        found = embed_files(verifier, pictures.files, progress=True)
        say_left_out([*pictures.left_out, *found.left_out])
        check_any(found)
        files, embeddings = list(map(str, found.files)), found.embeddings
    if arguments.output:
        write_table(arguments.output, files, embeddings)
        if arguments.output != "-":
            print(f"wrote {len(files):,} embeddings of {embeddings.shape[1]} numbers to {arguments.output}")
        return 0
    print(json.dumps({"model": verifier.name, "files": list(map(readable, files)), "embeddings": embeddings.tolist()}))
    return 0


def embed_many(arguments: argparse.Namespace, pictures: Pictures) -> int:
    """Write the embeddings of what may be very many files, kept on the way beside the output; the exit code.

    Of several processes each does its share, in a folder of its own, and the main one joins them.
    """
    from siamese.embedded_files import UnfinishedEmbeddings, joined
    from siamese.training.distributed import processes

    output, files = arguments.output, pictures.files
    folder = Path(output).parent / f".{Path(output).name}.unfinished"
    with processes(arguments.device) as (world, arguments.device), world.one_voice():
        verifier = load(arguments)
        verifier.check_images(FOLDERS)
        shares = [files[world.share_of(rank, len(files))] for rank in range(world.size)]
        folders = [folder] if world.size == 1 else [folder / f"{rank + 1} of {world.size}" for rank in range(world.size)]
        with UnfinishedEmbeddings(folders[world.rank], verifier) as unfinished:
            try:
                done = unfinished.add(shares[world.rank], progress=True)
            except KeyboardInterrupt:
                print(file=sys.stderr)  # after the bar
                say_done(len(unfinished.done), shares[world.rank], "done: the same command goes on from there")
                return 130
            if done:
                say_done(done, shares[world.rank], "done already")
        world.wait()
        if not world.is_main:
            return 0
        with contextlib.ExitStack() as opened:
            parts = [opened.enter_context(UnfinishedEmbeddings(each, verifier)) for each in folders]
            found = joined([part.of(share) for part, share in zip(parts, shares, strict=True)], folder)
            say_left_out([*pictures.left_out, *found.left_out])
            check_any(found)
            write_table(output, list(map(str, found.files)), found.embeddings)
        shutil.rmtree(folder, ignore_errors=True)
    print(f"wrote {len(found.files):,} embeddings of {found.embeddings.shape[1]} numbers to {output}")
    return 0


def say_done(done: int, files: Sequence[Path], what: str) -> None:
    """How many files of this process are done, on stderr."""
    print(f"{done:,} of {len(files):,} files are {what}", file=sys.stderr)
