"""Turn images into embeddings, whose Euclidean distances are what `siamese compare` judges by."""

import argparse
import json
from pathlib import Path

import numpy as np

from siamese.commands import add_model_flags, load, parser_of, run
from siamese.config import readable
from siamese.model_folder.files import write_file


def build_parser() -> argparse.ArgumentParser:
    """The flags of `siamese embed`; each states its default."""
    parser = parser_of("embed", __doc__)
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="image files")
    parser.add_argument(
        "--output",
        metavar="FILE.npz",
        help="write the arrays `embeddings` and `files` there (default: print JSON)",
    )
    add_model_flags(parser, json=False)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command; its exit code."""
    return run(embed, build_parser().parse_args(argv))


def embed(arguments: argparse.Namespace) -> None:
    """`embed IMAGE...`: one JSON object with the embeddings in the order of the files, or an .npz file of the same."""
    if arguments.output and not arguments.output.endswith(".npz"):
        raise ValueError(f"--output is {arguments.output!r}, allowed: a file that ends with .npz")
    verifier = load(arguments)
    embeddings = verifier.embed(arguments.images)  # (N, D)
    if arguments.output:
        write_file(Path(arguments.output), lambda file: _save(file, embeddings, arguments.images))
        print(f"wrote {len(embeddings):,} embeddings of {embeddings.shape[1]} numbers to {arguments.output}")
        return
    print(
        json.dumps(
            {"model": verifier.name, "files": list(map(readable, arguments.images)), "embeddings": embeddings.tolist()}
        )
    )


def _save(file: Path, embeddings: np.ndarray, files: list[str]) -> None:
    with file.open("wb") as opened:
        np.savez(opened, embeddings=embeddings, files=np.array(files))
