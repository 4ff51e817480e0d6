"""Turn images into embeddings, whose Euclidean distances are what `siamese compare` judges by."""

import argparse
import json
import sys
from pathlib import Path

from siamese.commands import add_model_flags, load, parser_of, run
from siamese.commands.embedding_tables import check_kind, write_table
from siamese.commands.pictures import HELP, Pictures, check_any, pictures_of, say_left_out
from siamese.config import readable


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
        "cannot be read are named and left out; of files named one by one, none is written then."
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
    pictures = pictures_of(arguments.images)
    verifier = load(arguments)
    if not pictures.are_named:
        verifier.check_images("embedding a folder or a list")
    if arguments.output not in (None, "-") and not pictures.are_named:
        return embed_many(verifier, pictures, arguments.output)
    if pictures.are_named:
        files, embeddings = list(map(str, pictures.files)), verifier.embed(pictures.files)  # (N, D)
    else:
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


def embed_many(verifier, pictures: Pictures, output: str) -> int:
    """Write the embeddings of what may be very many files, kept on the way beside `output`; the exit code."""
    from siamese.embedded_files import UnfinishedEmbeddings

    folder = Path(output).parent / f".{Path(output).name}.unfinished"
    with UnfinishedEmbeddings(folder, verifier) as unfinished:
        try:
            if done := unfinished.add(pictures.files, progress=True):
                print(f"{done:,} of {len(pictures.files):,} files were done already", file=sys.stderr)
        except KeyboardInterrupt:
            done = len(unfinished.done)
            print(
                f"\n{done:,} of {len(pictures.files):,} files are done: the same command goes on from there", file=sys.stderr
            )
            return 130
        found = unfinished.of(pictures.files)
        say_left_out([*pictures.left_out, *found.left_out])
        check_any(found)
        write_table(output, list(map(str, found.files)), found.embeddings)
        unfinished.remove()
    print(f"wrote {len(found.files):,} embeddings of {found.embeddings.shape[1]} numbers to {output}")
    return 0
